"""Where catalogs come from, for operators: /api/tollgate/catalog-sources."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from gateway.auth import SignedIn
from gateway.bodies import refusals
from gateway.ports.sources import CatalogSources
from gateway.problems import json_response
from gateway.routes.scaffolder.models import Refused
from services.chassis.callrate import CallRate
from services.chassis.identity import acting

_REFUSALS = refusals(
    Refused,
    {
        401: "No valid token",
        403: "Only platform admins may ask",
        429: "Too many calls; `Retry-After` says when to come back",
        503: "A service cannot be reached",
        "default": "Any other refusal",
    },
)


class SourceAnswer(BaseModel):
    """A ConfigMap that a catalog is told of by, and what of it is not in force."""

    model_config = ConfigDict(extra="forbid")

    source: str
    stands: bool
    revision: int
    textBytes: int  # noqa: N815 - the dialect's form
    catalog: str | None
    version: str | None
    problems: list[str]


class SourcesAnswer(BaseModel):
    """All of them, by name."""

    model_config = ConfigDict(extra="forbid")

    sources: list[SourceAnswer]


def source_routes(pricing: CatalogSources, rate: CallRate) -> APIRouter:
    """Return the route; calls count towards what one person may ask of /api/tollgate."""
    router = APIRouter(prefix="/api/tollgate", tags=["operators"], responses=_REFUSALS)

    @router.get(
        "/catalog-sources",
        summary="What the ConfigMaps with plans said last, and what of it is in force",
        response_model=SourcesAnswer,
    )
    async def sources(caller: SignedIn) -> Response:
        rate.take(caller)
        with acting(caller):
            found = await pricing.catalog_sources()
        body = [
            {
                "source": one.source,
                "stands": one.stands,
                "revision": one.revision,
                "textBytes": one.text_bytes,
                "catalog": one.catalog or None,
                "version": one.version or None,
                "problems": list(one.problems),
            }
            for one in found
        ]
        return json_response({"sources": body})

    return router
