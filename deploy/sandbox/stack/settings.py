"""What a person can say about the embedded stack, read from the environment once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.sandbox.stack.passing import of_the_shipped_catalogs, passed

ROOT = Path(__file__).resolve().parents[3]

SERVICES = ("pricing", "subscription", "payments", "provisioner")
DEFAULT_GATEWAY_PORT = 8080
PROVIDERS = ("none", "stripe")
KUBE_DC_PLANS = "kube-dc/billing-plans"
_PORTS = ("postgres", "idp", "stripe", "kubernetes", "mail", "gateway", *SERVICES)


class BadSetting(Exception):  # noqa: N818 - reads as the sentence it carries
    """A variable says something that cannot be; the text names it and what it should be."""


@dataclass(frozen=True, slots=True)
class StackSettings:
    """An empty text means the embedded part; ``ports`` holds those that were asked for.

    ``kubeconfig`` is what the provisioner gets its cluster and its account from; with an
    ``admin_kubeconfig`` it is used as it is, and people read with the latter. ``defines_kube_dc``
    says that a cluster which is not embedded is given the kinds of Kube-DC that it lacks. ``plans``
    is the ConfigMap that the provisioner tells pricing of, empty for none. ``passed`` are the
    person's own variables of single services. ``cluster_faults`` opens the embedded cluster's fault
    hook, and ``service_settings`` are variables of single services that replace the stack's own:
    both for those who test the stack.
    """

    home: Path
    catalog: Path
    provider: str
    ports: Mapping[str, int] = field(default_factory=dict)
    kubeconfig: str = ""
    admin_kubeconfig: str = ""
    database_url: str = ""
    stripe_key: str = ""
    stripe_webhook_secret: str = ""
    pgbin: str = ""
    defines_kube_dc: bool = False
    plans: str = ""
    passed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cluster_faults: bool = False
    service_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_settings(env: Mapping[str, str]) -> StackSettings:
    """Read the settings; BadSetting if one of them cannot be."""
    settings = StackSettings(
        home=Path(env.get("TOLLGATE_HOME") or ROOT / ".tollgate").absolute(),
        catalog=Path(env.get("TOLLGATE_CATALOG") or ROOT / "deploy" / "catalogs").absolute(),
        provider=env.get("BILLING_PROVIDER") or "stripe",
        ports={"gateway": DEFAULT_GATEWAY_PORT} | _ports(env),
        kubeconfig=env.get("KUBECONFIG", ""),
        admin_kubeconfig=env.get("TOLLGATE_ADMIN_KUBECONFIG", ""),
        database_url=env.get("DATABASE_URL", ""),
        stripe_key=env.get("STRIPE_SECRET_KEY", ""),
        stripe_webhook_secret=env.get("STRIPE_WEBHOOK_SECRET", ""),
        pgbin=env.get("PGBIN", ""),
        plans=_plans(env),
        passed=_passed(env),
    )
    _check(settings)
    return settings


def _plans(env: Mapping[str, str]) -> str:
    """The embedded cluster plays a Kube-DC; of another one nobody knows before it is said."""
    return env.get("TOLLGATE_PLANS_CONFIGMAP", "" if env.get("KUBECONFIG") else KUBE_DC_PLANS)


def _passed(env: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    given = passed(env)
    if env.get("TOLLGATE_CATALOG") or env.get("STRIPE_SECRET_KEY"):
        return given
    shipped = of_the_shipped_catalogs(ROOT / "deploy" / "catalogs" / "examples")
    return given | {"pricing": shipped | given["pricing"]}


def _ports(env: Mapping[str, str]) -> dict[str, int]:
    names = {name: f"TOLLGATE_{name.upper()}_PORT" for name in _PORTS} | {
        "gateway": "TOLLGATE_PORT"
    }
    return {
        name: _port(variable, env[variable])
        for name, variable in names.items()
        if env.get(variable)
    }


def port_variable(name: str) -> str:
    """Return the variable that says a process's port."""
    return (
        "TOLLGATE_PORT" if name == "gateway" else f"TOLLGATE_{name.upper().replace('-', '_')}_PORT"
    )


def _port(variable: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise BadSetting(f"{variable} is {text!r}; expected a port from 1 to 65535")
    return int(text)


def _check(settings: StackSettings) -> None:
    if settings.provider not in PROVIDERS:
        raise BadSetting(
            f"BILLING_PROVIDER is {settings.provider!r}; expected one of {', '.join(PROVIDERS)}"
        )
    if not settings.catalog.exists():
        raise BadSetting(f"TOLLGATE_CATALOG is {settings.catalog}, which does not exist")
    _check_kubeconfigs(settings)
    if settings.stripe_key and not settings.stripe_webhook_secret:
        raise BadSetting(
            "STRIPE_SECRET_KEY is given without STRIPE_WEBHOOK_SECRET (whsec_…), "
            "and no event could be believed"
        )


def _check_kubeconfigs(settings: StackSettings) -> None:
    if settings.admin_kubeconfig and not settings.kubeconfig:
        raise BadSetting(
            "TOLLGATE_ADMIN_KUBECONFIG is given without KUBECONFIG, the provisioner's: "
            "an administrator's alone goes into KUBECONFIG"
        )
    for variable, file in (
        ("KUBECONFIG", settings.kubeconfig),
        ("TOLLGATE_ADMIN_KUBECONFIG", settings.admin_kubeconfig),
    ):
        if file and not Path(file).is_file():
            raise BadSetting(f"{variable} is {file}, which is no file")
