"""Starts a stack of its own, plays the stories, sums up, stops."""

import shutil
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp

from deploy.sandbox.demo.cluster import Cluster
from deploy.sandbox.demo.console import Console
from deploy.sandbox.demo.kube_dc import KubeDc
from deploy.sandbox.demo.organization import PROJECTS, OrganizationStory
from deploy.sandbox.demo.screen import Screen
from deploy.sandbox.demo.sessions import Story, provider_account
from deploy.sandbox.demo.shop import Shop
from deploy.sandbox.demo.tollgate import Tollgate
from deploy.sandbox.stack.kubeapi import KubeApiError
from deploy.sandbox.stack.settings import DEFAULT_GATEWAY_PORT, BadSetting, StackSettings
from deploy.sandbox.stack.stack import Stack, running_stack
from deploy.sandbox.supervisor.spec import Event, State
from deploy.sandbox.supervisor.supervisor import Supervisor


async def demo(settings: StackSettings) -> int:
    """Play the stories; 0 if each ended as its document says."""
    if settings.provider != "stripe" or settings.stripe_key:
        raise BadSetting("The demo pays with test cards: it needs the embedded Stripe, no real key")
    own = _beside(settings)
    shutil.rmtree(own.home, ignore_errors=True)
    screen = Screen()

    def tell(event: Event) -> None:
        if event.state in (State.READY, State.BACKING_OFF, State.FAILED):
            screen.step(f"{event.name} is {event.state.value} {event.detail}".rstrip())

    def hang_signals(supervisor: Supervisor) -> None:
        supervisor.stop_on_signals((signal.SIGINT, signal.SIGTERM))

    async with running_stack(own, tell, hang_signals) as stack:
        story = await _play(stack, screen)
        processes = len(stack.supervisor.states())
        made = await _made(stack)
    kubernetes = stack.endpoints["kubernetes"]
    if kubernetes["kind"] == "external":
        await _tidy(Path(kubernetes["kubeconfig"]), made, screen)
    screen.summary(
        [
            ("processes", f"{processes}, each on its own, stopped again"),
            ("the provisioner ran as", kubernetes["provisioner"]),
            ("webhook to ready namespace", f"{story.ready_seconds * 1000:.0f} ms"),
            ("what did not hold", str(len(screen.failures))),
        ]
    )
    if screen.failures:
        screen.step(f"the logs are in {own.home / 'log'}")
        return 1
    shutil.rmtree(own.home, ignore_errors=True)
    return 0


async def _made(stack: Stack) -> list[str]:
    """The namespaces of this demo's tenants, and those of its organization."""
    tollgate = Tollgate(stack.endpoints)
    organization = stack.endpoints["organization"]
    try:
        tenants = [tenant.namespace for tenant in await tollgate.tenants("") if tenant.namespace]
        projects = [f"{organization}-{project}" for project in PROJECTS]
        return [*dict.fromkeys([*tenants, *projects, organization])]
    finally:
        await tollgate.close()


async def _tidy(kubeconfig: Path, namespaces: list[str], screen: Screen) -> None:
    """Delete the demo's namespaces from a cluster that stays, now that nobody makes them again."""
    cluster = Cluster(kubeconfig)
    try:
        for namespace in namespaces:
            await cluster.remove(namespace)
        screen.step(f"{', '.join(namespaces)} deleted from the cluster")
    except KubeApiError as error:
        screen.step(f"the demo's namespaces stay in the cluster: {error}")
    finally:
        await cluster.close()


def _beside(settings: StackSettings) -> StackSettings:
    """Return settings that can run beside `make up`: a folder, and ports unless said."""
    ports = {
        name: port
        for name, port in settings.ports.items()
        if (name, port) != ("gateway", DEFAULT_GATEWAY_PORT)
    }
    home = settings.home / "demo"
    return replace(settings, home=home, ports=ports, defines_kube_dc=True)


async def _play(stack: Stack, screen: Screen) -> Story:
    stripe, kubeconfig = stack.endpoints["stripe"], stack.layout.admin_kubeconfig
    async with AsyncExitStack() as closing, aiohttp.ClientSession() as http:
        tollgate, cluster = Tollgate(stack.endpoints), Cluster(kubeconfig)
        kube_dc = KubeDc(kubeconfig, stack.endpoints["organization"], PROJECTS)
        for each in (tollgate, cluster, kube_dc):
            closing.push_async_callback(each.close)
        shop = Shop(http, stripe["api_base"], stripe["secret_key"])
        story = Story(
            stack=stack,
            screen=screen,
            shop=shop,
            tollgate=tollgate,
            cluster=cluster,
            provider_account=await provider_account(http, stripe["api_base"], stripe["secret_key"]),
        )
        await story.play()
        await OrganizationStory(
            screen=screen,
            shop=shop,
            admin=_console(http, stack, "org-admin"),
            user=_console(http, stack, "project-user"),
            kube_dc=kube_dc,
        ).play()
        return story


def _console(http: aiohttp.ClientSession, stack: Stack, role: str) -> Console:
    return Console(http, stack.endpoints["gateway"], stack.endpoints["tokens"][role])
