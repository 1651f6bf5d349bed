"""A key that is replaced is the one that Stripe's library sends from then on."""

import pytest

from deploy.sandbox.stripe.server import SandboxStripe
from services.chassis.clock import SystemClock
from services.payments.commerce import NewCustomer
from services.payments.domain import AccountId, OperationId
from services.payments.errors import KeyRefused
from services.payments.providers.opening import open_commerce, open_provider
from services.payments.providers.stripe.settings import SharedKey, StripeSettings
from services.payments.views import Marker


async def _at_once(_endpoint: str) -> None:
    """No pace."""


async def test_calls_after_a_rotation_carry_the_new_key() -> None:
    async with SandboxStripe() as sandbox:
        settings = StripeSettings("sk_test_old", {}, sandbox.url)
        shared = SharedKey(settings.secret_key)
        provider = open_provider(settings, SystemClock(), shared)
        commerce = open_commerce(settings, _at_once, shared)
        marker = Marker(OperationId("op_1"), "tollgate", AccountId("acc_1"))
        parameters = commerce.customer_parameters(NewCustomer("a@b.example", {}), marker)
        try:
            with pytest.raises(KeyRefused):
                await provider.identify()
            with pytest.raises(KeyRefused):
                await commerce.create_customer("key-1", parameters)
            shared.replace(sandbox.secret_key)
            assert (await provider.identify()).account
            assert await commerce.customer_exists(
                await commerce.create_customer("key-2", parameters)
            )
        finally:
            await provider.close()
            await commerce.close()
