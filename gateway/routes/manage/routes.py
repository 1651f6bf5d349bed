"""A project's own quota within its organization: looked at, set, removed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from gateway.auth import OrgAdmin, SignedIn
from gateway.bodies import documented, read_body, refusals, request_key
from gateway.ports import CapChange, LimitRangeItem, ProjectQuota, Provisioner
from gateway.problems import NamespaceDenied
from gateway.routes.billing.desk import REFUSALS, success
from gateway.routes.billing.models import Success
from gateway.routes.manage import models
from services.chassis.errors import FieldViolation, InvalidArgument
from services.chassis.identity import Principal, acting

_PATH = "/projects/{project}/quota"
_EXCEEDED = refusals(models.QuotaFailure, {400: "The request is wrong, or above the own limit"})

RequestKey = Annotated[str, Depends(request_key)]
ProjectName = Annotated[
    str,
    Path(
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description="Name of the project, without the organization's",
    ),
]


def manage_routes(provisioner: Provisioner) -> APIRouter:
    """Return the routes; they are there whichever payment provider is on."""
    router = APIRouter(
        prefix="/api/manage-organization", tags=["manage-organization"], responses=REFUSALS
    )

    @router.get(
        _PATH,
        summary="What bounds a project: the organization's quota, its own, and its LimitRange",
        response_model=Success[models.ProjectQuota],
    )
    async def look(caller: SignedIn, project: ProjectName) -> Response:
        _check_enters(caller, project)
        with acting(caller):
            return success(_view(await provisioner.project_quota(caller.organization, project)))

    @router.put(
        _PATH,
        summary="Cap what a project may use within its organization",
        response_model=Success[models.ProjectQuota],
        responses=_EXCEEDED,
        openapi_extra=documented(models.ProjectCaps),
    )
    async def cap(
        caller: OrgAdmin, project: ProjectName, request: Request, key: RequestKey
    ) -> Response:
        caps = _caps(await read_body(request, models.ProjectCaps))
        change = CapChange(caller.organization, project, caps, request_id=key)
        with acting(caller), _own_names():
            return success(_view(await provisioner.cap_project(change)))

    @router.delete(
        _PATH,
        summary="Remove a project's own quota",
        response_model=Success[models.ProjectQuota],
    )
    async def remove(caller: OrgAdmin, project: ProjectName, key: RequestKey) -> Response:
        with acting(caller):
            left = await provisioner.uncap_project(caller.organization, project, request_id=key)
            return success(_view(left))

    return router


def _check_enters(caller: Principal, project: str) -> None:
    """Refuse who has no access to the project's namespace, in the document's words."""
    namespace = f"{caller.organization}-{project}"
    if not (caller.is_org_admin or (caller.organization and namespace in caller.namespaces)):
        raise NamespaceDenied(namespace, caller.namespaces)


def _caps(body: models.ProjectCaps) -> Mapping[str, str | None]:
    """Return the caps that were named, as quantities; None lifts one."""
    return {name: getattr(body, name) for name in sorted(body.model_fields_set)}


@contextmanager
def _own_names() -> Iterator[None]:
    """Let refusals in the block name the body's fields: ``hard['cpu']`` is ``cpu`` here."""
    try:
        yield
    except InvalidArgument as refusal:
        if not refusal.fields:
            raise
        fields = [
            FieldViolation(one.field.removeprefix("hard['").removesuffix("']"), one.description)
            for one in refusal.fields
        ]
        sentence = "; ".join(f"{one.field}: {one.description}" for one in fields)
        raise InvalidArgument(sentence, fields=fields, reason=refusal.reason) from refusal


def _view(quota: ProjectQuota) -> Mapping[str, object]:
    return {
        "project": quota.project,
        "namespace": quota.namespace,
        "perProjectQuotaSet": quota.set,
        "hrq": {"hard": dict(quota.plan_hard), "used": dict(quota.plan_used)},
        "projectQuota": {"hard": dict(quota.hard), "used": dict(quota.used)},
        "limitRange": {"limits": [_item(one) for one in quota.limits]},
    }


def _item(item: LimitRangeItem) -> Mapping[str, object]:
    amounts = {
        "default": item.default,
        "defaultRequest": item.default_request,
        "max": item.max,
        "min": item.min,
        "maxLimitRequestRatio": item.max_limit_request_ratio,
    }
    return {"type": item.type} | {name: dict(found) for name, found in amounts.items() if found}
