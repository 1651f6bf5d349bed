"""The kinds of other systems that a cluster plays here: their definitions, applied at start."""

import asyncio
from collections.abc import Sequence
from typing import Any

import yaml

from deploy.sandbox.stack.kubeapi import APPLY, KubeApi, KubeApiError
from deploy.sandbox.stack.settings import ROOT

DEFINITIONS = ROOT / "deploy" / "sandbox" / "crds"
KUBE_DC = "kube-dc.com"
HNC = "hnc.x-k8s.io"
_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_APPLIED = {"fieldManager": "tollgate-install", "force": "true"}
_NOT_FOUND = 404
_NOT_YET = (429, 503)
_PATIENCE = 10.0
_PAUSE = 0.05


def definitions(*groups: str) -> list[dict[str, Any]]:
    """Return the definitions of these groups, in the order of their names."""
    found = [path for group in groups for path in sorted(DEFINITIONS.glob(f"{group}_*.yaml"))]
    return [item for path in found for item in yaml.safe_load_all(path.read_text()) if item]


async def apply_definitions(api: KubeApi, groups: Sequence[str] = (KUBE_DC,)) -> None:
    """Apply those definitions of these groups that are missing; return when all are served.

    KubeApiError if one is refused, TimeoutError if it is not served in time.
    """
    async with asyncio.timeout(_PATIENCE):
        for item in definitions(*groups):
            path = f"{_COLLECTION}/{item['metadata']['name']}"
            # A cluster that has the real one keeps it.
            if not await _stands(api, path):
                await api.call("PATCH", path, item, content_type=APPLY, query=_APPLIED)
            spec = item["spec"]
            served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
            await _until_stands(api, f"{served}/{spec['names']['plural']}")


async def _until_stands(api: KubeApi, path: str) -> None:
    while True:
        try:
            if await _stands(api, path):
                return
        except KubeApiError as error:
            # "storage is (re)initializing": for a moment after its definition was taken.
            if error.status not in _NOT_YET:
                raise
        # Nothing tells when a definition that was taken begins to be served.
        await asyncio.sleep(_PAUSE)


async def _stands(api: KubeApi, path: str) -> bool:
    try:
        await api.call("GET", path)
    except KubeApiError as error:
        if error.status != _NOT_FOUND:
            raise
        return False
    return True
