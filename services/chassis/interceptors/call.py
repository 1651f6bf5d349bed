"""Binds layers to the handlers of a service, once per method instead of once per call.

gRPC asks its own interceptors anew on each call. Here the handlers are wrapped when they are
registered, which costs nothing later, and names every method at start for the access table.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import grpc
import grpc.aio

from services.chassis.context import Context
from services.chassis.identity import Caller, Principal
from services.chassis.metadata import AUTHORIZATION, PRINCIPAL, TRACEPARENT

# gRPC's own types leave requests and answers open to every message.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[[Any, Any], Any]
Serializer = Callable[[Any], bytes]

_WANTED = frozenset({AUTHORIZATION, PRINCIPAL, TRACEPARENT})


class Kind(StrEnum):
    """Which listener a call came in by."""

    PUBLIC = "public"
    INTERNAL = "internal"


@dataclass(slots=True)
class RpcCall:
    """One call on its way through the layers; those further in fill in what they find out."""

    kind: Kind
    method: str
    context: Context
    request: Any
    streams: bool
    metadata: Mapping[str, str | bytes]
    principal: Principal | None = None
    caller: Caller | None = None
    notes: dict[str, str] = field(default_factory=dict)


Proceed = Callable[[RpcCall], Awaitable[object]]
Layer = Callable[[RpcCall, Proceed], Awaitable[object]]


class Registrar:
    """Stands in for a server while generated code registers its handlers."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Handler]] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Take no notice: the same handlers come by name."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Remember the handlers of a service by the names of its methods."""
        self.services[service] = dict(handlers)

    def methods(self) -> list[str]:
        """Return the full names of all methods."""
        return [f"/{service}/{name}" for service, found in self.services.items() for name in found]


def bound(
    services: Mapping[str, Mapping[str, Handler]], kind: Kind, layers: Sequence[Layer]
) -> "list[grpc.GenericRpcHandler]":
    """Wrap every handler in the layers, outermost first, for one listener."""
    return [
        grpc.method_handlers_generic_handler(
            service,
            {
                name: wrap(handler, f"/{service}/{name}", kind, layers)
                for name, handler in handlers.items()
            },
        )
        for service, handlers in services.items()
    ]


def wrap(handler: Handler, method: str, kind: Kind, layers: Sequence[Layer]) -> Handler:
    """Return a handler of the same shape that runs through the layers first.

    A handler may answer with bytes: its message, written already.
    """
    behaviour, make = _shape(handler)
    run = _invoke(behaviour)
    for layer in reversed(layers):
        run = _around(layer, run)
    streams = bool(handler.response_streaming)

    async def handle(request: Any, context: Context) -> Any:
        metadata = {
            key: value for key, value in context.invocation_metadata() or () if key in _WANTED
        }
        return await run(RpcCall(kind, method, context, request, streams, metadata))

    return make(handle, handler.request_deserializer, _unless_written(handler.response_serializer))


def _unless_written(serialize: Serializer | None) -> Serializer | None:
    if serialize is None:
        return None
    return lambda answer: answer if type(answer) is bytes else serialize(answer)


def _around(layer: Layer, inner: Proceed) -> Proceed:
    # Not a coroutine of its own: a call would wait through twice as many.
    return lambda call: layer(call, inner)


def _invoke(behaviour: Behaviour) -> Proceed:
    if inspect.isasyncgenfunction(behaviour):

        async def stream(call: RpcCall) -> object:
            async for message in behaviour(call.request, call.context):
                await call.context.write(message)
            return None

        return stream

    return lambda call: behaviour(call.request, call.context)


def _shape(handler: Handler) -> tuple[Behaviour, Callable[..., Handler]]:
    if handler.unary_unary is not None:
        return handler.unary_unary, grpc.unary_unary_rpc_method_handler
    if handler.unary_stream is not None:
        return handler.unary_stream, grpc.unary_stream_rpc_method_handler
    if handler.stream_unary is not None:
        return handler.stream_unary, grpc.stream_unary_rpc_method_handler
    if handler.stream_stream is not None:
        return handler.stream_stream, grpc.stream_stream_rpc_method_handler
    raise TypeError("a handler without behaviour")
