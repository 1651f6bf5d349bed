"""Opens the provider that is on; the library of one that is off is never loaded."""

from services.chassis.clock import Clock
from services.chassis.env import StartError
from services.payments.ports import Commerce, Pace, Provider
from services.payments.providers.none.commerce import NoCommerce
from services.payments.providers.none.provider import NoProvider
from services.payments.providers.stripe.settings import SharedKey, StripeSettings


def open_provider(
    stripe: StripeSettings | None, clock: Clock, key: SharedKey | None = None
) -> Provider:
    """Return the provider for these settings; None turns payments off. It follows a ``key``.

    Raises StartError with a sentence that says what to install.
    """
    if stripe is None:
        return NoProvider()
    try:
        from services.payments.providers.stripe.provider import StripeProvider
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    provider = StripeProvider(stripe, clock)
    if key is not None:
        key.follow(provider.use_key)
    return provider


def open_commerce(
    stripe: StripeSettings | None, pace: Pace, key: SharedKey | None = None
) -> Commerce:
    """Return what these settings sell through, at a pace that is shared; raises StartError.

    It follows a ``key``.
    """
    if stripe is None:
        return NoCommerce()
    try:
        from services.payments.providers.stripe.commerce import StripeCommerce
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    commerce = StripeCommerce(stripe, pace)
    if key is not None:
        key.follow(commerce.use_key)
    return commerce


def _missing(error: ModuleNotFoundError) -> StartError:
    return StartError(
        f"BILLING_PROVIDER=stripe needs the library {error.name!r}, which is not installed: "
        "pip install 'tollgate[stripe]'."
    )
