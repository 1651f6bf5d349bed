"""Starts a stack of its own, plays the stories, sums up, stops."""

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import aiohttp

from deploy.sandbox.demo.cluster import Cluster
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
    """The namespaces of this demo's tenants."""
    tollgate = Tollgate(stack.endpoints)
    try:
        return [tenant.namespace for tenant in await tollgate.tenants("")]
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
    return replace(settings, home=settings.home / "demo", ports=ports)


async def _play(stack: Stack, screen: Screen) -> Story:
    stripe = stack.endpoints["stripe"]
    tollgate = Tollgate(stack.endpoints)
    cluster = Cluster(stack.layout.admin_kubeconfig)
    try:
        async with aiohttp.ClientSession() as http:
            story = Story(
                stack=stack,
                screen=screen,
                shop=Shop(http, stripe["api_base"], stripe["secret_key"]),
                tollgate=tollgate,
                cluster=cluster,
                provider_account=await provider_account(
                    http, stripe["api_base"], stripe["secret_key"]
                ),
            )
            await story.play()
            return story
    finally:
        await cluster.close()
        await tollgate.close()
