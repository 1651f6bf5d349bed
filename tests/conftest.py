"""Fixtures that any test may ask for."""

from tests.integration.postgres_fixture import database, postgres

__all__ = ["database", "postgres"]
