"""Tells a service that is new here of the tenants that stood before it was."""
