"""Channels to other services: mTLS, balancing, retries, deadlines, identity, and certificates
that may be replaced while the process runs."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NoReturn, Self

import grpc
import grpc.aio
import orjson

from services.chassis.clock import Clock, SystemClock
from services.chassis.deadline import budget
from services.chassis.identity import current_or_none
from services.chassis.metadata import PRINCIPAL, TRACEPARENT, principal_to_bytes
from services.chassis.status import from_rpc_error
from services.chassis.telemetry import current_traceparent
from services.chassis.tls import CertificateSource, TlsFiles, channel_credentials

DEFAULT_TIMEOUT = 5.0
"""Seconds for a call that names no timeout and has no deadline to inherit."""

_LOOK_SECONDS = 1.0  # How often the certificate files are looked at, at most.
_MAX_MESSAGE = 4 * 1024 * 1024

Metadata = Sequence[tuple[str, str | bytes]]
Serializer = Callable[[Any], bytes]
Deserializer = Callable[[bytes], Any]


def connect(
    target: str,
    *,
    server_name: str,
    tls: TlsFiles | None,
    default_timeout: float = DEFAULT_TIMEOUT,
    health_service: str = "",
    attempts: int = 5,
    keepalive: float = 30.0,
    clock: Clock | None = None,
) -> "Channel":
    """Make a channel to another service's internal listener; it connects when first used.

    ``server_name`` is the DNS name that the other side's certificate must carry: the service's
    name. ``health_service`` is what must be SERVING there, empty for all of it. ``attempts``
    (1 to 5) bounds the tries of one call, made on UNAVAILABLE only. ``tls`` None is plaintext.
    """
    options = _options(server_name if tls else "", health_service, attempts, keepalive)
    source = None if tls is None else CertificateSource(tls)
    return Channel(target, source, options, default_timeout, clock or SystemClock())


class _Live:
    """One gRPC channel with the calls that run on it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.running = 0
        self.callables: dict[str, Any] = {}


