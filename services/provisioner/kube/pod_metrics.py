"""The metrics API of the cluster, which it need not serve: what pods use, summed by namespace.

It knows no pages, so one request reads all pods, and its answer is bounded in bytes.
"""

import asyncio
from collections.abc import Mapping
from decimal import ROUND_CEILING

import orjson

from services.chassis import quantities
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.kube.client import KubeCluster
from services.provisioner.metering.hours import Use

PATH = "/apis/metrics.k8s.io/v1beta1/pods"
MOST_BYTES = 32 * 1024 * 1024
"""Of one answer: some 50,000 pods, which take ten times as much memory while they are read."""
_TIMEOUT = 30.0


class KubePodMetrics:
    """The metrics of a cluster's pods."""

    def __init__(self, cluster: KubeCluster, most_bytes: int = MOST_BYTES) -> None:
        self._cluster = cluster
        self._most_bytes = most_bytes

    async def read(self) -> Mapping[str, Use] | None:
        """Return what the pods of each namespace use together; None if nobody measures it."""
        answer = await self._cluster.read_within(PATH, self._most_bytes, _TIMEOUT)
        if answer is None:
            return None
        try:
            # A thread: the answer may be long.
            return await asyncio.to_thread(summed, answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ClusterUnavailable(f"The metrics API answered no metrics: {error}") from error


def summed(answer: bytes) -> dict[str, Use]:
    """Return the sum of each namespace; ValueError, KeyError, TypeError if it is no such list."""
    sums: dict[str, Use] = {}
    for item in orjson.loads(answer)["items"] or ():
        namespace = item["metadata"]["namespace"]
        for container in item.get("containers") or ():
            sums[namespace] = sums.get(namespace, Use()).plus(_use(container.get("usage") or {}))
    return sums


def _use(usage: Mapping[str, str]) -> Use:
    cpu, memory = (quantities.parse(usage.get(name, "0")) for name in ("cpu", "memory"))
    return Use(
        int((cpu * 1000).to_integral_value(ROUND_CEILING)),
        int(memory.to_integral_value(ROUND_CEILING)),
    )
