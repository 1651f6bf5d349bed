"""The real services as processes, with the settings that make them find each other."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from deploy.sandbox.postgres.roles import ServiceDsns
from deploy.sandbox.stack.layout import Layout
from deploy.sandbox.stack.parts import base_environment
from deploy.sandbox.stack.quotekeys import quote_keys
from deploy.sandbox.stack.settings import ROOT, SERVICES
from deploy.sandbox.supervisor.readiness import answers
from deploy.sandbox.supervisor.spec import ProcessSpec

# The embedded stack shows everything it does.
_TRACE_EVERYTHING = {"TOLLGATE_TRACE_RATIO": "1"}


def service_specs(
    layout: Layout, databases: Mapping[str, ServiceDsns], parts: Sequence[str]
) -> list[ProcessSpec]:
    """Return the four services and the gateway; they stop before the ``parts`` do."""
    specs = [_service(layout, name, databases[name]) for name in SERVICES]
    return [replace(spec, depends_on=parts) for spec in (*specs, _gateway(layout))]


def _service(layout: Layout, name: str, database: ServiceDsns) -> ProcessSpec:
    ports = layout.service(name)
    env = _common(layout, name, ports.metrics) | {
        "TOLLGATE_PUBLIC_ADDRESS": f"127.0.0.1:{ports.public}",
        "TOLLGATE_INTERNAL_ADDRESS": f"127.0.0.1:{ports.internal}",
        "DATABASE_URL": database.service,
        "TOLLGATE_MIGRATE_URL": database.owner,
    }
    env |= _own(layout, name)
    env |= layout.settings.passed.get(name, {})
    env |= layout.settings.service_settings.get(name, {})
    return _spec(name, f"services.{name}", env, ports.metrics)


def _gateway(layout: Layout) -> ProcessSpec:
    metrics = layout.port("gateway-metrics")
    env = _common(layout, "gateway", metrics) | {
        "TOLLGATE_HTTP_ADDRESS": f"127.0.0.1:{layout.port('gateway')}"
    }
    return _spec("gateway", "gateway", env, metrics)


def _common(layout: Layout, name: str, metrics: int) -> dict[str, str]:
    files = layout.certificate(name)
    targets = {
        f"TOLLGATE_{other.upper()}_TARGET": f"127.0.0.1:{layout.service(other).internal}"
        for other in SERVICES
    }
    return (
        base_environment()
        | _TRACE_EVERYTHING
        | targets
        | {
            "TOLLGATE_METRICS_ADDRESS": f"127.0.0.1:{metrics}",
            "TOLLGATE_TLS_CERT": str(files.cert),
            "TOLLGATE_TLS_KEY": str(files.key),
            "TOLLGATE_TLS_CA": str(files.ca),
            "TOLLGATE_OIDC_BASE": layout.idp_url,
        }
    )


def _own(layout: Layout, name: str) -> dict[str, str]:
    if name == "pricing":
        return {
            "TOLLGATE_CATALOG": str(layout.settings.catalog),
            "TOLLGATE_QUOTE_KEYS": str(quote_keys(layout.home / "quote-keys.json")),
            "TOLLGATE_SMTP_ADDRESS": f"127.0.0.1:{layout.port('mail')}",
            "TOLLGATE_SMTP_TLS": "none",
            "TOLLGATE_SMTP_FROM": "Tollgate <tollgate@sandbox.example>",
            "TOLLGATE_ALERT_WEBHOOK_KEYS": layout.secrets.alert_key,
            # Who tries webhooks out listens on this machine.
            "TOLLGATE_ALERT_WEBHOOK_NETWORKS": "127.0.0.0/8,::1/128",
        }
    if name == "provisioner":
        told = {"TOLLGATE_PLANS_CONFIGMAP": layout.settings.plans} if layout.settings.plans else {}
        return {"KUBECONFIG": str(layout.provisioner_kubeconfig), **told}
    if name == "payments":
        return _payments(layout)
    return {}


def _payments(layout: Layout) -> dict[str, str]:
    env = {
        "BILLING_PROVIDER": layout.settings.provider,
        "TOLLGATE_ENCRYPTION_KEYS": layout.secrets.sealing_key,
    }
    if layout.settings.provider == "stripe":
        env |= {
            "STRIPE_SECRET_KEY": layout.stripe_key,
            "STRIPE_WEBHOOK_SECRET": layout.webhook_secret,
            "STRIPE_API_BASE": layout.stripe_base,
        }
    return env


def _spec(name: str, module: str, env: dict[str, str], metrics: int) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=[sys.executable, "-m", module],
        env=env,
        ready=answers(metrics, "/readyz"),
        cwd=ROOT,
        grace=15.0,
    )
