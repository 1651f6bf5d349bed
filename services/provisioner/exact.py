"""What of an object has to be exactly as ordered, for a field more of it opens something.

Elsewhere what others add is no difference (``compare``), and an apply leaves it in place: it is
theirs. Here it is a difference, and is taken away, whoever owns it.
"""

from collections.abc import Mapping

from services.provisioner.compare import differences, matches
from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import section

Path = tuple[str, ...]

_SCOPES: Path = ("spec", "scopes")
WHOLE: Mapping[str, tuple[Path, ...]] = {
    # One rule, port or type more or less, or a selector of fewer pods, is a gap in the fence.
    "NetworkPolicy": (("spec",),),
    # One subject more is somebody more who enters.
    "RoleBinding": (("roleRef",), ("subjects",)),
    # With a scope it counts only some of the pods. A further key of `hard` only bounds more, and so
    # does what others add to a LimitRange, of which the API server fills in some by itself.
    "ResourceQuota": (_SCOPES, ("spec", "scopeSelector")),
    # An older meaning of `restricted` forbids less.
    "Namespace": (("metadata", "labels", "pod-security.kubernetes.io/enforce-version"),),
}
"""By kind: what is compared as a whole. What is not wanted there must not stand."""


def stands(wanted: JsonObject, live: JsonObject) -> bool:
    """Tell whether everything wanted is in ``live``, and nothing more where that is a gap."""
    return matches(wanted, live) and not _gaps(wanted, live)


def wrong(wanted: JsonObject, live: JsonObject) -> list[str]:
    """Return the paths at which ``live`` is not as wanted, for people."""
    missing = [] if matches(wanted, live) else differences(wanted, live)
    more = [".".join(path) for path in _gaps(wanted, live)]
    return [*missing, *(path for path in more if path not in missing)]


def only_anew(wanted: JsonObject, live: JsonObject) -> bool:
    """Tell whether no change makes it so: the API server takes none of a quota's scopes."""
    return _SCOPES in _gaps(wanted, live)


def clearing(wanted: JsonObject, live: JsonObject) -> JsonObject | None:
    """Return the patch that takes away what stands there unnamed, None for nothing.

    What is named is owned whole (`ingress: []` is, too), and is put right by an apply.
    """
    patch: dict[str, Json] = {}
    for path in _gaps(wanted, live):
        ordered, found = _at(wanted, path), _at(live, path)
        if ordered is None:
            _take_away(patch, path)
        elif isinstance(ordered, Mapping) and isinstance(found, Mapping):
            for key in found:
                if key not in ordered:
                    _take_away(patch, (*path, key))
    return patch or None


def _gaps(wanted: JsonObject, live: JsonObject) -> list[Path]:
    return [
        path
        for path in WHOLE.get(str(wanted.get("kind")), ())
        if not _same(_at(wanted, path), _at(live, path))
    ]


def _same(ordered: Json, found: Json) -> bool:
    return ordered == found or _bare(ordered) == _bare(found)


def _at(content: JsonObject, path: Path) -> Json:
    return section(content, *path[:-1]).get(path[-1])


def _bare(value: Json) -> Json:
    """Return JSON without empty lists, which the API server drops; an empty mapping means all."""
    if isinstance(value, Mapping):
        bare = {key: _bare(inner) for key, inner in value.items()}
        return {key: inner for key, inner in bare.items() if inner is not None}
    if isinstance(value, list):
        return [_bare(inner) for inner in value] or None
    return value


def _take_away(patch: dict[str, Json], path: Path) -> None:
    inner: dict[str, Json] = {path[-1]: None}
    for key in reversed(path[1:-1]):
        inner = {key: inner}
    known = patch.get(path[0])
    patch[path[0]] = {**known, **inner} if isinstance(known, Mapping) else inner
