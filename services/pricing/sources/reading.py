"""What came of reading a catalog, and the collector that readers of foreign forms fill."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from services.pricing.catalog_file import findings_of
from services.pricing.catalog_yaml import Finding, MarkedYaml, Path, dotted
from services.pricing.domain import Addon, Catalog, Plan
from services.pricing.errors import CatalogRejected
from services.pricing.sources.options import SourceForm


@dataclass(frozen=True, slots=True)
class Reading:
    """A file, read: ``catalog`` is None if nothing of it can come into force.

    ``problems`` are what was left out and why; ``notes`` are what stands but cannot be kept whole.
    ``name`` is what the catalog is, or would have been, called; empty if that is not known.
    """

    form: SourceForm
    name: str
    catalog: Catalog | None
    problems: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What stands of a file that was read, what does not, and what could not be kept whole."""

    form: SourceForm
    catalog: Catalog
    problems: tuple[Finding, ...]
    notes: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Exported:
    """A catalog in a certain form, and what that form cannot say; the notes' keys are ours."""

    text: str
    notes: tuple[Finding, ...]


class Foreign(BaseModel):
    """Part of a form that is somebody else's: what is not known here is passed over, and told."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_missing(cls, value: object) -> object:
        """A key with nothing behind it is as good as none."""
        if not isinstance(value, dict):
            return value
        return {key: item for key, item in value.items() if item is not None}


class Refused(Exception):  # noqa: N818 - an answer about a file
    """Nothing of the file can come into force; the collector has the problems."""


class Collector:
    """Findings about one document."""

    def __init__(self, document: MarkedYaml, source: str) -> None:
        self.document = document
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []
        self._source = source

    def problem(self, path: Path, what: str) -> None:
        """Say that something is wrong at a key."""
        self.problems.append(self._finding(path, what))

    def note(self, path: Path, what: str) -> None:
        """Say that something stands at a key and is not kept."""
        self.notes.append(self._finding(path, what))

    def refuse(self, path: Path, what: str) -> Refused:
        """Say that something is wrong for which nothing can be taken."""
        self.problem(path, what)
        return Refused(what)

    def badly_written(self, path: Path) -> bool:
        """Report what YAML itself could not take at or below a key; True if there was any."""
        return self._tell(p for p in self.document.wrong if p[: len(path)] == path)

    def badly_written_beside(self, *groups: str) -> bool:
        """Report what YAML itself could not take outside the items of these groups."""
        return self._tell(p for p in self.document.wrong if len(p) < 2 or p[0] not in groups)

    def invalid(self, error: ValidationError, above: Path) -> None:
        """Report what a form finds wrong with the part of the document that stands at a key."""
        self.problems += findings_of(self.document, self._source, error, above)

    def unknown_keys(self, form: BaseModel, path: Path) -> None:
        """Note each key of a foreign form that is not known here."""
        for key in form.model_extra or {}:
            self.note((*path, key), "is not known here and not kept")
        for name, info in type(form).model_fields.items():
            value = getattr(form, name)
            if isinstance(value, BaseModel):
                self.unknown_keys(value, (*path, info.alias or name))

    def _tell(self, paths: Iterable[Path]) -> bool:
        found = [(path, self.document.wrong[path]) for path in paths]
        for path, what in found:
            self.problem(path, what)
        return bool(found)

    def _finding(self, path: Path, what: str) -> Finding:
        return Finding(self._source, self.document.line(path), dotted(path), what)


def accepted(reading: Reading, source: str) -> Imported:
    """Return what stands; CatalogRejected with every problem if that is nothing."""
    if reading.catalog is None:
        raise CatalogRejected(source, [str(problem) for problem in reading.problems])
    return Imported(reading.form, reading.catalog, reading.problems, reading.notes)


def repeated_prices(
    items: Iterable[tuple[Path, Plan | Addon]], collector: Collector
) -> Iterator[Path]:
    """Report and return each item that sells a price which one before it sells."""
    sold: dict[tuple[str, str], str] = {}
    for path, item in items:
        mine = {pair for price in item.prices for pair in price.provider_prices.items()}
        taken = sorted(mine & set(sold))
        for provider, name in taken:
            collector.problem(path, f"{name} is sold by {sold[provider, name]} already")
        if taken:
            yield path
        else:
            sold |= dict.fromkeys(mine, dotted(path))
