"""The gateway's settings."""

from pathlib import Path

import pytest

from gateway.config import GatewayConfig, read_config
from services.chassis.config import ConfigError, Env

TARGETS = {
    f"TOLLGATE_{service}_TARGET": f"127.0.0.1:900{place}"
    for place, service in enumerate(("PAYMENTS", "PRICING", "SUBSCRIPTION", "PROVISIONER"))
}


def settings(tmp_path: Path, **more: str) -> GatewayConfig:
    file = tmp_path / "any.pem"
    file.write_text("")
    tls = {f"TOLLGATE_TLS_{part}": str(file) for part in ("CERT", "KEY", "CA")}
    needed = {"TOLLGATE_HTTP_ADDRESS": "0.0.0.0:8123", "TOLLGATE_OIDC_BASE": "http://127.0.0.1:1"}
    env = Env(TARGETS | tls | needed | more)
    config = read_config(env)
    env.finish()
    return config


def test_the_defaults_make_the_gateway_its_own_console(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert config.console_url == "http://127.0.0.1:8123"
    assert (config.billing_catalog, config.scaffolder_catalog) == ("kube-dc", "scaffolder")
    assert (config.catalog_public, config.price_calls_per_minute) == (False, 120)
    assert (config.subscription, config.provisioner) == ("127.0.0.1:9002", "127.0.0.1:9003")


def test_the_console_is_the_public_url_or_its_own(tmp_path: Path) -> None:
    public = {"TOLLGATE_PUBLIC_URL": "https://tollgate.example/"}
    assert settings(tmp_path, **public).console_url == "https://tollgate.example"
    own = public | {"CONSOLE_URL": "https://console.example/"}
    assert settings(tmp_path, **own).console_url == "https://console.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSOLE_URL", "console.example"),
        ("TOLLGATE_PUBLIC_URL", "ftp://x"),
        ("TOLLGATE_CATALOG_PUBLIC", "perhaps"),
        ("TOLLGATE_PRICE_CALLS_PER_MINUTE", "0"),
        ("TOLLGATE_HTTP_ADDRESS", "abc"),
        ("TOLLGATE_SUBSCRIPTION_TARGET", ""),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, **{name: value})
    assert name in str(refused.value)
    assert len(refused.value.problems) == 1
