"""Custom resources: as they are asked about, and as a quote is bound to them. Values only."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.errors import Violations
from services.pricing.canonical import Json, digest, read_json

_API_VERSION = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/v[a-z0-9]{1,62}")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True)
class ObjectRequest:
    """An object as it is asked about; ``spec`` is JSON that nobody has read yet."""

    api_version: str
    kind: str
    namespace: str = ""
    name: str = ""
    spec: str = ""


@dataclass(frozen=True, slots=True)
class CustomObject:
    """An object whose spec was read."""

    api_version: str
    kind: str
    namespace: str
    name: str
    spec: Mapping[str, Json]

    @property
    def spec_hash(self) -> str:
        """The digest of the canonical spec."""
        return digest(self.spec)


@dataclass(frozen=True, slots=True)
class QuotedObject:
    """The object that a quote is bound to; an empty namespace or name is any.

    ``catalog`` at ``catalog_version`` had the rule that derived its resources.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    spec_hash: str
    catalog: str
    catalog_version: str


def checked_object(asked: ObjectRequest) -> CustomObject:
    """Return an object whose spec was read; InvalidArgument names every bad field at once."""
    bad = Violations()
    if not _API_VERSION.fullmatch(asked.api_version):
        bad.add("object.api_version", "expected a group and a version: apps.example.com/v1")
    if not _KIND.fullmatch(asked.kind):
        bad.add("object.kind", "expected a kind such as WordPress")
    for field in ("namespace", "name"):
        if len(getattr(asked, field)) > _LONGEST_NAME:
            bad.add(f"object.{field}", f"expected at most {_LONGEST_NAME} characters")
    spec = _spec(asked.spec, bad)
    bad.raise_if_any()
    return CustomObject(asked.api_version, asked.kind, asked.namespace, asked.name, spec)


def _spec(text: str, bad: Violations) -> Mapping[str, Json]:
    try:
        value = read_json(text or "{}")
    except ValueError as error:
        bad.add("object.spec", str(error))
        return {}
    if not isinstance(value, Mapping):
        bad.add("object.spec", "expected a JSON object")
        return {}
    return value
