"""A merge patch as the operations of a JSON patch, which can test what a merge patch cannot."""

from collections.abc import Mapping

from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import Live, section

_MAPS = (("metadata", "annotations"), ("metadata", "labels"), ("spec",))


def operations(patch: JsonObject, live: Live) -> list[JsonObject] | None:
    """Return what a patch of annotations, labels and fields of the spec does to this object.

    None if the object lacks one of these mappings: to add it would take away what somebody else
    put there meanwhile.
    """
    found: list[JsonObject] = []
    for path in _MAPS:
        wanted = section(patch, *path)
        stands = _mapping(live.content, path)
        if wanted and stands is None:
            return None
        for key, value in wanted.items():
            found += _operation("/".join(("", *path, _escaped(key))), key, value, stands)
    return found


def pins(live: Live) -> list[JsonObject] | None:
    """Return the tests that hold for this object until somebody changes its spec, or None.

    The API server counts changes of the spec: one that was changed and changed back is another.
    """
    generation = section(live.content, "metadata").get("generation")
    if not isinstance(generation, int):
        return None
    return [
        {"op": "test", "path": "/metadata/uid", "value": live.uid},
        {"op": "test", "path": "/metadata/generation", "value": generation},
    ]


def _operation(
    path: str, key: str, value: Json, stands: Mapping[str, Json] | None
) -> list[JsonObject]:
    if value is not None:
        return [{"op": "add", "path": path, "value": value}]
    if stands is None or key not in stands:
        return []
    # Only what was read is taken away: somebody may have written something else there.
    return [{"op": "test", "path": path, "value": stands[key]}, {"op": "remove", "path": path}]


def _mapping(content: JsonObject, path: tuple[str, ...]) -> Mapping[str, Json] | None:
    found: Json = content
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
