"""What an organization uses, and whether a smaller plan would hold it."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.auth import OrgAdmin, SignedIn
from gateway.bodies import documented, read_body
from gateway.ports import Change, Project
from gateway.problems import USAGE_EXCEEDS_PLAN, speaking_of, violations
from gateway.routes.billing.desk import BillingDesk, success
from gateway.routes.billing.models import (
    Downgrade,
    PlanBody,
    ProjectEntry,
    QuotaStatus,
    Success,
    Usage,
)
from gateway.routes.billing.views import status_view, usage_view
from services.chassis.errors import FailedPrecondition
from services.chassis.identity import Principal, acting


def add_usage_routes(router: APIRouter, desk: BillingDesk) -> None:
    """Add the routes; they are there whichever provider is on."""

    @router.get(
        "/quota-usage",
        summary="What the organization uses of its limits; null where nothing is enforced",
        response_model=Success[Usage | None],
    )
    async def usage(caller: OrgAdmin) -> Response:
        with acting(caller):
            return success(usage_view(await desk.provisioner.quota(caller.organization)))

    @router.get(
        "/quota-status",
        summary="Whether the organization's quota objects stand",
        response_model=Success[QuotaStatus],
    )
    async def status(caller: OrgAdmin) -> Response:
        with acting(caller):
            held = await desk.current(caller.organization)
            quota = await desk.provisioner.quota(caller.organization)
        return success(status_view(caller.organization, held, quota))

    @router.get(
        "/projects",
        summary="The projects that the caller may enter",
        response_model=Success[list[ProjectEntry]],
    )
    async def projects(caller: SignedIn) -> Response:
        with acting(caller):
            return success(await _projects(desk, caller))

    @router.post(
        "/simulate-downgrade",
        summary="Whether what is used would fit another plan",
        response_model=Success[Downgrade],
        openapi_extra=documented(PlanBody),
    )
    async def simulate(caller: OrgAdmin, request: Request) -> Response:
        wish = await read_body(request, PlanBody)
        with acting(caller):
            held = await desk.held(caller.organization)
            return success(await _downgrade(desk, held.name, wish.planId))


async def _downgrade(desk: BillingDesk, subscription: str, plan: str) -> Mapping[str, object]:
    asked = Change(subscription, plan=desk.full(plan), validate_only=True)
    try:
        with speaking_of(plan=plan):
            await desk.subscription.change(asked)
    except FailedPrecondition as refusal:
        if refusal.reason != USAGE_EXCEEDS_PLAN:
            raise
        return {"allowed": False, "targetPlanId": plan, "violations": violations(refusal)}
    return {"allowed": True, "targetPlanId": plan, "violations": []}


async def _projects(desk: BillingDesk, caller: Principal) -> list[Mapping[str, object]]:
    if not caller.is_project_user and not caller.is_org_admin:
        return []
    quota = await desk.provisioner.quota(caller.organization)
    # Where the cluster has no organizations, the token's own word is all there is.
    known = quota.projects if quota else _claimed(caller)
    return [
        {
            "namespace": project.namespace,
            "project": project.name,
            "organization": caller.organization,
            "billing_summary": None,
        }
        for project in known
        if caller.is_org_admin or project.namespace in caller.namespaces
    ]


def _claimed(caller: Principal) -> Sequence[Project]:
    prefix = f"{caller.organization}-"
    return [
        Project(namespace, namespace.removeprefix(prefix))
        for namespace in caller.namespaces
        if namespace.startswith(prefix)
    ]
