"""A whole service as its ``__main__`` looks, for the test that runs it as a process."""

import asyncio
from dataclasses import dataclass

from services.chassis.access import Role, Rule
from services.chassis.config import ChassisConfig, Env, read_chassis
from services.chassis.facts import FactRecord
from services.chassis.process import Process, main
from services.chassis.server import GrpcServer, Servicers
from services.chassis.sink import DELIVER, SERVICE, FactSinkServicer
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server

ACCESS = {DELIVER: Rule(callers=frozenset({"payments"}), roles=frozenset({Role.ORG_ADMIN}))}


@dataclass(frozen=True, slots=True)
class Config:
    """Nothing but what every service has."""

    chassis: ChassisConfig


def read_config(env: Env) -> Config:
    """Read the settings."""
    return Config(chassis=read_chassis(env, "pricing"))


async def run(config: Config, process: Process) -> None:
    """Serve until stopped; a fact is taken only once the process is told to stop."""

    async def take(fact: FactRecord, source: str) -> None:
        process.log.info("taking", fact=fact.id, source=source)
        await process.stopping.wait()

    process.task_group.create_task(asyncio.Event().wait())
    sink = FactSinkServicer(take, process.work)
    servicers: Servicers = [(add_FactSinkServicer_to_server, sink, SERVICE)]
    await GrpcServer.from_config(config.chassis, process, servicers, ACCESS).serve(process.stopping)


if __name__ == "__main__":
    main("pricing", read_config, run)
