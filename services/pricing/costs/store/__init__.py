"""All SQL of costs, a module for each of its ports."""

from services.chassis.db import Connection
from services.pricing.costs.store.budgets import BudgetSql
from services.pricing.costs.store.codec import Codec
from services.pricing.costs.store.observations import CardsByVersion, ObservationSql
from services.pricing.costs.store.sums import SumSql

__all__ = ["CardsByVersion", "Codec", "PgCostStore"]


class PgCostStore(ObservationSql, SumSql, BudgetSql):
    """The store of costs on PostgreSQL, within one transaction."""

    def __init__(self, connection: Connection, codec: Codec, cards: CardsByVersion) -> None:
        self._connection = connection
        self._codec = codec
        self._cards = cards
