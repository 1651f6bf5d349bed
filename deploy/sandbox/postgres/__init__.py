"""The embedded PostgreSQL: where its binaries come from, its life as a process, and its roles."""
