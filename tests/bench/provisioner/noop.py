"""A resync of tenants that are as ordered: how fast, and that the API server is not asked."""

from pathlib import Path

from tests.bench.figures import Floor
from tests.bench.provisioner.counting import Requests, log_size, logged, sent
from tests.bench.provisioner.service import Service
from tests.bench.provisioner.tenants import Tenants
from tests.bench.report import Report
from tests.bench.runner import Options

TENANTS = 1000
_BATCH = 100
_WRITES = "A resync looks at every tenant at times; one that wrote would bury what people did."
_READS = "What the watches have brought is enough; a resync that reads would grow with tenants."


async def measure(
    report: Report, options: Options, service: Service, tenants: Tenants, audit: Path | None
) -> None:
    """Make what is missing of a thousand tenants, then run over all of them once."""
    while len(service.made) < TENANTS:
        options.say(f"no-op: {len(service.made)} of {TENANTS} tenants are there")
        left = TENANTS - len(service.made)
        await service.provision(tenants.orders(min(_BATCH, left)), concurrency=8)
    async with service.listening() as cache:
        asked = await service.ask_again()
        begin = log_size(audit) if audit else 0
        with sent(service.cluster) as requests:
            runs = await service.work(cache, asked, concurrency=8)
        heard = {"client": requests}
        if audit is not None:
            heard["audit log"] = logged(audit, begin)
    report.add(f"no-op reconcile of {len(asked)} tenants, 8 at once", "tenants/s", rate=runs.rate)
    for where, found in heard.items():
        _check(report, where, found)


def _check(report: Report, where: str, found: Requests) -> None:
    report.check(Floor(f"no-op: writes, by the {where}", _WRITES, at_most=0), found.writes)
    report.check(Floor(f"no-op: reads, by the {where}", _READS, at_most=0), found.reads)
