"""The chassis on a real PostgreSQL."""

from tests.integration.chassis_pool import migrated, pool
from tests.integration.postgres_fixture import database, postgres

__all__ = ["database", "migrated", "pool", "postgres"]
