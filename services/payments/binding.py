"""Rule 4: an object is ours if we wrote its operation down before it was made.

Nothing else binds: no e-mail, no reference that a payment link could have set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from types import MappingProxyType

from services.payments.domain import AccountId, OperationId, RootKind
from services.payments.views import Marker, View


@unique
class OperationKind(StrEnum):
    """What an operation asks of the provider."""

    CUSTOMER = "customer"
    CHECKOUT = "checkout"
    CHANGE = "change"
    END = "end"
    REFUND = "refund"
    REFUND_SUBSCRIPTION = "refund_subscription"


@unique
class OperationState(StrEnum):
    """Whether the provider is known to have done it.

    STARTED: nobody knows yet. ABANDONED: it was refused, or another operation does the same;
    ``Operation.result`` says which.
    """

    STARTED = "STARTED"
    MADE = "MADE"
    ABANDONED = "ABANDONED"


@dataclass(frozen=True, slots=True)
class Operation:
    """A call to the provider, written down before it is sent.

    ``ask`` is what we were asked for, as JSON. ``parameters`` are the exact bytes that are sent,
    and sent again (rule 22), empty until they are known; ``parameters_hash`` is their SHA-256.
    ``attempt`` counts the idempotency keys that were given up. ``object_id`` is empty until the
    provider's answer was seen, and for what makes no object. ``result`` is the outcome in ids and
    stable words, never a secret. The last two are the database's: seconds since the present key
    was first used, and when the row was written.
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
    ask: bytes = b"{}"
    quote: str = ""
    attempt: int = 0
    result: Mapping[str, str] = field(default_factory=dict)
    key_age: float = field(default=0.0, compare=False)
    create_time: datetime | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The provider's idempotency key of the present attempt."""
        return f"{self.id}.{self.attempt}"

    @property
    def marker(self) -> Marker:
        """What goes into the metadata of what it makes."""
        return Marker(self.id, self.deployment, self.account_id)


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
    """To whom an object is bound; all ids are empty unless an operation of ours proves them."""

    verdict: Verdict
    account_id: str = ""
    operation_id: str = ""
    quote: str = ""


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
    return Binding(Verdict.OURS, operation.account_id, operation.id, operation.quote)


def _agree(marker: Marker, operation: Operation, home: Home) -> bool:
    theirs = (operation.provider, operation.provider_account, operation.deployment)
    return (
        marker.operation_id == operation.id
        and marker.account_id == operation.account_id
        and theirs == (home.provider, home.provider_account, home.deployment)
    )


def _same_object(view: View, operation: Operation) -> bool:
    """Only the object that the operation made has its id; what grew out of it has others."""
    made_here = view.ref.kind == MADE_BY.get(operation.kind)
    return not made_here or not operation.object_id or operation.object_id == view.id


MADE_BY: Mapping[OperationKind, RootKind] = MappingProxyType(
    {
        OperationKind.CHECKOUT: RootKind.CHECKOUT,
        OperationKind.REFUND: RootKind.REFUND,
        OperationKind.REFUND_SUBSCRIPTION: RootKind.REFUND,
    }
)
"""The kind of root object that operations make; the other kinds make none that is ever fetched."""
