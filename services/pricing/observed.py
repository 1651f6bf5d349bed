"""Catalogs that are no files here: a ConfigMap of a cluster, told of by the provisioner."""

from dataclasses import dataclass

from services.pricing.domain import Catalog

LONGEST_REPORT = 16_384
"""Characters of what is wrong with a source that are kept."""


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """What a ConfigMap was seen to say, or that it is gone.

    ``revision`` grows with everything that is told of it. ``text`` None: it holds no catalog, or
    one of ``left_out_bytes`` that was too long to be told.
    """

    source: str
    revision: int
    stands: bool
    text: str | None = None
    left_out_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """A source as it is kept: what was told last, and what came of it.

    ``catalog`` is the one that it governs, empty before anything of it was good. ``error`` is what
    of it is not in force, and why.
    """

    seen: SourceSeen
    catalog: str = ""
    error: str = ""

    @property
    def governs(self) -> bool:
        """Whether its catalog may come from nowhere else."""
        return self.seen.stands and bool(self.catalog)


@dataclass(frozen=True, slots=True)
class Offer:
    """What was read of a source's text; ``catalog`` None: nothing of it can come into force."""

    catalog: Catalog | None
    problems: str = ""


@dataclass(frozen=True, slots=True)
class SourceTaken:
    """What came of a source; ``changed`` says that another version is in force now."""

    source: CatalogSource
    version: str = ""
    changed: bool = False
