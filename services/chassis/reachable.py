"""Asks another service whether it serves."""

from typing import Any

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis.errors import Refusal

_TIMEOUT = 1.0


async def serving(channel: grpc.aio.Channel, service: str = "") -> bool:
    """Tell whether a service, or all of the process, answers SERVING within a second."""
    request = health_pb2.HealthCheckRequest(service=service)
    stub: Any = health_pb2_grpc.HealthStub(channel)
    try:
        answer = await stub.Check(request, timeout=_TIMEOUT)
    except Refusal:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
