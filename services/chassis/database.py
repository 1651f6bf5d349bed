"""The database of a service at its start: migrated, if that is this process's to do, and pooled."""

from pathlib import Path

import structlog

from services.chassis.backoff import Backoff
from services.chassis.config import ChassisConfig, StartError
from services.chassis.db import Pool, is_transient_error, open_pool
from services.chassis.migrate import MigrationError, migrate
from services.chassis.process import Process

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chassis.database")

_RETRY = Backoff(base=0.1, cap=2.0)


async def open_database(config: ChassisConfig, process: Process, migrations: Path) -> Pool:
    """Return the process's pool, closed with its resources.

    Waits while the database cannot be reached, and says so once. Migrations run first where the
    owner's URL is given. Raises StartError if one cannot be applied.
    """
    if config.migrate_url:
        await _migrate(config, process, migrations)
    pool = await open_pool(
        config.database_url,
        application_name=config.service,
        max_size=config.database_pool,
        clock=process.clock,
    )
    process.resources.push_async_callback(pool.close)
    return pool


async def _migrate(config: ChassisConfig, process: Process, migrations: Path) -> None:
    failures = 0
    while True:
        try:
            await migrate(config.migrate_url, config.service, [migrations], clock=process.clock)
        except MigrationError as error:
            raise StartError(f"{config.service} cannot migrate its database: {error}.") from error
        except Exception as error:
            if not is_transient_error(error):
                raise
            failures += 1
            if failures == 1:
                _log.warning("The database cannot be reached yet; waiting.", error=repr(error))
            await process.clock.sleep(_RETRY.delay(failures))
        else:
            return
