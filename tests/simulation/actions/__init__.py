"""What people do in a simulated world: one small file for each kind."""

from tests.simulation.actions.action import Action
from tests.simulation.actions.credits import Spends
from tests.simulation.actions.debits import PaysByDebit
from tests.simulation.actions.drift import Drifts, Projects
from tests.simulation.actions.late_money import PaysLate
from tests.simulation.actions.lifecycles import (
    CardFails,
    Disputed,
    Dithers,
    EndsAtTheProvider,
    Flutters,
    MoneyGoesBack,
    PausesAndGoesOn,
)
from tests.simulation.actions.operator import Operator
from tests.simulation.actions.own_changes import AsksForTheEnd, ChangesThePlan
from tests.simulation.actions.own_checkouts import OrganizationPurchase, OwnPurchase
from tests.simulation.actions.portal import ChangesAtThePortal
from tests.simulation.actions.promotions import RedeemsACode
from tests.simulation.actions.shop_checkouts import (
    BuysAnother,
    ComesBack,
    ForeignPurchase,
    GuestPurchase,
)
from tests.simulation.actions.trials import TriesAtAShop

ACTIONS: list[type[Action]] = [
    ForeignPurchase,
    GuestPurchase,
    ComesBack,
    OwnPurchase,
    OrganizationPurchase,
    EndsAtTheProvider,
    CardFails,
    PausesAndGoesOn,
    Flutters,
    MoneyGoesBack,
    Disputed,
    AsksForTheEnd,
    ChangesThePlan,
    Spends,
    Drifts,
    Projects,
    Operator,
    BuysAnother,
    TriesAtAShop,
    RedeemsACode,
    PaysByDebit,
    ChangesAtThePortal,
    Dithers,
    PaysLate,
]
"""Every kind of action; a world draws among them by their weights."""
