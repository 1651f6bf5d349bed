"""Settings: what is needed with a provider, and that none asks for nothing."""

import base64
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.chassis.config import ConfigError, Env
from services.chassis.env import StartError
from services.payments.config import PATHS, Config, read_config
from services.payments.providers.opening import open_provider
from services.payments.providers.stripe.settings import StripeSettings
from tests.fakes.chassis import ManualClock

KEY = base64.b64encode(b"k" * 32).decode()


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
        "DATABASE_URL": "postgresql://payments:pw@127.0.0.1/tollgate",
    }


def stripe(**changes: str) -> dict[str, str]:
    return {
        "BILLING_PROVIDER": "stripe",
        "STRIPE_SECRET_KEY": "sk_test_abc",
        "STRIPE_WEBHOOK_SECRET": "whsec_a, whsec_b",
        "TOLLGATE_ENCRYPTION_KEYS": f"{KEY},{KEY}",
    } | changes


def read(values: Mapping[str, str]) -> Config:
    env = Env(values)
    config = read_config(env)
    env.finish()
    return config


def test_without_a_provider_nothing_asks_for_a_key(base: dict[str, str]) -> None:
    config = read(base)
    assert config.stripe is None
    assert config.encryption_keys == ()
    assert config.deployment == "tollgate"


def test_with_stripe_key_secrets_and_encryption_are_needed(base: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as problems:
        read(base | {"BILLING_PROVIDER": "stripe"})
    assert {text.partition(":")[0] for text in problems.value.problems} == {
        "STRIPE_SECRET_KEY",
        "TOLLGATE_ENCRYPTION_KEYS",
    }


def test_a_shared_list_of_secrets_holds_for_every_path(base: dict[str, str]) -> None:
    settings = read(base | stripe()).stripe
    assert settings is not None
    assert settings.secrets == dict.fromkeys(PATHS, ("whsec_a", "whsec_b"))


def test_a_path_may_have_secrets_of_its_own_or_none(base: dict[str, str]) -> None:
    own = {"STRIPE_WEBHOOK_SECRET_XRPC": "whsec_x", PATHS["/api/billing/webhook"]: "off"}
    settings = read(base | stripe(**own)).stripe
    assert settings is not None
    assert settings.secrets["/xrpc/io.atcr.hold.stripeWebhook"] == ("whsec_x",)
    assert settings.secrets["/api/billing/webhook"] == ()
    assert settings.secrets["/webhooks/stripe"] == ("whsec_a", "whsec_b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLING_PROVIDER", "whmcs"),
        ("STRIPE_SECRET_KEY", "pk_test_public"),
        ("TOLLGATE_ENCRYPTION_KEYS", "not base64!"),
        ("TOLLGATE_ENCRYPTION_KEYS", base64.b64encode(b"short").decode()),
        ("TOLLGATE_ENCRYPTION_KEYS", ","),
        ("STRIPE_API_BASE", "stripe"),
    ],
)
def test_a_wrong_value_is_named_without_being_shown(
    base: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as problems:
        read(base | stripe(**{name: value}))
    (text,) = problems.value.problems
    assert text.startswith(f"{name}:")
    assert "pk_test_public" not in text


def test_a_secret_may_stand_in_a_file(base: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk_live_from_file\n")
    values = dict(stripe(STRIPE_SECRET_KEY_FILE=str(file)))
    del values["STRIPE_SECRET_KEY"]
    settings = read(base | values).stripe
    assert settings is not None
    assert settings.livemode


def test_a_configuration_shows_no_secret(base: dict[str, str]) -> None:
    shown = repr(read(base | stripe()))
    for secret in ("sk_test_abc", "whsec_a", "kkkk", ":pw@"):
        assert secret not in shown


def test_the_library_of_a_provider_that_is_off_is_not_loaded() -> None:
    program = (
        "import sys; import services.payments.__main__; "
        "from services.chassis.clock import SystemClock; "
        "from services.payments.providers.opening import open_provider; "
        "open_provider(None, SystemClock()); "
        "sys.exit('stripe' in sys.modules or 'aiohttp' in sys.modules)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and program
        [sys.executable, "-c", program], check=False, env={"PYTHONPATH": ".:protos/gen"}
    )
    assert done.returncode == 0


def test_a_missing_library_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("services.payments.providers.stripe.provider", "stripe"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.delitem(sys.modules, "services.payments.providers.stripe.client", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(StartError, match=r"'stripe'.*pip install 'tollgate\[stripe\]'"):
        open_provider(StripeSettings("sk_test_x", {}), ManualClock())


class Missing:
    """An installation without the extra."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name == "stripe":
            raise ModuleNotFoundError("No module named 'stripe'", name="stripe")
