"""The REST API: checks who asks, turns requests into commands, and reads the read models. It decides nothing itself."""
