"""The protobuf messages that are read: the numbers that the published API gives their fields."""

from dataclasses import dataclass
from typing import TypeAlias

TEXT, NUMBER, FLAG, BYTES = "text", "number", "flag", "bytes"


@dataclass(frozen=True, slots=True)
class Field:
    """One field; bytes become base64 as in JSON. `explicit` keeps a zero that somebody meant."""

    name: str
    type: "str | Message" = TEXT
    repeated: bool = False
    is_map: bool = False
    explicit: bool = False


Message: TypeAlias = dict[int, Field]


def _texts(*names: str) -> Message:
    return {number: Field(name) for number, name in enumerate(names, 1)}


def _map(name: str, value: str = TEXT) -> Field:
    return Field(name, {1: Field("key"), 2: Field("value", value)}, is_map=True)


_OWNER: Message = {
    1: Field("kind"),
    3: Field("name"),
    4: Field("uid"),
    5: Field("apiVersion"),
    6: Field("controller", FLAG, explicit=True),
    7: Field("blockOwnerDeletion", FLAG, explicit=True),
}
_METADATA: Message = {
    **_texts("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"),
    7: Field("generation", NUMBER),
    11: _map("labels"),
    12: _map("annotations"),
    13: Field("ownerReferences", _OWNER, repeated=True),
    14: Field("finalizers", repeated=True),
}
_META = Field("metadata", _METADATA)
_RULE: Message = {
    number: Field(name, repeated=True)
    for number, name in enumerate(
        ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"), 1
    )
}
_ROLE: Message = {1: _META, 2: Field("rules", _RULE, repeated=True)}
_BINDING: Message = {
    1: _META,
    2: Field("subjects", _texts("kind", "apiGroup", "name", "namespace"), repeated=True),
    3: Field("roleRef", _texts("apiGroup", "kind", "name")),
}
_ASKED: Message = {
    1: Field(
        "resourceAttributes",
        _texts("namespace", "verb", "group", "version", "resource", "subresource", "name"),
    ),
    2: Field("nonResourceAttributes", _texts("path", "verb")),
}
_REVIEWED: Message = {1: Field("allowed", FLAG)}
_USER: Message = {1: Field("userInfo", _texts("username", "uid"))}
_DELETION: Message = {
    1: Field("gracePeriodSeconds", NUMBER, explicit=True),
    2: Field("preconditions", _texts("uid", "resourceVersion")),
    3: Field("orphanDependents", FLAG, explicit=True),
    4: Field("propagationPolicy"),
    5: Field("dryRun", repeated=True),
}
_RBAC = "rbac.authorization.k8s.io"

ENVELOPE: Message = {1: Field("typeMeta", _texts("apiVersion", "kind")), 2: Field("raw", BYTES)}
MESSAGES: dict[tuple[str, str], Message] = {
    ("", "Namespace"): {
        1: _META,
        2: Field("spec", {1: Field("finalizers", repeated=True)}),
        3: Field("status", _texts("phase")),
    },
    ("", "ConfigMap"): {
        1: _META,
        2: _map("data"),
        3: _map("binaryData", BYTES),
        4: Field("immutable", FLAG, explicit=True),
    },
    ("", "Secret"): {
        1: _META,
        2: _map("data", BYTES),
        3: Field("type"),
        4: _map("stringData"),
        5: Field("immutable", FLAG, explicit=True),
    },
    ("", "ServiceAccount"): {1: _META},
    ("", "DeleteOptions"): _DELETION,
    (_RBAC, "Role"): _ROLE,
    (_RBAC, "ClusterRole"): _ROLE,
    (_RBAC, "RoleBinding"): _BINDING,
    (_RBAC, "ClusterRoleBinding"): _BINDING,
    ("authentication.k8s.io", "SelfSubjectReview"): {1: _META, 2: Field("status", _USER)},
    ("authorization.k8s.io", "SelfSubjectAccessReview"): {
        1: _META,
        2: Field("spec", _ASKED),
        3: Field("status", _REVIEWED),
    },
}
