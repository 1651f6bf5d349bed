"""CustomResourceDefinitions."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, invalid, required, unsupported
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.objects import Obj, dig, meta, name_of
from deploy.sandbox.kubernetes.kinds.rules import KindRules

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


def _default_definition(obj: Obj) -> None:
    names = obj.setdefault("spec", {}).setdefault("names", {})
    kind = names.get("kind", "")
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List")
    obj["spec"].setdefault("conversion", {"strategy": "None"})


def _create_definition(obj: Obj, clock: Clock) -> None:
    finalizers = meta(obj).setdefault("finalizers", [])
    if CLEANUP_FINALIZER not in finalizers:
        finalizers.append(CLEANUP_FINALIZER)
    versions = obj["spec"].get("versions") or []
    conditions = [
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]
    obj["status"] = {
        "acceptedNames": obj["spec"]["names"],
        "storedVersions": [version["name"] for version in versions if version.get("storage")],
        "conditions": [
            {
                "type": type_,
                "status": "True",
                "reason": reason,
                "message": message,
                "lastTransitionTime": clock.timestamp(),
            }
            for type_, reason, message in conditions
        ],
    }


def _check_definition(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    names = spec["names"]
    for field in ("plural", "kind"):
        if not names.get(field):
            yield required(f"spec.names.{field}")
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if name_of(obj) != wanted:
        yield invalid("metadata.name", name_of(obj), 'must be spec.names.plural+"."+spec.group')
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        yield unsupported("spec.scope", spec.get("scope"), ["Cluster", "Namespaced"])
    if dig(spec, "conversion", "strategy") != "None":
        yield unsupported("spec.conversion.strategy", spec["conversion"].get("strategy"), ["None"])
    yield from _check_versions(spec.get("versions") or [])


def _check_versions(versions: list[Obj]) -> Iterator[Cause]:
    if sum(bool(version.get("storage")) for version in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield invalid("spec.versions", [version.get("name") for version in versions], why)
    for index, version in enumerate(versions):
        field = f"spec.versions[{index}]"
        if not version.get("name"):
            yield required(f"{field}.name")
        schema = dig(version, "schema", "openAPIV3Schema")
        if schema is None:
            yield required(f"{field}.schema.openAPIV3Schema", "schemas are required")
        elif schema.get("type") != "object":
            at = f"{field}.schema.openAPIV3Schema.type"
            yield invalid(at, schema.get("type"), "must be object at the root")
        else:
            yield from _check_structural(schema, f"{field}.schema.openAPIV3Schema")


def _check_structural(schema: Obj, field: str) -> Iterator[Cause]:
    """Every level says its type: what makes a schema structural."""
    free = schema.get("x-kubernetes-int-or-string") or schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    if not schema.get("type") and not free:
        yield required(f"{field}.type", "must not be empty for specified object fields")
    for name, child in (schema.get("properties") or {}).items():
        yield from _check_structural(child, f"{field}.properties[{name}]")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _check_structural(schema[name], f"{field}.{name}")


DEFINITIONS = KindRules(_default_definition, _create_definition, _check_definition)
