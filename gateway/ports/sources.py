"""What the gateway asks of pricing about where catalogs come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CatalogSource:
    """A ConfigMap that a catalog is told of by, ``<namespace>/<name>``.

    ``catalog`` is the one that it governs and ``version`` what of it is in force; both may be
    empty. ``problems`` say what of it is not in force, and why.
    """

    source: str
    stands: bool
    revision: int
    text_bytes: int
    catalog: str
    version: str
    problems: Sequence[str]


class CatalogSources(Protocol):
    """Where catalogs come from, for operators."""

    async def catalog_sources(self) -> Sequence[CatalogSource]:
        """Return all sources, by name; a refusal unless an operator acts."""
        ...
