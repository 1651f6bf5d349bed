"""Keeps what a world's services say, and what is not theirs to draw, out of it."""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_SILENT = logging.CRITICAL


@contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Within the block nothing is logged, and the machine's own chance follows from the seed.

    A pause after an outage is drawn from it, for instance.
    """
    said = structlog.get_config()
    chance = random.getstate()
    silent = structlog.make_filtering_bound_logger(_SILENT)
    structlog.configure(wrapper_class=silent, logger_factory=structlog.ReturnLoggerFactory())
    random.seed(f"{seed}:machine")
    try:
        yield
    finally:
        random.setstate(chance)
        structlog.configure(**said)
