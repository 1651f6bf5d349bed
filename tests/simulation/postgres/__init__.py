"""Worlds whose services keep their rows in a real PostgreSQL, through their real stores."""
