"""A handler may answer with its message as bytes: what it wrote is what is sent."""

from typing import Any

import grpc

from services.chassis.interceptors.call import Kind, wrap
from tollgate.common.v1.money_pb2 import Money

MESSAGE = Money(currency="USD", minor_units=123)


async def unused(request: Any, context: Any) -> Any:
    raise AssertionError("nobody calls it")


def test_bytes_are_sent_as_they_are_and_messages_are_written() -> None:
    handler = grpc.unary_unary_rpc_method_handler(unused, Money.FromString, Money.SerializeToString)
    wrapped = wrap(handler, "/service/Method", Kind.PUBLIC, [])
    assert wrapped.response_serializer is not None
    assert wrapped.response_serializer(MESSAGE) == MESSAGE.SerializeToString()
    assert wrapped.response_serializer(b"written") == b"written"
