"""The embedded parts as processes: PostgreSQL, identity provider, Stripe, Kubernetes."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping

from deploy.sandbox.postgres.binaries import find_binaries
from deploy.sandbox.postgres.server import process_spec
from deploy.sandbox.stack.cluster import write_kubeconfig, write_tokens
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.passing import PRICES
from deploy.sandbox.stack.settings import ROOT
from deploy.sandbox.supervisor.readiness import answers, listens
from deploy.sandbox.supervisor.spec import ProcessSpec
from services.payments.providers.stripe.events import HANDLED


def base_environment() -> dict[str, str]:
    """Return what every process of the stack gets, and nothing of the person's own settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    return env | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'protos' / 'gen'}",
        "PYTHONUNBUFFERED": "1",
    }


def part_specs(layout: Layout) -> list[ProcessSpec]:
    """Return the parts that this stack runs itself."""
    specs = [_idp(layout), _mail(layout)]
    if not layout.settings.database_url:
        binaries = find_binaries(layout.settings.pgbin or None)
        specs.append(process_spec(layout.home / "postgres", layout.port("postgres"), binaries))
    if not layout.settings.kubeconfig:
        specs.append(_kubernetes(layout))
    if layout.stripe_is_embedded:
        specs.append(_stripe(layout))
    return specs


def _idp(layout: Layout) -> ProcessSpec:
    port = layout.port("idp")
    arguments = ["--home", str(layout.home / "idp"), "--port", str(port)]
    return _python("idp", "deploy.sandbox.idp", arguments, answers(port, "/healthz"))


def _mail(layout: Layout) -> ProcessSpec:
    port = layout.port("mail")
    arguments = ["--folder", str(layout.mails), "--port", str(port)]
    return _python("mail", "deploy.sandbox.mail", arguments, listens(port))


def _stripe(layout: Layout) -> ProcessSpec:
    port = layout.port("stripe")
    webhook = f"{layout.gateway_url}/api/webhooks/stripe={layout.webhook_secret}"
    arguments = [
        *("--port", str(port)),
        *("--data", str(layout.home / "stripe")),
        *("--secret-key", layout.stripe_key),
        *("--catalog", str(layout.settings.catalog)),
        *_imports(layout.settings.passed.get("pricing", {})),
        *("--webhook", webhook),
        # As an endpoint is registered: what nobody handles is not sent.
        *("--webhook-events", ",".join(sorted(HANDLED))),
    ]
    return _python("stripe", "deploy.sandbox.stripe", arguments, listens(port))


def _imports(told: Mapping[str, str]) -> list[str]:
    """Return what the sandbox Stripe reads catalogs with, which is what pricing does."""
    file = told.get("TOLLGATE_CATALOG_IMPORTS")
    prices = [f"{name}={value}" for name, value in told.items() if name.startswith(PRICES)]
    return [*(["--imports", file] if file else []), *(f"--price={price}" for price in prices)]


def _kubernetes(layout: Layout) -> ProcessSpec:
    port, secrets = layout.port("kubernetes"), layout.secrets
    files = layout.certificate("kubernetes", spiffe=False)
    tokens = layout.home / "cluster-tokens.json"
    write_tokens(tokens, secrets)
    for file, user, token in (
        (layout.admin_kubeconfig, "admin", secrets.cluster_admin),
        (layout.own_kubeconfig, "provisioner", secrets.cluster_provisioner),
    ):
        write_kubeconfig(file, server=layout.kubernetes_url, ca=layout.ca, user=user, token=token)
    arguments = [
        *("--port", str(port)),
        *("--tls-cert", str(files.cert), "--tls-key", str(files.key)),
        *("--tokens", str(tokens)),
        *("--data", str(layout.home / "kubernetes")),
        *(["--faults"] if layout.settings.cluster_faults else []),
    ]
    return _python("kubernetes", "deploy.sandbox.kubernetes", arguments, listens(port))


def _python(
    name: str, module: str, arguments: list[str], ready: Callable[[], Awaitable[bool]]
) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-m", module, *arguments],
        env=base_environment(),
        ready=ready,
        cwd=ROOT,
    )
