"""Roles and their bindings."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, invalid, required, unsupported
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.kinds.rules import KindRules

GROUP = "rbac.authorization.k8s.io"


def _check_role(obj: Obj) -> Iterator[Cause]:
    for index, rule in enumerate(obj.get("rules") or []):
        field = f"rules[{index}]"
        if not rule.get("verbs"):
            yield required(f"{field}.verbs", "verbs must contain at least one value")
        urls = rule.get("nonResourceURLs")
        if urls and obj["kind"] == "Role":
            why = "namespaced rules cannot apply to non-resource URLs"
            yield invalid(f"{field}.nonResourceURLs", urls, why)
        if not urls and not rule.get("resources"):
            yield required(f"{field}.resources", "resource rules must supply at least one resource")
        if not urls and not rule.get("apiGroups"):
            yield required(
                f"{field}.apiGroups", "resource rules must supply at least one api group"
            )


def _default_binding(obj: Obj) -> None:
    obj.setdefault("roleRef", {}).setdefault("apiGroup", GROUP)
    for subject in obj.get("subjects") or []:
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", GROUP)


def _check_binding(obj: Obj) -> Iterator[Cause]:
    ref = obj["roleRef"]
    kinds = ["Role", "ClusterRole"] if obj["kind"] == "RoleBinding" else ["ClusterRole"]
    if ref["apiGroup"] != GROUP:
        yield unsupported("roleRef.apiGroup", ref["apiGroup"], [GROUP])
    if ref.get("kind") not in kinds:
        yield unsupported("roleRef.kind", ref.get("kind") or "", kinds)
    if not ref.get("name"):
        yield required("roleRef.name")
    for index, subject in enumerate(obj.get("subjects") or []):
        field = f"subjects[{index}]"
        if subject.get("kind") not in ("User", "Group", "ServiceAccount"):
            allowed = ["ServiceAccount", "User", "Group"]
            yield unsupported(f"{field}.kind", subject.get("kind"), allowed)
        if not subject.get("name"):
            yield required(f"{field}.name")
        cluster_wide = obj["kind"] == "ClusterRoleBinding"
        if (
            subject.get("kind") == "ServiceAccount"
            and cluster_wide
            and not subject.get("namespace")
        ):
            yield required(f"{field}.namespace")


def _check_binding_update(new: Obj, old: Obj) -> Iterator[Cause]:
    if new["roleRef"] != old["roleRef"]:
        yield invalid("roleRef", new["roleRef"], "cannot change roleRef")


ROLES = KindRules(validate=_check_role)
BINDINGS = KindRules(
    _default_binding, validate=_check_binding, validate_update=_check_binding_update
)
