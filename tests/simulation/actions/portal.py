"""Changes that people make at the provider's portal, which charges the difference at once."""

from random import Random
from typing import TYPE_CHECKING

from services.payments.views import SubscriptionStatus
from tests.simulation.actions.action import some

if TYPE_CHECKING:
    from tests.simulation.world import World

_POOLS = ("price_kube_dc_dev_pool", "price_kube_dc_pro_pool", "price_kube_dc_scale_pool")
_INSTEAD = {
    **{pool: tuple(other for other in _POOLS if other != pool) for pool in _POOLS},
    "price_sessions_professional": ("price_sessions_professional_year",),
    "price_hold_bosun": ("price_hold_bosun_year",),
}
"""What a price may be changed for there: up or down, or to a longer period."""


class ChangesAtThePortal:
    """Somebody changes the plan at the provider: an invoice of the difference comes at once."""

    name = "changes at the portal"
    weight = 5.0

    async def run(self, world: "World", rng: Random) -> None:
        """Change one that is in force; at times back again."""
        row = some(world, rng)
        for _ in range(rng.choice([1, 1, 2])):
            if row is None or row.status is not SubscriptionStatus.ACTIVE:
                return
            item = next((one for one in row.items if one.price_id in _INSTEAD), None)
            if item is None:
                return
            price = rng.choice(_INSTEAD[item.price_id])
            world.shop.counter.rebill(row.id, [(item.id, price, 1)], at_once=True)
            await world.clock.sleep(rng.choice([0.2, 30.0, 86400.0]))
