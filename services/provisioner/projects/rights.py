"""Who may look at a project's quota, and who may change it."""

from services.chassis.errors import NotFound, PermissionDenied
from services.chassis.identity import Principal
from services.provisioner.domain import scope_of


class ProjectNotFound(NotFound):
    """No such project, or none that this caller may know of."""

    reason = "PROJECT_NOT_FOUND"


class NamespaceDenied(PermissionDenied):
    """A project of the own organization, and not one of the caller's."""

    reason = "NAMESPACE_DENIED"


def check_member(who: Principal, organization: str, project: str) -> None:
    """Raise ProjectNotFound unless the caller may know of the organization."""
    if scope_of(who).everybody or (organization and who.organization == organization):
        return
    raise unknown(project)


def check_enters(who: Principal, namespace: str) -> None:
    """Raise NamespaceDenied unless the caller, a member, has access to this project."""
    if scope_of(who).everybody or who.is_org_admin or namespace in who.namespaces:
        return
    raise NamespaceDenied("Access denied to namespace", metadata={"namespace": namespace})


def check_changes(who: Principal) -> None:
    """Raise PermissionDenied unless the caller, a member, is an admin of the organization."""
    if not (scope_of(who).everybody or who.is_org_admin):
        raise PermissionDenied("Organization admin access required", reason="ROLE_NOT_ALLOWED")


def unknown(project: str) -> ProjectNotFound:
    """Return the refusal of a project that is not there."""
    return ProjectNotFound(f"There is no project {project!r}.", metadata={"project": project})
