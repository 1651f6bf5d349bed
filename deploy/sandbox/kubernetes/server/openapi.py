"""As much of an OpenAPI v3 document as clients need to see which parameters a patch takes.

kubectl and helm look there for `fieldValidation` before they send anything. Schemas of objects are
not in it.
"""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.resources.definition import ResourceType
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.verbs.patch import APPLY, JSON, MERGE, STRATEGIC

_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")
_HEAD: Obj = {"openapi": "3.0.0", "info": {"title": "Tollgate sandbox", "version": "v1"}}


def openapi(registry: Registry, path: str) -> Obj | None:
    """The index, the document of one group and version, or None where neither is."""
    places = dict(_places(registry))
    if path == "/openapi/v3":
        links = {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in places}
        return {"paths": links}
    found = places.get(path.removeprefix("/openapi/v3/"))
    return found and _document(registry, *found)


def _places(registry: Registry) -> Iterator[tuple[str, tuple[str, str]]]:
    for group, versions in registry.versions_of_groups().items():
        for version in versions:
            yield (f"apis/{group}/{version}" if group else f"api/{version}"), (group, version)


def _document(registry: Registry, group: str, version: str) -> Obj:
    base = f"/apis/{group}/{version}" if group else f"/api/{version}"
    paths = {}
    for type_ in registry:
        if type_.group == group and type_.version(version) and "patch" in type_.verbs:
            space = "/namespaces/{namespace}" if type_.namespaced else ""
            patch = _patch(type_, version)
            paths[f"{base}{space}/{type_.plural}/{{name}}"] = {"patch": patch}
    return {**_HEAD, "paths": paths, "components": {"schemas": {}}}


def _patch(type_: ResourceType, version: str) -> Obj:
    formats = (APPLY, JSON, MERGE) if type_.custom else (APPLY, JSON, MERGE, STRATEGIC)
    return {
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS
        ],
        "requestBody": {"content": {media: {"schema": {"type": "object"}} for media in formats}},
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {
            "group": type_.group,
            "version": version,
            "kind": type_.kind,
        },
    }
