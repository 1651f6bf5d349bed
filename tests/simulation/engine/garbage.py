"""Keeps out of a world what Python does beside its work: a tenth of it.

That is the collector of cycles, and asyncio's list of all tasks: a life knows its own.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect what the last world left, then nothing within the block.

    What stood before the first world (modules, mostly) stays for good: it is never looked at again.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def unlisted() -> Iterator[None]:
    """Let ``asyncio.all_tasks`` know of no task that is made within the block."""
    everybody = asyncio.tasks._all_tasks  # type: ignore[attr-defined]  # asyncio's own
    # It does nothing to a task, and is no frame of Python.
    everybody.add = id
    try:
        yield
    finally:
        del everybody.add
