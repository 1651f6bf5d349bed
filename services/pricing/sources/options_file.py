"""The file that says what imports take besides their own files: a section for each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from services.pricing.catalog_file import findings_of
from services.pricing.catalog_schema import Form, Id, Policy, QuantityMap, Seconds
from services.pricing.catalog_yaml import YamlProblem, read, said
from services.pricing.domain import EndPolicy
from services.pricing.errors import CatalogRejected
from services.pricing.sources.options import ImportOptions

Tier = Literal["basic", "premium", "enterprise"]


def _decimals(value: object) -> object:
    """Amounts are decimals; a whole number is one."""
    if not isinstance(value, dict):
        return value
    return {key: str(amount) if type(amount) is int else amount for key, amount in value.items()}


class SectionForm(Form):
    """What one file is imported with; what is left out is the form's own default."""

    catalog: Id | None = None
    description: str = ""
    tiers: dict[str, Tier] = Field(default_factory=dict)
    features: dict[str, list[str]] = Field(default_factory=dict)
    amounts: Annotated[dict[str, str], BeforeValidator(_decimals)] = Field(default_factory=dict)
    on_unpaid: Policy | None = None
    on_end: Policy | None = None
    retention: Seconds | None = None
    suspended_quota: QuantityMap | None = None

    def applied(self, common: ImportOptions) -> ImportOptions:
        """Return the options of the file; ``common`` is what the environment says."""
        options = replace(
            common,
            catalog=self.catalog or "",
            description=self.description,
            tiers=self.tiers,
            features={key: tuple(words) for key, words in self.features.items()},
            amounts=self.amounts,
            on_unpaid=EndPolicy(self.on_unpaid) if self.on_unpaid else None,
            on_end=EndPolicy(self.on_end) if self.on_end else None,
            retention_seconds=self.retention,
        )
        if self.suspended_quota is None:
            return options
        return replace(options, suspended_quota=self.suspended_quota)


_SECTIONS: TypeAdapter[dict[str, SectionForm]] = TypeAdapter(dict[str, SectionForm])


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """Options by the name of the file that is imported; ``others`` for files without a section."""

    sections: Mapping[str, ImportOptions] = field(default_factory=dict)
    others: ImportOptions = field(default_factory=ImportOptions)

    def options(self, file_name: str) -> ImportOptions:
        """Return the options of a file, by its name without folders."""
        return self.sections.get(file_name, self.others)

    @property
    def expects_configmaps(self) -> bool:
        """Tell whether there is a section for a ConfigMap, by its ``namespace/name``."""
        return any("/" in name for name in self.sections)

    def observed_options(self, source: str) -> ImportOptions:
        """Return the options of a ConfigMap, by ``namespace/name`` or as of a file of its name."""
        alike = self.options(f"{source.rpartition('/')[2]}.yaml")
        return self.sections.get(source, alike)


def read_imports(text: str, source: str, common: ImportOptions) -> ImportSettings:
    """Read the file; CatalogRejected names file, line and key of every problem."""
    try:
        document = read(text)
    except YamlProblem as problem:
        found = said(source, problem.line, problem.key, str(problem))
        raise CatalogRejected(source, [found]) from None
    try:
        sections = _SECTIONS.validate_python(document.value)
    except ValidationError as error:
        problems = [str(finding) for finding in findings_of(document, source, error)]
        raise CatalogRejected(source, problems) from None
    return ImportSettings({key: form.applied(common) for key, form in sections.items()}, common)
