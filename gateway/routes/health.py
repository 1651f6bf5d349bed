"""Probes, and what stands at the root. Open to everybody, and they say nothing else."""

from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from gateway.problems import json_response

Ready = Callable[[], Awaitable[bool]]


class Product(BaseModel):
    """What answers here."""

    name: str
    version: str
    status: str


class State(BaseModel):
    """alive, healthy or unhealthy."""

    status: str


_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": State, "description": "Something that is needed cannot be reached"}
}


def product_version() -> str:
    """Return the installed version, "0" in a tree that is not installed."""
    try:
        return version("tollgate")
    except PackageNotFoundError:
        return "0"


def health_routes(ready: Ready) -> APIRouter:
    """Return the routes; ``ready`` tells whether the services can be reached."""
    router = APIRouter(tags=["health"])

    @router.get("/", summary="What this is", response_model=Product)
    async def root() -> Response:
        return json_response(
            {"name": "Tollgate", "version": product_version(), "status": "running"}
        )

    @router.get("/livez", summary="The process runs", response_model=State)
    async def livez() -> Response:
        return json_response({"status": "alive"})

    @router.get(
        "/readyz",
        summary="The process and what it needs are ready",
        response_model=State,
        responses=_NOT_READY,
    )
    async def readyz() -> Response:
        return _state(await ready())

    @router.get(
        "/health",
        summary="Health check of document 002",
        response_model=State,
        responses=_NOT_READY,
    )
    async def health() -> Response:
        return _state(await ready())

    return router


def _state(ready: bool) -> Response:
    word = "healthy" if ready else "unhealthy"
    return json_response({"status": word}, status=200 if ready else 503)
