"""The read side: events become the Postgres read models that every screen reads."""
