"""The provisioner's settings."""

import re
from dataclasses import dataclass
from pathlib import Path

from services.chassis.config import ChassisConfig, Env, read_chassis, read_target
from services.provisioner import naming
from services.provisioner.naming import Naming, refused_names
from services.provisioner.organization.settings import BackendChoice, OrganizationSettings
from services.provisioner.plans.seen import Place

_ACTUAL = "actual"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_SHORTEST_LEASE = 2.0
"""A second of it is kept back, and a request takes some."""


@dataclass(frozen=True, slots=True)
class ProvisionerConfig:
    """``kubeconfig`` None: the service account of the pod. Times are in seconds.

    ``pricing_target`` is empty where nobody asks what things cost, ``region`` the rate card's for
    what stands in this cluster, empty for the card's own.

    ``lease`` is how long tenants and facts that a killed process worked on wait for another; the
    requests of a run are kept shorter than what is left of it. ``concurrency`` is how many tenants
    are worked on at once, ``resync`` how often each is looked at though nothing was heard of it,
    ``rediscover`` how often kinds that the cluster need not serve are looked for. ``plans`` is the
    ConfigMap that pricing is told of, None for none. ``use_every`` is how often what tenants use is
    measured, where pricing is told of it.
    """

    chassis: ChassisConfig
    subscription_target: str
    pricing_target: str
    region: str
    kubeconfig: Path | None
    names: Naming
    concurrency: int
    lease: float
    resync: float
    organizations: OrganizationSettings
    rediscover: float
    plans: Place | None
    use_every: float


def read_config(env: Env) -> ProvisionerConfig:
    """Read the settings."""
    kubeconfig = env.path(
        "KUBECONFIG", default=Path(), doc="cluster to provision in; empty: the pod's own"
    )
    lease = env.seconds(
        "TOLLGATE_PROVISIONER_LEASE",
        default=10.0,
        at_most=300.0,
        doc="how long the tenants and facts of a killed process wait for another",
    )
    if lease < _SHORTEST_LEASE:
        env.problem("TOLLGATE_PROVISIONER_LEASE", f"expected at least {_SHORTEST_LEASE:g} seconds")
    pricing_target = env.address(
        "TOLLGATE_PRICING_TARGET",
        default="",
        example="127.0.0.1:9002",
        doc="internal listener of pricing, for what things cost; empty: not told",
    )
    return ProvisionerConfig(
        chassis=read_chassis(env, "provisioner"),
        subscription_target=read_target(env, "subscription"),
        pricing_target=pricing_target,
        region=env.text(
            "TOLLGATE_REGION",
            default="",
            doc="the rate card's region that the cluster is in; empty: the card's own",
        ),
        kubeconfig=None if kubeconfig == Path() else kubeconfig,
        names=_read_names(env),
        concurrency=env.number(
            "TOLLGATE_PROVISIONER_CONCURRENCY",
            default=8,
            at_least=1,
            at_most=100,
            doc="tenants that are worked on at once",
        ),
        lease=lease,
        resync=env.seconds(
            "TOLLGATE_PROVISIONER_RESYNC",
            default=600.0,
            doc="how often every tenant is looked at",
        ),
        organizations=_read_organizations(env),
        rediscover=env.seconds(
            "TOLLGATE_ORG_REDISCOVER",
            default=30.0,
            at_most=3600.0,
            doc="how often kinds of other systems are looked for in the cluster",
        ),
        plans=_read_plans(env, pricing_target),
        use_every=env.seconds(
            "TOLLGATE_USE_EVERY_SECONDS",
            default=300.0,
            at_most=3600.0,
            doc="how often tenants are measured, where metrics.k8s.io is served and pricing told",
        ),
    )


def _read_plans(env: Env, pricing_target: str) -> Place | None:
    text = env.text(
        "TOLLGATE_PLANS_CONFIGMAP",
        default="",
        doc="ConfigMap whose plans.yaml is sold, such as kube-dc/billing-plans; empty: none is",
    )
    if not text:
        return None
    namespace, slash, name = text.partition("/")
    if not slash or not _NAME.fullmatch(namespace) or not _NAME.fullmatch(name):
        env.problem("TOLLGATE_PLANS_CONFIGMAP", f'expected <namespace>/<name>, got "{text}"')
        return None
    if not pricing_target:
        env.problem("TOLLGATE_PLANS_CONFIGMAP", "needs TOLLGATE_PRICING_TARGET, who is told of it")
    return Place(namespace, name)


def _read_organizations(env: Env) -> OrganizationSettings:
    ratio = env.number(
        "TOLLGATE_ORG_SUSPENDED_LIMITS_RATIO",
        default=1,
        at_least=1,
        at_most=2,
        doc="limits as a multiple of requests while an organization is suspended, 1 or 2",
    )
    assumed = env.text(
        "TOLLGATE_ORG_PROJECTS_ASSUMED",
        default=_ACTUAL,
        doc="projects that system overhead is added for: actual, or a number",
    )
    if assumed != _ACTUAL and not (assumed.isascii() and assumed.isdigit() and len(assumed) <= 4):
        env.problem("TOLLGATE_ORG_PROJECTS_ASSUMED", f"expected {_ACTUAL} or a number up to 9999")
        assumed = _ACTUAL
    backend = env.text(
        "TOLLGATE_ORG_QUOTA_BACKEND",
        default=BackendChoice.AUTO.value,
        doc="auto: a HierarchicalResourceQuota where that kind is served; native: never",
    )
    if backend not in list(BackendChoice):
        env.problem("TOLLGATE_ORG_QUOTA_BACKEND", "expected auto or native")
        backend = BackendChoice.AUTO
    project_quota = env.text(
        "TOLLGATE_ORG_PROJECT_QUOTA_NAME",
        default=naming.PROJECT_QUOTA,
        doc="name of the ResourceQuota that caps a single project",
    )
    if not naming.may_name_project_quota(project_quota):
        env.problem("TOLLGATE_ORG_PROJECT_QUOTA_NAME", "expected a name of none of our own quotas")
        project_quota = naming.PROJECT_QUOTA
    return OrganizationSettings(
        project_quota=project_quota,
        suspended_limits_ratio=ratio,
        projects_assumed=None if assumed == _ACTUAL else int(assumed),
        backend=BackendChoice(backend),
        pace=env.seconds(
            "TOLLGATE_ORG_PACE",
            default=1.0,
            at_most=60.0,
            doc="least time between two divisions of a quota that usage alone asks for",
        ),
    )


def _read_names(env: Env) -> Naming:
    prefix = env.text(
        "TOLLGATE_NAMESPACE_PREFIX", default="customer-", doc="what namespaces' names begin with"
    )
    refused = env.text(
        "TOLLGATE_NAMESPACE_REFUSED",
        default="",
        doc="names, separated by commas, that no namespace of ours ever gets",
    )
    try:
        return Naming(prefix, refused_names(refused.split(",")))
    except ValueError as error:
        env.problem("TOLLGATE_NAMESPACE_PREFIX", f'"{prefix}" cannot be used: {error}')
        return Naming()
