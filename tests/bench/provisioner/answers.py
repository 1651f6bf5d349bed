"""The sandbox cluster's answers beside the real API server's: the same requests to both."""

from collections.abc import Awaitable, Callable
from statistics import median

from services.provisioner.domain import JsonObject
from services.provisioner.ensure import together
from services.provisioner.kube.client import KubeCluster
from services.provisioner.objects import Ref, ref_of
from tests.bench.figures import Floor, median_ratio
from tests.bench.provisioner import bare
from tests.bench.provisioner.bare import Runs
from tests.bench.provisioner.tenants import Tenants
from tests.bench.report import Report
from tests.bench.runner import Options

_CONCURRENCY = 8
_LISTS = 4
_TIME = 30.0
_REASON = "Who develops against the sandbox waits for it instead of a cluster, never longer."

Rates = dict[str, dict[str, list[float]]]


async def measure(
    report: Report, options: Options, tenants: Tenants, planes: dict[str, KubeCluster]
) -> None:
    """Apply, get and list on both in turn; both hold the same objects at every moment."""
    rates: Rates = {verb: {name: [] for name in planes} for verb in ("apply", "get", "list")}
    for number in range(options.rounds + 1):
        made = tenants.manifests(options.size)
        turn = list(planes) if number % 2 else list(planes)[::-1]
        for verb in rates:
            for name in turn:
                runs, requests = await _DOES[verb](planes[name], made)
                if number:  # The first round only opens connections.
                    rates[verb][name].append(requests / runs.seconds)
        if number:
            options.say(f"sandbox, round {number}: {_told(rates)}")
    ours, real = planes
    for verb, found in rates.items():
        for name in planes:
            what = f"{verb} at the {name}, {_CONCURRENCY} tenants at once"
            report.add(what, "requests/s", median=median(found[name]))
        floor = Floor(f"{verb} at the {ours} to the {real}", _REASON, at_least=1.0)
        report.check(floor, median_ratio(found[ours], found[real]))


async def _apply(cluster: KubeCluster, made: list[list[JsonObject]]) -> tuple[Runs, int]:
    runs = await bare.at_once(made, _CONCURRENCY, lambda one: bare.make(cluster, one))
    return runs, sum(len(one) for one in made)


async def _get(cluster: KubeCluster, made: list[list[JsonObject]]) -> tuple[Runs, int]:
    async def get(refs: list[Ref]) -> None:
        found = await together([cluster.get(ref, timeout=_TIME) for ref in refs])
        if None in found:
            raise RuntimeError("what was made does not stand")

    refs = [[ref_of(wanted) for wanted in one] for one in made]
    return await bare.at_once(refs, _CONCURRENCY, get), sum(len(one) for one in refs)


async def _list(cluster: KubeCluster, made: list[list[JsonObject]]) -> tuple[Runs, int]:
    kinds = list(cluster.kinds) * _LISTS
    return await bare.at_once(kinds, _CONCURRENCY, cluster.list_kind), len(kinds)


_DOES: dict[str, Callable[[KubeCluster, list[list[JsonObject]]], Awaitable[tuple[Runs, int]]]] = {
    "apply": _apply,
    "get": _get,
    "list": _list,
}


def _told(rates: Rates) -> str:
    return ", ".join(
        f"{verb} {' : '.join(f'{found[-1]:.0f}' for found in sides.values())}/s"
        for verb, sides in rates.items()
    )
