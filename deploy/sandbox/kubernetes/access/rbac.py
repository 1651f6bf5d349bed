"""Role-based access: what a user may do, from the roles and bindings in the store."""

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.sandbox.kubernetes.access.users import User
from deploy.sandbox.kubernetes.core.objects import Obj, namespace_of
from deploy.sandbox.kubernetes.storage.records import Event, Key, Stored
from deploy.sandbox.kubernetes.storage.store import Store

ROLES = "roles.rbac.authorization.k8s.io"
CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
ROLE_BINDINGS = "rolebindings.rbac.authorization.k8s.io"
CLUSTER_ROLE_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
_BINDINGS = (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)

# What `system:discovery` and `system:public-info-viewer` let every authenticated user read.
_OPEN_PATHS = ("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Attributes:
    """One question: may this user do that? `path` is set for what is no resource."""

    user: User
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """The resource with its subresource, as rules name it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def refusal(self) -> str:
        """The text of a refusal."""
        if self.path:
            return f'User "{self.user.name}" cannot {self.verb} path "{self.path}"'
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return (
            f'User "{self.user.name}" cannot {self.verb} resource "{self.full_resource}" '
            f'in API group "{self.group}" {where}'
        )


Subject = tuple[str, str]


def _subjects_of_user(user: User) -> Iterator[Subject]:
    yield "User", user.name
    for group in user.groups:
        yield "Group", group


def _subjects_of_binding(binding: Obj) -> Iterator[Subject]:
    for subject in binding.get("subjects") or []:
        if subject["kind"] == "ServiceAccount":
            namespace = subject.get("namespace") or namespace_of(binding)
            yield "User", f"system:serviceaccount:{namespace}:{subject['name']}"
        else:
            yield subject["kind"], subject["name"]


class Rbac:
    """The evaluator; bindings are indexed by subject as they change."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_subject: dict[Subject, dict[Key, None]] = {}
        for resource in _BINDINGS:
            for (namespace, name), stored in store.collection(resource).items.items():
                self._index(Key(resource, namespace, name), None, stored)
        store.listen(self._on_event, frozenset(_BINDINGS))

    def _on_event(self, event: Event) -> None:
        self._index(event.key, event.before, None if event.type == "DELETED" else event.now)

    def _index(self, key: Key, before: Stored | None, now: Stored | None) -> None:
        for subject in set(_subjects_of_binding(before.obj)) if before else ():
            self._by_subject[subject].pop(key, None)
        for subject in set(_subjects_of_binding(now.obj)) if now else ():
            self._by_subject.setdefault(subject, {})[key] = None

    def rules_for(self, user: User, namespace: str) -> Iterator[Obj]:
        """Every rule that the user holds in a namespace; cluster-wide ones for an empty name."""
        for subject in _subjects_of_user(user):
            for key in self._by_subject.get(subject, ()):
                if key.namespace in ("", namespace) and (binding := self._store.get(key)):
                    yield from self.rules_of_role(binding.obj["roleRef"], key.namespace) or ()

    def rules_of_role(self, ref: Obj, namespace: str) -> list[Obj] | None:
        """The rules of the role that a binding there refers to; None if it is missing."""
        if ref["kind"] == "ClusterRole":
            role = self._store.get(Key(CLUSTER_ROLES, "", ref["name"]))
        else:
            role = self._store.get(Key(ROLES, namespace, ref["name"]))
        return (role.obj.get("rules") or []) if role else None

    def allows(self, asked: Attributes) -> bool:
        """Whether the user may."""
        if asked.user.is_admin:
            return True
        if asked.path:
            return self._allows_path(asked)
        return any(
            _rule_allows(rule, asked) for rule in self.rules_for(asked.user, asked.namespace)
        )

    def _allows_path(self, asked: Attributes) -> bool:
        if asked.verb == "get" and any(
            asked.path == path or asked.path.startswith(path + "/") for path in _OPEN_PATHS
        ):
            return True
        return any(
            _has(rule.get("verbs"), asked.verb) and _path_matches(rule, asked.path)
            for rule in self.rules_for(asked.user, "")
        )


def _has(values: list[str] | None, wanted: str) -> bool:
    return bool(values) and ("*" in (values or ()) or wanted in (values or ()))


def _path_matches(rule: Obj, path: str) -> bool:
    return any(
        path == url or (url.endswith("*") and path.startswith(url[:-1]))
        for url in rule.get("nonResourceURLs") or []
    )


def _rule_allows(rule: Obj, asked: Attributes) -> bool:
    if not _has(rule.get("verbs"), asked.verb) or not _has(rule.get("apiGroups"), asked.group):
        return False
    resources = rule.get("resources") or []
    wildcard = f"*/{asked.subresource}" if asked.subresource else "*"
    if not {"*", wildcard, asked.full_resource} & set(resources):
        return False
    names = rule.get("resourceNames")
    return not names or asked.name in names
