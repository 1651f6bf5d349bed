"""The rules that names, labels and annotations obey."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from deploy.sandbox.kubernetes.core.causes import Cause, invalid, required

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_MAX_GENERATED_BASE = 58

_WHY_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_WHY_LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_WHY_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_WHY_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_WHY_QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@lru_cache(maxsize=8192)
def name_problem(name: str, style: str) -> str:
    """Why a name is refused under a naming style, or nothing.

    Styles: `subdomain` (253 characters), `label` (63), `label1035` (63), `path` (RBAC).
    """
    if style == "path":
        return _path_problem(name)
    pattern, limit, why = {
        "label": (_LABEL, 63, _WHY_LABEL),
        "label1035": (_LABEL_1035, 63, _WHY_LABEL_1035),
        "subdomain": (_SUBDOMAIN, 253, _WHY_SUBDOMAIN),
    }[style]
    if len(name) > limit:
        return f"must be no more than {limit} characters"
    return "" if pattern.fullmatch(name) else why


def _path_problem(name: str) -> str:
    if name in (".", ".."):
        return f"may not be '{name}'"
    return next((f"may not contain '{sign}'" for sign in "/%" if sign in name), "")


def generated(base: str, suffix: str) -> str:
    """A name from `generateName`, short enough to be a label."""
    return base[:_MAX_GENERATED_BASE] + suffix


_FINALIZERS = frozenset({"orphan", "foregroundDeletion", "kubernetes"})


def check_metadata(metadata: dict[str, Any], style: str) -> Iterator[Cause]:
    """What is wrong with name, labels, annotations, owner references and finalizers."""
    name = metadata.get("name") or ""
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif why := name_problem(name, style):
        yield invalid("metadata.name", name, why)
    yield from check_labels(metadata.get("labels") or {}, "metadata.labels")
    for key in metadata.get("annotations") or {}:
        if why := qualified_problem(key.lower()):
            yield invalid("metadata.annotations", key, why)
    yield from _check_owners(metadata.get("ownerReferences") or [])
    for index, finalizer in enumerate(metadata.get("finalizers") or []):
        if why := qualified_problem(finalizer):
            yield invalid(f"metadata.finalizers[{index}]", finalizer, why)


def check_finalizers(finalizers: list[str]) -> Iterator[Cause]:
    """Finalizers of built-in types are of Kubernetes itself, or say whose they are."""
    for index, finalizer in enumerate(finalizers):
        if "/" not in finalizer and finalizer not in _FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"metadata.finalizers[{index}]", finalizer, why)


def check_labels(labels: dict[str, Any], field: str) -> Iterator[Cause]:
    """What is wrong with a map of labels."""
    for key, value in labels.items():
        if why := qualified_problem(key):
            yield invalid(field, key, why)
        if not isinstance(value, str):
            yield invalid(field, value, "must be a string")
        elif len(value) > 63:
            yield invalid(field, value, "must be no more than 63 characters")
        elif value and not _QUALIFIED.fullmatch(value):
            yield invalid(field, value, _WHY_VALUE)


@lru_cache(maxsize=8192)
def qualified_problem(key: str) -> str:
    """Why a `prefix/name` key is refused, or nothing."""
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or name_problem(prefix, "subdomain")):
        return "prefix part " + (_WHY_SUBDOMAIN if prefix else "must be non-empty")
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 characters"
    return "" if _QUALIFIED.fullmatch(name) else _WHY_QUALIFIED


def _check_owners(owners: list[dict[str, Any]]) -> Iterator[Cause]:
    controllers = 0
    for index, owner in enumerate(owners):
        field = f"metadata.ownerReferences[{index}]"
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                yield required(f"{field}.{part}", "must not be empty")
        controllers += bool(owner.get("controller"))
    if controllers > 1:
        why = "Only one reference can have Controller set to true"
        yield invalid("metadata.ownerReferences", owners, why)
