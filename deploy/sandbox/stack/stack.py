"""Starts the whole stack in order, and owns it until it is stopped."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploy.sandbox.postgres.roles import ensure_services
from deploy.sandbox.postgres.server import superuser_dsn
from deploy.sandbox.stack import endpoints
from deploy.sandbox.stack.cluster import apply_roles
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.parts import part_specs
from deploy.sandbox.stack.services import service_specs
from deploy.sandbox.stack.settings import SERVICES, StackSettings
from deploy.sandbox.supervisor.spec import Event
from deploy.sandbox.supervisor.supervisor import Supervisor, supervise

_DATABASE = "tollgate"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack. ``endpoints`` is what endpoints.json says."""

    layout: Layout
    supervisor: Supervisor
    endpoints: dict[str, Any]


@asynccontextmanager
async def running_stack(
    settings: StackSettings,
    on_event: Callable[[Event], None],
    on_supervisor: Callable[[Supervisor], None] = lambda _: None,
) -> AsyncIterator[Stack]:
    """Run a stack for the time of the block; all of it is stopped at its end.

    ``on_supervisor`` is told of the supervisor before anything starts, to hang signals on it.
    """
    layout = Layout(settings)
    async with supervise(settings.home, on_event=on_event) as supervisor:
        on_supervisor(supervisor)
        layout.claim_ports()
        parts = part_specs(layout)
        await supervisor.start(*parts)
        server = settings.database_url or superuser_dsn(
            layout.home / "postgres", layout.port("postgres")
        )
        databases = await ensure_services(
            server, _database(settings), SERVICES, passwords=layout.home / "database-roles.json"
        )
        if not settings.kubeconfig:
            await apply_roles(layout.kubernetes_url, layout.ca, layout.secrets.cluster_admin)
        await supervisor.start(*service_specs(layout, databases, [part.name for part in parts]))
        described = await endpoints.describe(layout, server)
        endpoints.write(layout, described)
        yield Stack(layout, supervisor, described)


def _database(settings: StackSettings) -> str:
    name = urlsplit(settings.database_url).path.lstrip("/")
    return name or _DATABASE
