"""The embedded stack: the real services on embedded parts, on one machine."""
