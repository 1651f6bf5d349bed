"""One module per resource: its shape and its calls."""
