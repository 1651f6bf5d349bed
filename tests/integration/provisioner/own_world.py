"""A provisioner in memory whose accounts and tenants are no other test's.

Names in the cluster follow from the account, and a real cluster is shared.
"""

from typing import Any

from services.provisioner.domain import Capacity, Order, OrderedPhase
from tests.fakes.chassis import SequenceIds
from tests.unit.provisioner.world import PROFESSIONAL, World, order


class OwnIds(SequenceIds):
    """Ids that count, with a word of the test's own."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def new(self, prefix: str) -> str:
        return super().new(f"{prefix}_{self._token}")


class OwnWorld(World):
    """The provisioner in memory, and its orders."""

    def __init__(self, token: str) -> None:
        super().__init__(ids=OwnIds(token))
        self.account = f"acc_{token}00"

    def order(
        self,
        generation: int = 1,
        phase: OrderedPhase = OrderedPhase.RUNNING,
        *,
        capacity: Capacity = PROFESSIONAL,
        **others: Any,
    ) -> Order:
        """Return an order of the test's own account, unless another is named."""
        named = {"account": self.account, **others}
        return order(generation, phase, capacity=capacity, **named)
