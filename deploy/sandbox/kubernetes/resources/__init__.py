"""Which types are served: the built-in table, custom resource definitions, their schemas."""
