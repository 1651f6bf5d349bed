"""Label and field selectors: parsed once, matched often."""

import re
from dataclasses import dataclass
from functools import lru_cache

from deploy.sandbox.kubernetes.core.errors import bad_request
from deploy.sandbox.kubernetes.core.objects import Obj, dig, labels_of

_SET = re.compile(r"\s*(\S+?)\s+(in|notin)\s*\(([^)]*)\)\s*")
_EQUALITY = re.compile(r"\s*([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)\s*")
_EXISTS = re.compile(r"\s*(!?)\s*([^\s=!()]+)\s*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label; `operator` is in, notin, exists or absent."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether labels satisfy the condition."""
        value = labels.get(self.key)
        if self.operator == "in":
            return value in self.values
        if self.operator == "notin":
            return value not in self.values
        return (value is not None) == (self.operator == "exists")


Selector = tuple[Requirement, ...]


def matches(selector: Selector, labels: dict[str, str]) -> bool:
    """Whether labels satisfy every condition; the empty selector matches everything."""
    return all(requirement.matches(labels) for requirement in selector)


def _split(text: str) -> list[str]:
    """The parts between commas that are outside parentheses."""
    return [part for part in re.split(r",(?![^()]*\))", text) if part.strip()]


@lru_cache(maxsize=1024)
def parse_labels(text: str) -> Selector:
    """The requirements of a `labelSelector` parameter."""
    return tuple(_requirement(part) for part in _split(text))


def _requirement(part: str) -> Requirement:
    if found := _SET.fullmatch(part):
        values = tuple(value.strip() for value in found[3].split(","))
        return Requirement(found[1], found[2], values)
    if found := _EQUALITY.fullmatch(part):
        return Requirement(found[1], "notin" if found[2] == "!=" else "in", (found[3],))
    if found := _EXISTS.fullmatch(part):
        return Requirement(found[2], "absent" if found[1] else "exists")
    raise bad_request(f"unable to parse requirement: {part}")


def from_label_selector(selector: Obj | None) -> Selector | None:
    """The requirements of a `LabelSelector` object; None (no selector) matches nothing."""
    if selector is None:
        return None
    names = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}
    exact = [
        Requirement(key, "in", (value,))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    expressions = [
        Requirement(item["key"], names[item["operator"]], tuple(item.get("values") or ()))
        for item in selector.get("matchExpressions") or []
    ]
    return (*exact, *expressions)


_FIELDS: dict[str, tuple[str, ...]] = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
}
# The real server offers other fields per type, and only these.
_FIELDS_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "pods": {
        "status.phase": ("status", "phase"),
        "spec.nodeName": ("spec", "nodeName"),
        "spec.restartPolicy": ("spec", "restartPolicy"),
        "spec.serviceAccountName": ("spec", "serviceAccountName"),
        "status.podIP": ("status", "podIP"),
    },
    "namespaces": {"status.phase": ("status", "phase")},
    "secrets": {"type": ("type",)},
    "events": {
        "involvedObject.kind": ("involvedObject", "kind"),
        "involvedObject.name": ("involvedObject", "name"),
        "involvedObject.namespace": ("involvedObject", "namespace"),
        "involvedObject.uid": ("involvedObject", "uid"),
        "reason": ("reason",),
        "type": ("type",),
    },
}


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """One condition on one field."""

    label: str
    path: tuple[str, ...]
    value: str
    negated: bool

    def matches(self, obj: Obj) -> bool:
        """Whether the object satisfies the condition."""
        return (str(dig(obj, *self.path, default="")) == self.value) != self.negated


@lru_cache(maxsize=1024)
def parse_fields(text: str, plural: str) -> tuple[FieldTerm, ...]:
    """The terms of a `fieldSelector` parameter for a type."""
    known = _FIELDS | _FIELDS_OF.get(plural, {})
    terms = []
    for part in _split(text):
        found = re.fullmatch(r"\s*([\w.]+)\s*(==|=|!=)\s*(.*?)\s*", part)
        if found is None:
            raise bad_request(f"invalid field selector: {part}")
        if found[1] not in known:
            raise bad_request(f"field label not supported: {found[1]}")
        terms.append(FieldTerm(found[1], known[found[1]], found[3], found[2] == "!="))
    return tuple(terms)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list or a watch lets through."""

    labels: Selector = ()
    fields: tuple[FieldTerm, ...] = ()

    def accepts(self, obj: Obj) -> bool:
        """Whether the object passes."""
        return matches(self.labels, labels_of(obj)) and all(
            term.matches(obj) for term in self.fields
        )

    def exact_name(self) -> str | None:
        """The one name that can pass, if the selector names one."""
        for term in self.fields:
            if term.label == "metadata.name" and not term.negated:
                return term.value
        return None

    def indexed_labels(self) -> list[Requirement]:
        """Requirements that an index by label value can answer."""
        return [requirement for requirement in self.labels if requirement.operator == "in"]

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)
