"""The provisioner's RPCs, and the orders that come as facts: convert, ask the use case, convert."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from services.chassis.clock import Clock
from services.chassis.context import Context
from services.chassis.facts import FactRecord
from services.chassis.identity import current
from services.chassis.ids import Ids
from services.chassis.telemetry import current_traceparent
from services.provisioner import convert, usecases
from services.provisioner.convert.organization import to_proto_quota
from services.provisioner.convert.projects import (
    from_proto_once,
    from_proto_wish,
    to_proto_project_quota,
)
from services.provisioner.domain import scope_of
from services.provisioner.errors import IncarnationClosed, OrganizationsNotServed
from services.provisioner.naming import Naming
from services.provisioner.organization.quota import get_organization_quota
from services.provisioner.ports import Cluster, Store, Transactions
from services.provisioner.projects.desk import ProjectQuotas
from services.provisioner.usecases import Organizations
from services.provisioner.watching import Watching
from tollgate.provisioner.v1 import provisioner_service_pb2 as pb
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceServicer

SERVICE = pb.DESCRIPTOR.services_by_name["ProvisionerService"].full_name

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("provisioner.orders")


@dataclass(frozen=True, slots=True)
class Desk:
    """What taking orders needs."""

    tx: Transactions[Store]
    cluster: Cluster
    names: Naming
    ids: Ids
    clock: Clock
    organizations: Organizations | None = None


class ProvisionerServicer(ProvisionerServiceServicer):
    """Serves tollgate.provisioner.v1.ProvisionerService."""

    def __init__(self, desk: Desk, watching: Watching) -> None:
        self._desk = desk
        self._watching = watching

    async def SetCapacity(  # noqa: N802 - the contract's name
        self, request: pb.SetCapacityRequest, context: Context
    ) -> pb.SetCapacityResponse:
        """Take an order, or only tell what it would change."""
        desk, order = self._desk, convert.from_proto_order(request.order)
        if request.validate_only:
            preview = await usecases.preview_capacity(
                desk.tx, desk.names, desk.cluster, desk.clock, order, desk.organizations
            )
            return pb.SetCapacityResponse(
                tenant=convert.to_proto_tenant(preview.tenant),
                changes=[convert.to_proto_change(change) for change in preview.changes],
            )
        actor = current().subject
        tenant = await usecases.order_capacity(
            desk.tx, desk.names, desk.ids, desk.clock, order, actor
        )
        return pb.SetCapacityResponse(tenant=convert.to_proto_tenant(tenant))

    async def GetTenant(  # noqa: N802
        self, request: pb.GetTenantRequest, context: Context
    ) -> pb.GetTenantResponse:
        """Return one tenant."""
        tenant = await usecases.get_tenant(self._desk.tx, scope_of(current()), request.name)
        return pb.GetTenantResponse(tenant=convert.to_proto_tenant(tenant))

    async def ListTenants(  # noqa: N802
        self, request: pb.ListTenantsRequest, context: Context
    ) -> pb.ListTenantsResponse:
        """Return a page of tenants."""
        page = await usecases.list_tenants(
            self._desk.tx,
            scope_of(current()),
            request.account,
            request.page_size,
            request.page_token,
        )
        return pb.ListTenantsResponse(
            tenants=[convert.to_proto_tenant(tenant) for tenant in page.items],
            next_page_token=page.next_token,
        )

    async def WatchTenants(  # noqa: N802
        self, request: pb.WatchTenantsRequest, context: Context
    ) -> AsyncIterator[pb.WatchTenantsResponse]:
        """Stream tenants as they stand and as they change."""
        scope = scope_of(current())
        async with aclosing(
            self._watching.tenants(scope, request.account, request.name)
        ) as tenants:
            async for tenant in tenants:
                yield pb.WatchTenantsResponse(tenant=convert.to_proto_tenant(tenant))

    async def GetOrganizationQuota(  # noqa: N802
        self, request: pb.GetOrganizationQuotaRequest, context: Context
    ) -> pb.GetOrganizationQuotaResponse:
        """Return what an organization may use and uses."""
        heard = self._desk.organizations
        if heard is None:
            raise OrganizationsNotServed("This process was given no organizations.")
        found = await get_organization_quota(
            self._desk.tx, heard.view, heard.ways, scope_of(current()), request.organization
        )
        return pb.GetOrganizationQuotaResponse(quota=to_proto_quota(found))

    async def GetProjectQuota(  # noqa: N802
        self, request: pb.GetProjectQuotaRequest, context: Context
    ) -> pb.GetProjectQuotaResponse:
        """Return what bounds a project."""
        found = await self._projects().get(current(), request.organization, request.project)
        return pb.GetProjectQuotaResponse(quota=to_proto_project_quota(found))

    async def UpdateProjectQuota(  # noqa: N802
        self, request: pb.UpdateProjectQuotaRequest, context: Context
    ) -> pb.UpdateProjectQuotaResponse:
        """Set and lift caps of a project."""
        who = current()
        found = await self._projects().update(
            who,
            from_proto_wish(request),
            from_proto_once(request, who, "UpdateProjectQuota"),
            validate_only=request.validate_only,
        )
        return pb.UpdateProjectQuotaResponse(quota=to_proto_project_quota(found))

    async def DeleteProjectQuota(  # noqa: N802
        self, request: pb.DeleteProjectQuotaRequest, context: Context
    ) -> pb.DeleteProjectQuotaResponse:
        """Take a project's own quota away."""
        who = current()
        found = await self._projects().delete(
            who,
            request.organization,
            request.project,
            from_proto_once(request, who, "DeleteProjectQuota"),
            validate_only=request.validate_only,
        )
        return pb.DeleteProjectQuotaResponse(quota=to_proto_project_quota(found))

    def _projects(self) -> ProjectQuotas:
        desk, heard = self._desk, self._desk.organizations
        if heard is None:
            raise OrganizationsNotServed("This process was given no organizations.")
        return ProjectQuotas(desk.tx, desk.cluster, heard.view, heard.ways, desk.clock)


class OrderIntake:
    """Takes the facts of subscription."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, fact: FactRecord, source: str) -> None:
        """Take one fact; returns when it is durable.

        An order that can have no effect any more is accepted like one that is older: delivering it
        again would change nothing. Raises InvalidArgument for what is no order.
        """
        desk = self._desk
        if fact.type != convert.ORDERED:
            await desk.tx.run(lambda store: store.keep_unknown(fact, source))
            return
        order = replace(convert.from_fact(fact), traceparent=current_traceparent())
        try:
            await usecases.order_capacity(
                desk.tx, desk.names, desk.ids, desk.clock, order, f"service:{source}"
            )
        except IncarnationClosed as closed:
            _log.error("order for a closed incarnation", fact=fact.id, **closed.metadata)
