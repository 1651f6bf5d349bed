"""Names in the cluster: the only place where any is made up."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.provisioner.errors import NoNameLeft

SYSTEM = "tollgate"
"""What every label says that manages and groups our objects."""

FIELD_MANAGER = "tollgate-provisioner"
OWNER_ROLE = "tollgate-tenant-owner"
OWNER_BINDING = "tollgate-owner"
QUOTA = "tollgate-quota"
LIMITS = "tollgate-limits"
SESSIONS = "sessions"
DENY_ALL = "tollgate-default-deny"
ALLOW_DNS = "tollgate-allow-dns"
ALLOW_INSIDE = "tollgate-allow-same-namespace"
ACCOUNT_GROUP = "tollgate:account:"
"""Group of an account whose owner's subject is not known; the account's id follows."""

PLAN_QUOTA = "plan-quota"
PROJECT_QUOTA = "project-quota"
"""A project's own quota, unless a setting calls it otherwise."""

INHERITED_QUOTA = "hrq.hnc.x-k8s.io"
DEFAULT_LIMITS = "default-resource-limits"
PROJECT = "kube-dc.com/project"
"""Label of a project's namespace (its value says nothing), and its annotation:
``<organization>/<project>``."""

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_ACCOUNT = "tollgate.dev/account"
LABEL_PLAN = "tollgate.dev/plan"
LABEL_TENANT = "tollgate.dev/tenant"
LABEL_PER_PROJECT = "billing.kube-dc.com/per-project"
LABEL_RESTING = "tollgate.dev/resting"
"""Marks workloads of others that were put to rest, so that they are found again."""

LABEL_PUBLIC_ADDRESSES = "tollgate.dev/public-addresses"
LABEL_POOL_STATE = "tollgate.dev/pool-state"
ANNOTATION_PLAN = "tollgate.dev/plan"
ANNOTATION_ACCOUNT = "tollgate.dev/account"
ANNOTATION_EPOCH = "tollgate.dev/epoch"
ANNOTATION_GENERATION = "tollgate.dev/generation"
ANNOTATION_HASH = "tollgate.dev/applied-hash"
ANNOTATION_CLAIM = "tollgate.dev/claim"
ANNOTATION_WARM_POOL = "tollgate.dev/warm-pool"
ANNOTATION_REPLICAS = "tollgate.dev/replicas-before-suspension"

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TAIL = 10
_LONGEST_LABEL = 63
_MOST_ATTEMPTS = 100
_NEVER = ("kube-", "openshift-")
_RESERVED = frozenset({"default", "tollgate"})
_ORGANIZATION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PREFIX = re.compile(r"[a-z][a-z0-9-]{0,40}-")


@dataclass(frozen=True, slots=True)
class Naming:
    """How namespaces are called here: a prefix, and the names that are never taken.

    Raises ValueError for a prefix that could not begin a name, or that begins refused ones only.
    """

    prefix: str = "customer-"
    refused: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError(
                "a namespace prefix is lower-case letters, digits and dashes, and ends in a dash"
            )
        if self.prefix.startswith(_NEVER):
            raise ValueError(f"namespaces that begin with {self.prefix!r} belong to the cluster")

    def may_take(self, name: str) -> bool:
        """Tell whether a namespace of ours may be called this."""
        system = name in _RESERVED or name.startswith(_NEVER)
        return not system and name not in self.refused

    def candidate(self, tenant_id: str, attempt: int) -> tuple[str, int]:
        """Return the name for this tenant from the given attempt on, and its attempt (from 0).

        The same tenant and attempt always give the same name. Raises NoNameLeft when a hundred
        were refused.
        """
        for number in range(attempt, _MOST_ATTEMPTS):
            name = f"{self.prefix}{_tail(tenant_id, number)}"
            if self.may_take(name):
                return name, number
        raise NoNameLeft("No name for the namespace is left to try.")


def is_organization(name: str) -> bool:
    """Tell whether an organization, and so its namespace, may be called this."""
    system = name in _RESERVED or name.startswith(_NEVER)
    return bool(_ORGANIZATION.fullmatch(name)) and not system


def may_name_project_quota(name: str) -> bool:
    """Tell whether a project's own quota may be called this: no other quota is."""
    taken = (QUOTA, PLAN_QUOTA, INHERITED_QUOTA)
    return bool(_ORGANIZATION.fullmatch(name)) and name not in taken


def refused_names(names: Iterable[str]) -> frozenset[str]:
    """Return the configured names, trimmed, without empty ones."""
    return frozenset(name.strip() for name in names if name.strip())


def label_value(text: str) -> str:
    """Return a form of the text that may be a label's value: ``catalog/plan`` → ``catalog.plan``.

    A text that is too long keeps its beginning and gets a digest, so that two never look alike.
    """
    safe = re.sub(r"[^A-Za-z0-9_.-]", ".", text).strip("._-")
    if len(safe) <= _LONGEST_LABEL:
        return safe
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{safe[: _LONGEST_LABEL - 11]}-{digest}"


def account_group(account: str) -> str:
    """Return the group that enters for an account whose owner has no subject yet."""
    return f"{ACCOUNT_GROUP}{account}"


def _tail(tenant_id: str, attempt: int) -> str:
    digest = hashlib.sha256(f"{tenant_id}#{attempt}".encode()).digest()
    value = int.from_bytes(digest[:8], "big")
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in range(_TAIL))
