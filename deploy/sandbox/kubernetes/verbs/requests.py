"""What a request is about, and the parts of the server that carry it out."""

from dataclasses import dataclass, replace

from deploy.sandbox.kubernetes.access.rbac import Rbac
from deploy.sandbox.kubernetes.access.users import SYSTEM, User
from deploy.sandbox.kubernetes.admission.chain import Admission
from deploy.sandbox.kubernetes.admission.quota import QuotaLedger
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.errors import not_found
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.resources.definition import ResourceType, Version
from deploy.sandbox.kubernetes.resources.registry import Registry
from deploy.sandbox.kubernetes.storage.records import Key, Stored
from deploy.sandbox.kubernetes.storage.store import Store


@dataclass(frozen=True, slots=True)
class Target:
    """The type, place and subresource that a request names."""

    type: ResourceType
    version: Version
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def resource(self) -> str:
        """`plural.group`."""
        return self.type.resource

    @property
    def key(self) -> Key:
        """Where the named object stands."""
        return Key(self.type.resource, self.namespace, self.name)

    @property
    def api_version(self) -> str:
        """The `apiVersion` that bodies carry on this path."""
        return self.type.api_version(self.version.name)

    @property
    def storage_api_version(self) -> str:
        """The `apiVersion` under which objects are stored."""
        return self.type.api_version(self.type.storage_version)

    def named(self, name: str) -> "Target":
        """The same place, another name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Who writes, under which manager's name, and whether it is only a rehearsal."""

    user: User = SYSTEM
    manager: str = "kube-controller-manager"
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Machinery:
    """Everything that verbs work with."""

    store: Store
    registry: Registry
    admission: Admission
    quota: QuotaLedger
    rbac: Rbac
    clock: Clock

    def target(self, resource: str, namespace: str = "", name: str = "", sub: str = "") -> Target:
        """A target for the server's own writes, at the storage version."""
        type_ = self.registry.by_resource(resource)
        version = next(v for v in type_.versions if v.name == type_.storage_version)
        return Target(type_, version, namespace, name, sub)

    def existing(self, target: Target) -> Stored:
        """The named object; 404 when there is none."""
        found = self.store.get(target.key)
        if found is None:
            raise not_found(target.resource, target.name)
        return found


def in_version(target: Target, obj: Obj) -> Obj:
    """The object as this path's version shows it."""
    if obj.get("apiVersion") == target.api_version:
        return obj
    return {**obj, "apiVersion": target.api_version}
