"""Word documents (Office Open XML) become Markdown."""
