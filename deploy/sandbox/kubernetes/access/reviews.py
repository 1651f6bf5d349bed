"""Reviews: who somebody is and what they may do, asked through the API."""

from deploy.sandbox.kubernetes.access.rbac import Attributes, Rbac
from deploy.sandbox.kubernetes.access.users import User, user
from deploy.sandbox.kubernetes.core.causes import invalid, required
from deploy.sandbox.kubernetes.core.errors import ApiError
from deploy.sandbox.kubernetes.core.errors import invalid as invalid_object
from deploy.sandbox.kubernetes.core.objects import Obj

_GROUP = "authorization.k8s.io"


def who_am_i(caller: User) -> Obj:
    """Answer a SelfSubjectReview: whom the caller is taken for."""
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"userInfo": {"username": caller.name, "groups": list(caller.groups)}},
    }


def review(rbac: Rbac, kind: str, body: Obj, caller: User, namespace: str) -> Obj:
    """Answer a review object: the same object with its status."""
    spec: Obj = body.get("spec") or {}
    subject = caller if kind == "SelfSubjectAccessReview" else _subject(kind, spec)
    asked = _asked(kind, spec, subject)
    if kind == "LocalSubjectAccessReview" and asked.namespace != namespace:
        cause = invalid("spec.resourceAttributes.namespace", asked.namespace, "must match metadata")
        raise invalid_object(kind, _GROUP, "", [cause])
    allowed = rbac.allows(asked)
    status: Obj = {"allowed": allowed}
    if not allowed:
        status["reason"] = asked.refusal()
    head = {"kind": kind, "apiVersion": f"{_GROUP}/v1", "metadata": body.get("metadata") or {}}
    return {**body, **head, "status": status}


def _subject(kind: str, spec: Obj) -> User:
    if not spec.get("user") and not spec.get("groups"):
        raise _missing(kind, "spec.user", "at least one of user or group must be specified")
    return user(str(spec.get("user") or ""), *(spec.get("groups") or []))


def _missing(kind: str, field: str, why: str) -> ApiError:
    return invalid_object(kind, _GROUP, "", [required(field, why)])


def _asked(kind: str, spec: Obj, subject: User) -> Attributes:
    resource: Obj = spec.get("resourceAttributes") or {}
    path: Obj = spec.get("nonResourceAttributes") or {}
    if bool(resource) == bool(path):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _missing(kind, "spec.resourceAttributes", why)
    if path:
        return Attributes(subject, path.get("verb", ""), path=path.get("path", ""))
    return Attributes(
        subject,
        resource.get("verb", ""),
        resource.get("group", ""),
        resource.get("resource", ""),
        resource.get("subresource", ""),
        resource.get("name", ""),
        resource.get("namespace", ""),
    )
