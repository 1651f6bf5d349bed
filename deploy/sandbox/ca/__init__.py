"""The stack's own certificate authority."""