class Channel(grpc.aio.Channel):
    """A channel that stubs take like any other. What its calls raise are refusals.

    Each call carries the acting person, the trace, and at most the time that the current call has
    left. When the certificate files change, new calls go to a new channel, and the old one is
    closed after its last call.
    """

    def __init__(
        self,
        target: str,
        source: CertificateSource | None,
        options: Sequence[tuple[str, str | int]],
        default_timeout: float,
        clock: Clock,
    ) -> None:
        self._target = target
        self._source = source
        self._options = list(options)
        self._clock = clock
        self._looked_at = clock.monotonic()
        self._retired: list[_Live] = []
        self._live = self._open()
        self.live_number = 1
        """How often the connection has been opened: 1, and one more for each new certificate."""
        self.default_timeout = default_timeout

    def unary_unary(  # type: ignore[override]  # its calls are only awaited
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool | None = False,
    ) -> "UnaryUnary":
        """Return a callable for one method."""
        return UnaryUnary(self, method, request_serializer, response_deserializer)

    def unary_stream(  # type: ignore[override]  # its calls are only iterated
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool | None = False,
    ) -> "UnaryStream":
        """Return a callable for one method."""
        return UnaryStream(self, method, request_serializer, response_deserializer)

    def stream_unary(self, method: str, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: no contract here streams requests."""
        raise grpc.aio.UsageError(f"{method}: streams of requests are not offered")

    def stream_stream(self, method: str, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: no contract here streams requests."""
        raise grpc.aio.UsageError(f"{method}: streams of requests are not offered")

    async def acquire(self) -> _Live:
        """Return the channel for a call made now, after a look at the certificate files."""
        now = self._clock.monotonic()
        if self._source is not None and now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            if self._source.refresh() is not None:
                self._retired.append(self._live)
                self._live = self._open()
                self.live_number += 1
        live = self._live
        live.running += 1
        await self._close_retired()
        return live

    def release(self, live: _Live) -> None:
        """Say that a call is over."""
        live.running -= 1

    async def close(self, grace: float | None = None) -> None:
        """Close every connection; calls that run have ``grace`` seconds."""
        retired, self._retired = self._retired, []
        for live in (*retired, self._live):
            await live.channel.close(grace)

    async def channel_ready(self) -> None:
        """Wait until the other side is connected and healthy."""
        await self._live.channel.channel_ready()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the state of the newest connection."""
        return self._live.channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state of the newest connection is another one."""
        await self._live.channel.wait_for_state_change(last_observed_state)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    def _open(self) -> _Live:
        if self._source is None:
            return _Live(grpc.aio.insecure_channel(self._target, self._options))
        credentials = channel_credentials(self._source.material)
        return _Live(grpc.aio.secure_channel(self._target, credentials, self._options))

    async def _close_retired(self) -> None:
        if not self._retired:
            return
        idle = [live for live in self._retired if not live.running]
        self._retired = [live for live in self._retired if live.running]
        for live in idle:
            await live.channel.close()


class _Callable:
    """What calls of one method share."""

    def __init__(
        self,
        owner: Channel,
        method: str,
        serialize: Serializer | None,
        deserialize: Deserializer | None,
    ) -> None:
        self._owner = owner
        self._method = method
        self._serialize = serialize
        self._deserialize = deserialize

    def _timeout(self, asked: float | None) -> float:
        return budget(self._owner.default_timeout if asked is None else asked)


class UnaryUnary(_Callable):
    """Calls one method that answers once."""

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        wait_for_ready: bool | None = None,
    ) -> Any:
        """Make the call; raise the refusal that the other side answered."""
        limit = self._timeout(timeout)
        live = await self._owner.acquire()
        try:
            invoke = live.callables.get(self._method)
            if invoke is None:
                invoke = live.callables[self._method] = live.channel.unary_unary(
                    self._method, self._serialize, self._deserialize
                )
            return await invoke(
                request, timeout=limit, metadata=_carried(metadata), wait_for_ready=wait_for_ready
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        finally:
            self._owner.release(live)


class UnaryStream(_Callable):
    """Calls one method that answers with a stream."""

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        wait_for_ready: bool | None = None,
    ) -> AsyncIterator[Any]:
        """Iterate over the answers; raise the refusal that the other side answered."""
        limit = self._timeout(timeout)
        live = await self._owner.acquire()
        try:
            invoke = live.channel.unary_stream(self._method, self._serialize, self._deserialize)
            stream = invoke(
                request, timeout=limit, metadata=_carried(metadata), wait_for_ready=wait_for_ready
            )
            async for message in stream:
                yield message
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
        finally:
            self._owner.release(live)


def _carried(extra: Metadata | None) -> tuple[tuple[str, str | bytes], ...]:
    carried: list[tuple[str, str | bytes]] = list(extra or ())
    principal = current_or_none()
    if principal is not None:
        carried.append((PRINCIPAL, principal_to_bytes(principal)))
    traceparent = current_traceparent()
    if traceparent:
        carried.append((TRACEPARENT, traceparent))
    return tuple(carried)


def _options(
    server_name: str, health_service: str, attempts: int, keepalive: float
) -> list[tuple[str, str | int]]:
    every_method: dict[str, object] = {"name": [{}]}
    if attempts > 1:
        every_method["retryPolicy"] = {
            "maxAttempts": attempts,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
    service_config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": health_service},
        "methodConfig": [every_method],
        # When most calls fail, retrying them only keeps the other side down.
        "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    }
    options: list[tuple[str, str | int]] = [
        ("grpc.service_config", orjson.dumps(service_config).decode()),
        ("grpc.enable_retries", 1),
        # A replaced channel must not find the connections of the old certificate again.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 500),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.dns_min_time_between_resolutions_ms", 2_000),
        ("grpc.keepalive_time_ms", int(keepalive * 1000)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return options
