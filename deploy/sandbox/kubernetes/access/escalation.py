"""Nobody grants what they do not hold: the checks on writing roles and bindings."""

from collections.abc import Iterable
from itertools import product

from deploy.sandbox.kubernetes.access.rbac import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    Attributes,
    Rbac,
)
from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.core.causes import shown
from deploy.sandbox.kubernetes.core.errors import forbidden, not_found
from deploy.sandbox.kubernetes.core.objects import Obj, name_of, namespace_of

_GROUP = "rbac.authorization.k8s.io"
GUARDED = frozenset({ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS})


def check_escalation(rbac: Rbac, user: User, resource: str, obj: Obj, old: Obj | None) -> None:
    """Refuse a role or binding that gives more than its writer holds."""
    if user.is_admin:
        return
    if resource in (ROLES, CLUSTER_ROLES):
        if old is None or old.get("rules") != obj.get("rules"):
            _check_role(rbac, user, resource, obj)
    elif old is None or old.get("subjects") != obj.get("subjects"):
        _check_binding(rbac, user, resource, obj)


def _check_role(rbac: Rbac, user: User, resource: str, role: Obj) -> None:
    plural = resource.partition(".")[0]
    asked = Attributes(user, "escalate", _GROUP, plural, "", name_of(role), namespace_of(role))
    if not rbac.allows(asked):
        _check_covered(rbac, user, resource, role, role.get("rules") or [])


def _check_binding(rbac: Rbac, user: User, resource: str, binding: Obj) -> None:
    ref, namespace = binding["roleRef"], namespace_of(binding)
    plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
    if rbac.allows(Attributes(user, "bind", _GROUP, plural, "", ref["name"], namespace)):
        return
    rules = rbac.rules_of_role(ref, namespace)
    if rules is None:
        raise not_found(f"{plural}.{_GROUP}", ref["name"])
    _check_covered(rbac, user, resource, binding, rules)


def _check_covered(rbac: Rbac, user: User, resource: str, obj: Obj, rules: list[Obj]) -> None:
    held = list(rbac.rules_for(user, namespace_of(obj)))
    missing = [rule for rule in rules if not covered(held, rule)]
    if missing:
        groups = ",".join(shown(group) for group in user.groups)
        why = (
            f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not '
            "currently held:\n" + "\n".join(_rule_text(rule) for rule in missing)
        )
        raise forbidden(resource, name_of(obj), why)


def covered(held: list[Obj], wanted: Obj) -> bool:
    """Whether each single permission of a rule is within one of the rules held."""
    if wanted.get("nonResourceURLs"):
        pairs = product(wanted["verbs"], wanted["nonResourceURLs"])
        return all(_covers_path(held, verb, url) for verb, url in pairs)
    single = product(
        wanted.get("verbs") or [],
        wanted.get("apiGroups") or [],
        wanted.get("resources") or [],
        wanted.get("resourceNames") or [None],
    )
    return all(
        any(_covers(rule, verb, group, resource, name) for rule in held)
        for verb, group, resource, name in single
    )


def _within(values: Iterable[str] | None, wanted: str) -> bool:
    found = list(values or ())
    return "*" in found or wanted in found


def _covers_path(held: list[Obj], verb: str, url: str) -> bool:
    return any(
        _within(rule.get("verbs"), verb) and _within(rule.get("nonResourceURLs"), url)
        for rule in held
    )


def _covers(rule: Obj, verb: str, group: str, resource: str, name: str | None) -> bool:
    names = rule.get("resourceNames")
    subresource = resource.partition("/")[2]
    resources = rule.get("resources") or []
    return (
        _within(rule.get("verbs"), verb)
        and _within(rule.get("apiGroups"), group)
        and (
            _within(resources, resource) or (bool(subresource) and f"*/{subresource}" in resources)
        )
        and (not names or name in names)
    )


def _rule_text(rule: Obj) -> str:
    fields = {
        "APIGroups": rule.get("apiGroups"),
        "Resources": rule.get("resources"),
        "ResourceNames": rule.get("resourceNames"),
        "NonResourceURLs": rule.get("nonResourceURLs"),
        "Verbs": rule.get("verbs"),
    }
    parts = [f"{name}:{shown(values)}" for name, values in fields.items() if values]
    return "{" + ", ".join(parts) + "}"
