"""What was last heard of an organization, and of everything that is read to judge its quota."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from services.provisioner import naming
from services.provisioner.objects import Live, section


@dataclass(frozen=True, slots=True, order=True)
class Project:
    """A project's namespace; one that is ``ending`` takes nothing new."""

    namespace: str
    name: str
    ending: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One organization as it was last heard of.

    ``served`` says that the cluster has organizations, ``hierarchical_served`` that it has
    hierarchical quotas. ``organization`` None: it does not stand. ``limits`` are the LimitRanges
    of our name, whoever made them, by namespace. ``inherited`` are the quotas that the hierarchical
    one was spread into, ``project_quotas`` those that cap single projects (their ``spec`` only), by
    namespace. ``resting`` are the namespaces with workloads that were put to rest, ``shut`` those
    that are marked to take no new public address. ``unheard`` are the namespaces of projects that
    only the API server knows of: what is in them was not heard of either.
    """

    served: bool
    hierarchical_served: bool
    organization: Live | None = None
    projects: Sequence[Project] = ()
    public_ips: int = 0
    limits: Mapping[str, Live] = field(default_factory=dict)
    hierarchical: Live | None = None
    inherited: Mapping[str, Live] = field(default_factory=dict)
    project_quotas: Mapping[str, Live] = field(default_factory=dict)
    resting: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()
    unheard: frozenset[str] = frozenset()

    @property
    def open_projects(self) -> list[Project]:
        """The projects that something can be made in, by namespace."""
        return sorted(project for project in self.projects if not project.ending)

    def places(self, name: str) -> frozenset[str]:
        """Return every namespace of the organization of this name."""
        return frozenset((name, *(project.namespace for project in self.projects)))


class OrganizationView(Protocol):
    """What was last heard of organizations: a hint of what to do, never proof that it is done."""

    @property
    def ready(self) -> bool:
        """Everything that is served was listed at least once."""
        ...

    def look(self, name: str) -> Seen:
        """Return an organization as it was last heard of."""
        ...


def project_of(namespace: Live) -> tuple[str, Project] | None:
    """Return the organization and the project that a namespace says it is of; None if it is not.

    The label marks it, the annotation names both: ``acme/web``.
    """
    if naming.PROJECT not in section(namespace.content, "metadata", "labels"):
        return None
    organization, found, name = namespace.annotation(naming.PROJECT).partition("/")
    if not (found and organization and name):
        return None
    # The organization's own namespace is counted once.
    if namespace.ref.name == organization:
        return None
    return organization, Project(namespace.ref.name, name, ending=namespace.deleting)


def is_public(eip: Live) -> bool:
    """Tell whether an address is a public one."""
    return section(eip.content, "spec").get("externalNetworkType") == "public"
