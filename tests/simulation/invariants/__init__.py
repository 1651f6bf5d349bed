"""What has to be true of a simulated world: one small file for each kind."""

from tests.simulation.invariants.arrivals import (
    AcknowledgedIsStored,
    EverythingPaidIsKnown,
    NothingWaitsForEver,
)
from tests.simulation.invariants.capacity import CapacityIsPaid
from tests.simulation.invariants.credits import CreditsNeverBelowZero, LedgerAddsUp, SpentOnce
from tests.simulation.invariants.deletions import NothingDeletedWithoutPermit
from tests.simulation.invariants.effects import MadeOnce, OnePageToPay, RefundedOnceAndForCause
from tests.simulation.invariants.exact import FencesAreExact
from tests.simulation.invariants.fences import FenceBeforeOwner, GenerationsOnlyGrow
from tests.simulation.invariants.grants import GrantedOncePerPeriod
from tests.simulation.invariants.invariant import Invariant
from tests.simulation.invariants.newest import ConsumersHoldTheNewest
from tests.simulation.invariants.organizations import (
    NeverMoreThanSold,
    OrganizationsAreWhatIsPaid,
    ProjectsStayBounded,
)

INVARIANTS: list[type[Invariant]] = [
    AcknowledgedIsStored,
    CreditsNeverBelowZero,
    FenceBeforeOwner,
    GenerationsOnlyGrow,
    NothingDeletedWithoutPermit,
    ConsumersHoldTheNewest,
    OnePageToPay,
    MadeOnce,
    RefundedOnceAndForCause,
    LedgerAddsUp,
    SpentOnce,
    GrantedOncePerPeriod,
    CapacityIsPaid,
    EverythingPaidIsKnown,
    NothingWaitsForEver,
    NeverMoreThanSold,
    ProjectsStayBounded,
    OrganizationsAreWhatIsPaid,
    FencesAreExact,
]
"""Every invariant; a world holds all of them."""
