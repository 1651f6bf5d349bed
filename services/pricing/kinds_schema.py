"""The form of a catalog's ``kinds``: what custom resources are billed by."""

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from services.pricing.catalog_forms import Form
from services.pricing.kinds import KindRule, ResourceRule, Steps, Where
from services.pricing.sizes import cores, gigabytes

_STEP = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_-]{0,62})|\[(?P<place>\d{1,4})\]")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+/v[a-z0-9]+")
_LONGEST_PATH = 512
_SIZES = {"cpu": cores, "memory": gigabytes, "storage": gigabytes}


def _steps(text: str) -> Steps:
    """Read a path such as ``volumes[0].size``; it begins at the spec, or at the item."""
    expected = "expected a path within the spec, such as wordpress.resources.requests.cpu"
    if not text or len(text) > _LONGEST_PATH:
        raise ValueError(expected)
    found: list[str | int] = []
    at = 0
    while at < len(text):
        if text[at] == "." and found:
            at += 1
        match = _STEP.match(text, at)
        joined = match is not None and (match["place"] or at == 0 or text[at - 1] == ".")
        if match is None or not joined:
            raise ValueError(f"{expected}; got {text!r}")
        found.append(match["key"] or int(match["place"]))
        at = match.end()
    return tuple(found)


def _path(value: object) -> Steps:
    if not isinstance(value, str):
        raise ValueError("expected a path within the spec")
    return _steps(value)


def _paths(value: object) -> tuple[Steps, ...]:
    items = value if isinstance(value, list) else [value]
    if not 1 <= len(items) <= 10:
        raise ValueError("expected 1 to 10 paths, of which the first that there is counts")
    return tuple(_path(item) for item in items)


def _constant(value: object) -> object:
    """A size that is written by itself is always that."""
    return {"default": value} if isinstance(value, str | int) else value


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("expected a number or a quantity such as 500m or 4Gi")
    return str(value)


def _kind_name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > 253:
        raise ValueError("expected <plural>.<group>/<version>: webapps.apps.example.com/v1")
    return value


Path = Annotated[Steps, BeforeValidator(_path)]
Paths = Annotated[tuple[Steps, ...], BeforeValidator(_paths)]
KindName = Annotated[str, AfterValidator(_kind_name)]


class WhereForm(Form):
    """Where a size stands, and what counts where nothing does."""

    path: Paths = ()
    default: Annotated[str, BeforeValidator(_text)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "WhereForm":
        if not self.path and self.default is None:
            raise ValueError("expected a path, a default, or both")
        return self

    def to_domain(self) -> Where:
        """Return where it stands."""
        return Where(self.path, self.default)


Size = Annotated[WhereForm, BeforeValidator(_constant)]


class ResourceRuleForm(Form):
    """One billable resource of a kind; a size that is left out is none."""

    type: str = Field(min_length=1, max_length=63)
    cpu: Size | None = None
    memory: Size | None = None
    storage: Size | None = None
    replicas: Size | None = None
    each: Path = ()
    when: Path = ()

    @field_validator("cpu", "memory", "storage")
    @classmethod
    def _default_is_a_size(cls, value: WhereForm | None, info: ValidationInfo) -> WhereForm | None:
        if value is not None and value.default is not None and info.field_name is not None:
            _SIZES[info.field_name](value.default)
        return value

    @field_validator("replicas")
    @classmethod
    def _default_is_a_number(cls, value: WhereForm | None) -> WhereForm | None:
        default = value.default if value else None
        if default is not None and not re.fullmatch(r"[1-9]\d{0,3}", default):
            raise ValueError(f"expected 1 to 9999 replicas, got {default!r}")
        return value

    @model_validator(mode="after")
    def _costs_something(self) -> "ResourceRuleForm":
        if not (self.cpu or self.memory or self.storage):
            raise ValueError("expected at least one of cpu, memory and storage")
        return self

    def to_domain(self) -> ResourceRule:
        """Return the rule."""
        nothing = Where(default="")
        sizes = {name: getattr(self, name) for name in _SIZES}
        found = {name: form.to_domain() if form else nothing for name, form in sizes.items()}
        replicas = self.replicas.to_domain() if self.replicas else Where(default="1")
        return ResourceRule(self.type, replicas=replicas, each=self.each, when=self.when, **found)


class KindForm(Form):
    """What one kind is billed by."""

    kind: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")
    resources: list[ResourceRuleForm] = Field(min_length=1, max_length=50)

    def to_domain(self, name: str) -> KindRule:
        """Return the rule of a kind."""
        return KindRule(name, self.kind, tuple(one.to_domain() for one in self.resources))
