"""A mail server that takes every mail and sends none: each becomes a file that a person reads."""
