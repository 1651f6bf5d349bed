"""Says where a running stack is: `endpoints.json`, for people and programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.settings import SERVICES
from deploy.sandbox.supervisor.files import write_atomic

ORGANIZATION = "acme"
ROLES = ("platform-admin", "org-admin", "project-user", "guest")


async def describe(layout: Layout, database: str, provisioner: str) -> dict[str, Any]:
    """Return every address of a running stack, and a token for each role that lives 24 hours.

    ``provisioner`` is whom the cluster takes the provisioner for.
    """
    return {
        "gateway": layout.gateway_url,
        "grpc": {name: f"127.0.0.1:{layout.service(name).public}" for name in SERVICES},
        "stripe": _stripe(layout),
        "kubernetes": {
            "kubeconfig": str(layout.admin_kubeconfig),
            "kind": "external" if layout.settings.kubeconfig else "sandbox",
            "provisioner": provisioner,
        },
        "postgres": {"dsn": database},
        "identity": {"base": layout.idp_url},
        "mail": {"smtp": f"127.0.0.1:{layout.port('mail')}", "folder": str(layout.mails)},
        "tokens": await _tokens(layout),
        "organization": ORGANIZATION,
    }


def write(layout: Layout, endpoints: dict[str, Any]) -> Path:
    """Write the file; it holds secrets, so only its owner may read it."""
    file = layout.home / "endpoints.json"
    write_atomic(file, json.dumps(endpoints, indent=2).encode() + b"\n", 0o600)
    return file


def shell_variables(endpoints: Mapping[str, Any]) -> dict[str, str]:
    """Return what a person types most, by variable name."""
    kubeconfig = yaml.safe_load(Path(endpoints["kubernetes"]["kubeconfig"]).read_text())
    stripe = endpoints["stripe"] or {"api_base": "", "secret_key": ""}
    tokens = {name.upper().replace("-", "_"): token for name, token in endpoints["tokens"].items()}
    return tokens | {
        "GATEWAY": endpoints["gateway"],
        "STRIPE": stripe["api_base"],
        "STRIPE_KEY": stripe["secret_key"],
        "KUBE": kubeconfig["clusters"][0]["cluster"]["server"],
        "KUBE_TOKEN": kubeconfig["users"][0]["user"].get("token", ""),
    }


def _stripe(layout: Layout) -> dict[str, str] | None:
    if layout.settings.provider != "stripe":
        return None
    return {
        "api_base": layout.stripe_base,
        "secret_key": layout.stripe_key,
        "webhook_secret": layout.webhook_secret,
        "webhook_url": f"{layout.gateway_url}/api/webhooks/stripe",
    }


async def _tokens(layout: Layout) -> dict[str, str]:
    tokens: dict[str, str] = {}
    async with aiohttp.ClientSession() as session:
        for role in ROLES:
            form = {"role": role, "organization": ORGANIZATION}
            async with session.post(f"{layout.idp_url}/token", data=form) as answer:
                answer.raise_for_status()
                tokens[role] = (await answer.json())["access_token"]
    return tokens
