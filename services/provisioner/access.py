"""Who may call which RPC of the provisioner.

Orders come from subscription alone, which owns them. Everyone signed in may look, and sees their
own tenants. What a single project may use is up to the admins of its organization.
"""

from services.chassis.access import AccessTable, Role, Rule
from services.chassis.sink import DELIVER
from services.provisioner.servicer import SERVICE

_ORDERS = Rule(callers=frozenset({"subscription"}))
_ADMINS = Rule(callers=frozenset({"gateway"}), roles=frozenset({Role.ORG_ADMIN}))
_LOOK = Rule(callers=frozenset({"gateway", "subscription", "pricing"}), roles=frozenset({Role.ANY}))

ACCESS: AccessTable = {
    DELIVER: _ORDERS,
    f"/{SERVICE}/SetCapacity": _ORDERS,
    f"/{SERVICE}/GetTenant": _LOOK,
    f"/{SERVICE}/ListTenants": _LOOK,
    f"/{SERVICE}/WatchTenants": _LOOK,
    f"/{SERVICE}/GetOrganizationQuota": _LOOK,
    f"/{SERVICE}/GetProjectQuota": _LOOK,
    f"/{SERVICE}/UpdateProjectQuota": _ADMINS,
    f"/{SERVICE}/DeleteProjectQuota": _ADMINS,
}
