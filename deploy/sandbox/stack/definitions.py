"""The kinds of other systems that a sandbox cluster plays: their definitions, applied at start."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml

from deploy.sandbox.stack.settings import ROOT

DEFINITIONS = ROOT / "deploy" / "sandbox" / "crds"
KUBE_DC = "kube-dc.com"
HNC = "hnc.x-k8s.io"
_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MANAGER = "?fieldManager=tollgate-install&force=true"
_PATIENCE = 10.0
_PAUSE = 0.05


def definitions(*groups: str) -> list[dict[str, Any]]:
    """Return the definitions of these groups, in the order of their names."""
    found = [path for group in groups for path in sorted(DEFINITIONS.glob(f"{group}_*.yaml"))]
    return [item for path in found for item in yaml.safe_load_all(path.read_text()) if item]


async def apply_definitions(
    server: str, ca: Path, token: str, groups: Sequence[str] = (KUBE_DC,)
) -> None:
    """Apply the definitions of these groups, and return when the cluster serves them.

    Raises RuntimeError if one is refused, TimeoutError if it is not served in time.
    """
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"}
    tls = ssl.create_default_context(cafile=str(ca))
    async with (
        asyncio.timeout(_PATIENCE),
        aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=tls)) as session,
    ):
        for item in definitions(*groups):
            name = item["metadata"]["name"]
            url = f"{server}{_COLLECTION}/{name}{_MANAGER}"
            async with session.patch(url, data=orjson.dumps(item)) as answer:
                if answer.status >= 300:
                    raise RuntimeError(f"cannot apply {name}: {await answer.text()}")
            await _until_served(session, server, item)


async def _until_served(session: aiohttp.ClientSession, server: str, item: dict[str, Any]) -> None:
    spec = item["spec"]
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    while True:
        async with session.get(server + path) as answer:
            if answer.status == 200:
                return
        # Nothing tells when a definition that was taken begins to be served.
        await asyncio.sleep(_PAUSE)
