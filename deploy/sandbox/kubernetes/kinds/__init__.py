"""What is special about a kind: its defaults, its validation, what an update may change."""
