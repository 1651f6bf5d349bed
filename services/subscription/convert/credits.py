"""Credits, as messages and back."""

from collections.abc import Mapping

from services.chassis.paging import Page
from services.subscription.convert.values import to_timestamp
from services.subscription.ledger import (
    Balance,
    Entry,
    EntryKind,
    Hold,
    HoldState,
    Pool,
    SpendRequest,
)
from tollgate.subscription.v1 import credit_service_pb2, credits_pb2

_KINDS: Mapping[EntryKind, credits_pb2.CreditEntry.Kind.ValueType] = {
    EntryKind.GRANT: credits_pb2.CreditEntry.KIND_GRANT,
    EntryKind.DEBIT: credits_pb2.CreditEntry.KIND_DEBIT,
    EntryKind.HOLD: credits_pb2.CreditEntry.KIND_HOLD,
    EntryKind.CAPTURE: credits_pb2.CreditEntry.KIND_CAPTURE,
    EntryKind.RELEASE: credits_pb2.CreditEntry.KIND_RELEASE,
    EntryKind.EXPIRE: credits_pb2.CreditEntry.KIND_EXPIRE,
    EntryKind.REVERSAL: credits_pb2.CreditEntry.KIND_REVERSAL,
    EntryKind.RESTORE: credits_pb2.CreditEntry.KIND_RESTORE,
}
_STATES: Mapping[HoldState, credits_pb2.CreditHold.State.ValueType] = {
    HoldState.HELD: credits_pb2.CreditHold.STATE_HELD,
    HoldState.CAPTURED: credits_pb2.CreditHold.STATE_CAPTURED,
    HoldState.RELEASED: credits_pb2.CreditHold.STATE_RELEASED,
}


def from_grant(
    request: credit_service_pb2.GrantCreditsRequest, actor: str, trace_id: str
) -> SpendRequest:
    """Read a grant; its reason is what it is about."""
    pool = Pool(request.account, request.pool)
    return SpendRequest(pool, request.amount, request.reason, actor, request.request_id, trace_id)


def from_debit(
    request: credit_service_pb2.DebitCreditsRequest, actor: str, trace_id: str
) -> SpendRequest:
    """Read what is to be spent."""
    pool = Pool(request.account, request.pool)
    return SpendRequest(
        pool, request.amount, request.reference, actor, request.request_id, trace_id
    )


def from_hold(
    request: credit_service_pb2.HoldCreditsRequest, actor: str, trace_id: str
) -> SpendRequest:
    """Read what is to be set aside."""
    pool = Pool(request.account, request.pool)
    return SpendRequest(
        pool,
        request.amount,
        request.reference,
        actor,
        request.request_id,
        trace_id,
        request.lifetime_seconds,
    )


def to_proto_balance(balance: Balance) -> credits_pb2.CreditBalance:
    """Convert what an account may spend."""
    return credits_pb2.CreditBalance(
        account=balance.pool.account,
        pool=balance.pool.name,
        posted=balance.posted,
        held=balance.held,
        available=balance.available,
        debt=balance.debt,
        period_end=to_timestamp(balance.period_end),
    )


def to_proto_entry(entry: Entry) -> credits_pb2.CreditEntry:
    """Convert an entry."""
    posting = entry.posting
    return credits_pb2.CreditEntry(
        name=posting.name,
        sequence=entry.sequence,
        kind=_KINDS[posting.move.kind],
        amount=posting.amount,
        debit_side=posting.move.debit,
        credit_side=posting.move.credit,
        posted=entry.posted,
        held=entry.held,
        reference=posting.reference,
        actor=posting.actor,
        reason=posting.reason,
        create_time=to_timestamp(entry.create_time),
    )


def to_proto_entries(page: Page[Entry]) -> credit_service_pb2.ListCreditEntriesResponse:
    """Convert a page of entries."""
    return credit_service_pb2.ListCreditEntriesResponse(
        entries=[to_proto_entry(entry) for entry in page.items], next_page_token=page.next_token
    )


def to_proto_hold(hold: Hold) -> credits_pb2.CreditHold:
    """Convert a hold."""
    return credits_pb2.CreditHold(
        name=hold.name,
        account=hold.pool.account,
        pool=hold.pool.name,
        amount=hold.amount,
        state=_STATES[hold.state],
        expire_time=to_timestamp(hold.expire_time),
        create_time=to_timestamp(hold.create_time),
    )
