from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe, WebhookTarget
from tests.contract.stripe.support import ROTATED, SECRET, Receiver, official, receiving

CATALOG = """
catalog: shop
plans:
  free: {name: Free}
  pro:
    name: Professional
    prices:
      - {currency: usd, interval: month, amount: "49.00", stripe_price: price_pro}
      - {currency: usd, interval: year, amount: "490.00", stripe_price: price_pro_year}
      - {currency: jpy, interval: month, amount: "5000", stripe_price: price_pro_jpy}
  max:
    name: Max
    prices: [{currency: usd, interval: month, amount: 99.50, stripe_price: price_max}]
addons:
  turbo: {name: Turbo, prices: [{currency: usd, interval: month, amount: 9, stripe_price: price_t}]}
"""


def pytest_itemcollected(item: pytest.Item) -> None:
    # The official library passes a body to httpx in the way that httpx would rather not see.
    item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"))


@pytest.fixture
def catalog_file(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(CATALOG)
    return file


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
async def sandbox(receiver: Receiver, catalog_file: Path) -> AsyncIterator[SandboxStripe]:
    target = WebhookTarget(receiver.url, (SECRET, ROTATED))
    async with SandboxStripe(
        catalogs=[catalog_file], webhooks=[target], retry_schedule=(0.02, 0.05)
    ) as running:
        yield running


@pytest.fixture
async def client(sandbox: SandboxStripe) -> AsyncIterator[stripe.StripeClient]:
    async with official(sandbox.url, sandbox.secret_key) as found:
        yield found
