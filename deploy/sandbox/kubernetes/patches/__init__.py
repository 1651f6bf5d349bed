"""The two patch formats that need no knowledge of types."""
