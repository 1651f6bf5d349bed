"""All SQL of costs, a module for each of its ports."""

from services.chassis.db import Connection
from services.pricing.costs.store.budgets import BudgetSql
from services.pricing.costs.store.codec import Codec
from services.pricing.costs.store.deliveries import DELIVERIES, DeliverySql
from services.pricing.costs.store.notices import NoticeSql
from services.pricing.costs.store.observations import CardsByVersion, ObservationSql
from services.pricing.costs.store.sums import SumSql
from services.pricing.costs.store.use import UseSql
from services.pricing.store.changes import ChangeSql

__all__ = ["DELIVERIES", "CardsByVersion", "Codec", "PgCostStore"]


class PgCostStore(ChangeSql, ObservationSql, SumSql, BudgetSql, NoticeSql, DeliverySql, UseSql):
    """The store of costs on PostgreSQL, within one transaction."""

    def __init__(self, connection: Connection, codec: Codec, cards: CardsByVersion) -> None:
        self._connection = connection
        self._codec = codec
        self._cards = cards
