"""Puts the gateway together."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from gateway.app import Dialects, Services, for_browsers, make_app
from gateway.clients import (
    GrpcCosts,
    GrpcPayments,
    GrpcPricing,
    GrpcProvisioner,
    GrpcSubscription,
)
from gateway.config import GatewayConfig, read_config
from gateway.limits import InFlight
from gateway.observe import Observer, told
from gateway.ports import IngestAnswer, Webhook
from gateway.routes.webhooks import PATHS, WebhookEdge
from services.chassis.callrate import CallRate
from services.chassis.channel import Channel, connect
from services.chassis.config import StartError
from services.chassis.env import split_address
from services.chassis.groupcommit import GroupCommit
from services.chassis.process import Process, main
from services.chassis.reachable import serving
from services.chassis.tokens import TokenVerifier

_SERVICES = {
    "payments": "tollgate.payments.v1.PaymentsService",
    "pricing": "tollgate.pricing.v1.PricingService",
    "subscription": "tollgate.subscription.v1.SubscriptionService",
    "provisioner": "tollgate.provisioner.v1.ProvisionerService",
}
# Without the provisioner only usage cannot be told.
_NEEDED = ("payments", "pricing", "subscription")
_MOST_IN_A_CALL = 64
_CALLS_AT_ONCE = 4
"""Of a burst, what comes later is verified here while what came first is stored there."""
_BYTES_IN_A_CALL = 3 << 20
_LINGER = 0.004
"""Seconds: what one purchase says comes within some milliseconds, and is then one call."""


async def run(config: GatewayConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    channels = {
        service: _channel(config, process, service, target)
        for service, target in _targets(config).items()
    }
    payments = GrpcPayments(channels["payments"])
    batches: GroupCommit[Webhook, IngestAnswer] = GroupCommit(
        told(payments.ingest),
        key=lambda _: 0,
        size=lambda webhook: len(webhook.body),
        max_batch=_MOST_IN_A_CALL,
        max_batch_bytes=_BYTES_IN_A_CALL,
        max_bytes=config.webhook_bytes,
        linger=_LINGER,
        at_once=_CALLS_AT_ONCE,
        clock=process.clock,
    )
    ended = asyncio.Event()
    process.work.create_task(batches.run(ended))

    async def ready() -> bool:
        states = await asyncio.gather(
            *(serving(channels[service], _SERVICES[service]) for service in _NEEDED)
        )
        return all(states)

    in_flight = InFlight(requests=config.webhooks_at_once, body_bytes=config.webhook_bytes)
    edge = WebhookEdge(batches, in_flight, process.clock)
    app = make_app(
        Services(
            payments,
            GrpcPricing(channels["pricing"]),
            GrpcSubscription(channels["subscription"]),
            GrpcProvisioner(channels["provisioner"]),
            GrpcCosts(channels["pricing"]),
        ),
        Dialects(
            billing_catalog=config.billing_catalog,
            scaffolder_catalog=config.scaffolder_catalog,
            console_url=config.console_url,
            catalog_public=config.catalog_public,
        ),
        edge=edge,
        verifier=TokenVerifier(
            config.chassis.oidc_base,
            audience=config.chassis.oidc_audience,
            clock=process.clock,
            certs_path=config.chassis.oidc_certs_path,
        ),
        rate=CallRate(config.price_calls_per_minute, process.clock),
        ready=ready,
    )
    process.health.declare("gateway")
    process.health.mark("gateway", True)
    try:
        browsers = for_browsers(app, config.console_url)
        observer = Observer(browsers, process.metrics, dict.fromkeys(PATHS, edge))
        await _serve(observer, config, process)
    finally:
        ended.set()


def _targets(config: GatewayConfig) -> dict[str, str]:
    return {
        "payments": config.payments,
        "pricing": config.pricing,
        "subscription": config.subscription,
        "provisioner": config.provisioner,
    }


def _channel(config: GatewayConfig, process: Process, service: str, target: str) -> Channel:
    # Its own health, not that of what it depends on: payments stores events while Stripe is away.
    channel = connect(
        target,
        server_name=service,
        tls=config.chassis.tls,
        health_service=_SERVICES[service],
        clock=process.clock,
    )
    process.resources.push_async_callback(channel.close)
    return channel


class _Server(uvicorn.Server):
    """Leaves signals to the process, which drains first."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal over."""
        yield


async def _serve(app: object, config: GatewayConfig, process: Process) -> None:
    server = _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]  # any ASGI application
            log_config=None,
            access_log=False,
            http="httptools",
            lifespan="off",
            timeout_graceful_shutdown=round(config.chassis.process.drain_seconds),
        )
    )
    async with asyncio.TaskGroup() as group:
        serving_task = group.create_task(server.serve(sockets=[_bind(config.address)]))
        await process.stopping.wait()
        process.health.drain()
        server.should_exit = True
        await serving_task


def _bind(address: str) -> socket.socket:
    host, port = split_address(address)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"The gateway cannot listen on {address}: {error.strerror}; "
            "say another address with TOLLGATE_HTTP_ADDRESS."
        ) from error
    return listener


if __name__ == "__main__":
    main("gateway", read_config, run)
