"""Rule 4: an object is ours if we wrote its operation down before it was made.

Nothing else binds: no e-mail, no reference that a payment link could have set.
"""

from dataclasses import dataclass
from enum import StrEnum, unique

from services.payments.domain import AccountId, OperationId, RootKind
from services.payments.views import Marker, View


@unique
class OperationKind(StrEnum):
    """What an operation asked the provider to make."""

    CHECKOUT = "checkout"


@unique
class OperationState(StrEnum):
    """Whether the provider is known to have made it."""

    STARTED = "STARTED"
    MADE = "MADE"
    ABANDONED = "ABANDONED"


@dataclass(frozen=True, slots=True)
class Operation:
    """A call to the provider that makes an object, written down before it was sent.

    ``parameters`` are the exact bytes to send again (rule 22), ``parameters_hash`` their SHA-256.
    ``object_id`` is empty until the provider's answer was seen.
    """

    id: OperationId
    kind: OperationKind
    account_id: AccountId
    provider: str
    provider_account: str
    deployment: str
    parameters: bytes
    parameters_hash: bytes
    object_id: str = ""
    state: OperationState = OperationState.STARTED


@unique
class Verdict(StrEnum):
    """What a marker turned out to be."""

    OURS = "OURS"
    FOREIGN = "FOREIGN"
    OTHER_DEPLOYMENT = "OTHER_DEPLOYMENT"
    OPERATION_UNKNOWN = "OPERATION_UNKNOWN"
    OPERATION_MISMATCH = "OPERATION_MISMATCH"


@dataclass(frozen=True, slots=True)
class Binding:
    """To whom an object is bound; both ids are empty unless an operation of ours proves them."""

    verdict: Verdict
    account_id: str = ""
    operation_id: str = ""


FOREIGN = Binding(Verdict.FOREIGN)


@dataclass(frozen=True, slots=True)
class Home:
    """Who we are at the provider: what an operation has to agree with."""

    provider: str
    provider_account: str
    deployment: str


def bind(view: View, operation: Operation | None, home: Home) -> Binding:
    """Decide whose an object is, from its marker and the operation that the marker names."""
    marker = view.marker
    if marker is None:
        return FOREIGN
    if marker.deployment != home.deployment:
        return Binding(Verdict.OTHER_DEPLOYMENT)
    if operation is None:
        return Binding(Verdict.OPERATION_UNKNOWN)
    if not _agree(marker, operation, home) or not _same_object(view, operation):
        return Binding(Verdict.OPERATION_MISMATCH)
    return Binding(Verdict.OURS, operation.account_id, operation.id)


def _agree(marker: Marker, operation: Operation, home: Home) -> bool:
    theirs = (operation.provider, operation.provider_account, operation.deployment)
    return (
        marker.operation_id == operation.id
        and marker.account_id == operation.account_id
        and theirs == (home.provider, home.provider_account, home.deployment)
    )


def _same_object(view: View, operation: Operation) -> bool:
    """Only the object that the operation made has its id; what grew out of it has others."""
    made_here = view.ref.kind == MADE_BY[operation.kind]
    return not made_here or not operation.object_id or operation.object_id == view.id


MADE_BY = {OperationKind.CHECKOUT: RootKind.CHECKOUT}
"""The kind of object that each kind of operation makes."""
