"""Document 001's environment, as it stands there, for the services that read it here."""

import base64
from pathlib import Path

import pytest

from services.chassis.config import Env
from services.payments.config import read_config as read_payments
from services.pricing.config import read_config as read_pricing
from services.pricing.sources import imported
from tests.unit.pricing.sources.samples import CATALOGS, MANIFEST

DOCUMENT_001 = {
    "BILLING_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": "sk_test_abc",
    "STRIPE_WEBHOOK_SECRET": "whsec_abc",
    "STRIPE_PRICE_DEV_POOL": "price_1",
    "STRIPE_PRICE_PRO_POOL": "price_2",
    "STRIPE_PRICE_SCALE_POOL": "price_3",
    "STRIPE_PRICE_TURBO_X1": "price_4",
    "STRIPE_PRICE_TURBO_X2": "price_5",
    "LOG_LEVEL": "info",
}


@pytest.fixture
def ours(tmp_path: Path) -> dict[str, str]:
    """Return what the document knows nothing of."""
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
        "TOLLGATE_ENCRYPTION_KEYS": base64.b64encode(bytes(32)).decode(),
        "TOLLGATE_CATALOG": str(CATALOGS),
        "TOLLGATE_RATE_CARD": str(CATALOGS.parent / "rates" / "default.yaml"),
        "DATABASE_URL": "postgresql://u:p@127.0.0.1/tollgate",
    }


def test_it_turns_stripe_on_with_its_key_and_its_secret(ours: dict[str, str]) -> None:
    env = Env(ours | DOCUMENT_001)
    config = read_payments(env)
    env.finish()
    assert config.stripe is not None
    assert config.stripe.secret_key == "sk_test_abc"
    assert config.stripe.secrets["/api/billing/webhook"] == ("whsec_abc",)
    assert config.chassis.log_level == "info"


def test_it_names_the_prices_of_the_plans_and_add_ons_of_the_config_map(
    ours: dict[str, str],
) -> None:
    env = Env(ours | DOCUMENT_001)
    config = read_pricing(env)
    env.finish()
    options = config.imports.observed_options("kube-dc/billing-plans")
    catalog = imported(MANIFEST, "kube-dc/billing-plans", options).catalog
    sold = {one.price_id: one.subject.id for one in catalog.provider_prices()}
    assert sold == {
        "price_1": "dev-pool",
        "price_2": "pro-pool",
        "price_3": "scale-pool",
        "price_4": "turbo-x1",
        "price_5": "turbo-x2",
    }
