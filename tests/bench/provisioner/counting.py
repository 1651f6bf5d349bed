"""Counts requests: on their way out of the client, and in the API server's own audit log."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.transport import Transport
from tests.cluster.service_account import audited

_READS = frozenset({"GET", "get", "list"})
_WATCH = "watch"


@dataclass
class Requests:
    """Requests by verb; watches, which are there whatever is reconciled, apart."""

    verbs: Counter[str] = field(default_factory=Counter)

    @property
    def reads(self) -> int:
        """Requests that read."""
        return sum(count for verb, count in self.verbs.items() if verb in _READS)

    @property
    def writes(self) -> int:
        """Requests that write: all that neither read nor watch."""
        return self.verbs.total() - self.reads - self.verbs[_WATCH]


@dataclass
class _Counting:
    """A transport that counts what goes through it."""

    inner: Transport
    requests: Requests

    async def send(
        self, method: str, path: str, timeout: aiohttp.ClientTimeout, **others: Any
    ) -> aiohttp.ClientResponse:
        watches = _WATCH in (others.get("query") or {})
        self.requests.verbs[_WATCH if watches else method] += 1
        return await self.inner.send(method, path, timeout, **others)


@contextmanager
def sent(cluster: KubeCluster) -> Iterator[Requests]:
    """Count what this client sends while the context lasts."""
    requests, inner = Requests(), cluster._transport
    cluster._transport = _Counting(inner, requests)  # type: ignore[assignment] # it delegates
    try:
        yield requests
    finally:
        cluster._transport = inner


def log_size(audit: Path) -> int:
    """Where the audit log ends by now, in bytes."""
    return audit.stat().st_size


def logged(audit: Path, begin: int) -> Requests:
    """Count what the API server logged of the account from that byte on."""
    return Requests(Counter(str(event["verb"]) for event in audited(audit, begin)))
