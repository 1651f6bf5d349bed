"""The settings of organizations: what is assumed, and what is refused in words."""

from pathlib import Path

import pytest

from services.chassis.config import ConfigError, Env
from services.provisioner.config import ProvisionerConfig, read_config
from services.provisioner.organization.settings import BackendChoice, OrganizationSettings


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    pem = tmp_path / "any.pem"
    pem.write_text("pem")
    return {
        "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_TLS_CERT": str(pem),
        "TOLLGATE_TLS_KEY": str(pem),
        "TOLLGATE_TLS_CA": str(pem),
        "TOLLGATE_OIDC_BASE": "http://127.0.0.1:9000",
        "TOLLGATE_SUBSCRIPTION_TARGET": "127.0.0.1:9002",
        "DATABASE_URL": "postgresql://provisioner:pw@127.0.0.1/tollgate",
    }


def read(values: dict[str, str]) -> ProvisionerConfig:
    env = Env(values)
    config = read_config(env)
    env.finish()
    return config


def test_without_settings_projects_are_counted_and_suspended_limits_are_the_requests(
    base: dict[str, str],
) -> None:
    config = read(base)
    assert config.organizations == OrganizationSettings(
        suspended_limits_ratio=1, projects_assumed=None, backend=BackendChoice.AUTO, pace=1.0
    )
    assert config.rediscover == 30.0


def test_each_contradiction_of_the_upstream_is_a_setting(base: dict[str, str]) -> None:
    config = read(
        base
        | {
            "TOLLGATE_ORG_SUSPENDED_LIMITS_RATIO": "2",
            "TOLLGATE_ORG_PROJECTS_ASSUMED": "50",
            "TOLLGATE_ORG_QUOTA_BACKEND": "native",
            "TOLLGATE_ORG_PACE": "5",
            "TOLLGATE_ORG_REDISCOVER": "2",
            "TOLLGATE_ORG_PROJECT_QUOTA_NAME": "caps",
        }
    )
    assert config.organizations == OrganizationSettings(2, 50, BackendChoice.NATIVE, 5.0, "caps")
    assert config.rediscover == 2.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOLLGATE_ORG_SUSPENDED_LIMITS_RATIO", "3"),
        ("TOLLGATE_ORG_PROJECTS_ASSUMED", "many"),
        ("TOLLGATE_ORG_PROJECTS_ASSUMED", "-1"),
        ("TOLLGATE_ORG_QUOTA_BACKEND", "hnc"),
        ("TOLLGATE_ORG_PROJECT_QUOTA_NAME", "plan-quota"),
        ("TOLLGATE_ORG_PROJECT_QUOTA_NAME", "Caps!"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    base: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(ConfigError, match=name):
        read(base | {name: value})
