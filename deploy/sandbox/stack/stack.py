"""Starts the whole stack in order, and owns it until it is stopped."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deploy.sandbox.postgres.roles import ensure_services
from deploy.sandbox.postgres.server import superuser_dsn
from deploy.sandbox.stack import endpoints
from deploy.sandbox.stack.account import take_cluster
from deploy.sandbox.stack.cluster import PROVISIONER_USER, apply_plans_role, apply_roles
from deploy.sandbox.stack.definitions import apply_definitions
from deploy.sandbox.stack.kubeapi import KubeApi, KubeApiError
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.parts import part_specs
from deploy.sandbox.stack.services import service_specs
from deploy.sandbox.stack.settings import SERVICES, BadSetting, StackSettings
from deploy.sandbox.stack.teaching import PriceTeacher, teaching
from deploy.sandbox.supervisor.spec import Event, State
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
        provisioner = await _prepare_cluster(layout, on_event)
        await supervisor.start(*service_specs(layout, databases, [part.name for part in parts]))
        described = await endpoints.describe(layout, server, provisioner)
        endpoints.write(layout, described)
        async with _prices_learnt(layout, on_event):
            yield Stack(layout, supervisor, described)


@asynccontextmanager
async def _prices_learnt(layout: Layout, on_event: Callable[[Event], None]) -> AsyncIterator[None]:
    """Have the embedded Stripe learn what an edit of the ConfigMap with plans sells."""
    plans = layout.settings.plans
    if not (plans and layout.stripe_is_embedded):
        yield
        return

    def told(text: str) -> None:
        on_event(Event("stripe", State.READY, None, text))

    async with (
        KubeApi(layout.admin_kubeconfig) as api,
        teaching(PriceTeacher(api, plans, layout.stripe_base, told)),
    ):
        yield


async def _prepare_cluster(layout: Layout, on_event: Callable[[Event], None]) -> str:
    """Make the cluster ready for the provisioner; return whom it takes the provisioner for."""
    settings = layout.settings
    if not settings.kubeconfig:
        async with KubeApi(layout.admin_kubeconfig) as api:
            await apply_roles(api)
            await apply_definitions(api)
            await apply_plans_role(api, settings.plans)
        return PROVISIONER_USER
    try:
        if settings.defines_kube_dc:
            async with KubeApi(layout.admin_kubeconfig) as api:
                await apply_definitions(api)
        provisioner, told = await take_cluster(layout)
    except KubeApiError as error:
        raise BadSetting(f"KUBECONFIG: {error}") from error
    on_event(Event("kubernetes", State.READY, None, told))
    return provisioner


def _database(settings: StackSettings) -> str:
    name = urlsplit(settings.database_url).path.lstrip("/")
    return name or _DATABASE
