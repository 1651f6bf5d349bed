"""The credit RPCs: convert, ask the use case, convert."""

from services.chassis.context import Context
from services.chassis.identity import current, current_caller
from services.chassis.telemetry import current_trace_id
from services.subscription.asking import PageRequest
from services.subscription.convert import credits as convert
from services.subscription.ledger import Pool
from services.subscription.ports import SubscriptionTransactions
from services.subscription.usecases import spending
from tollgate.subscription.v1 import credit_service_pb2 as pb
from tollgate.subscription.v1.credit_service_pb2_grpc import CreditServiceServicer

CREDITS = pb.DESCRIPTOR.services_by_name["CreditService"].full_name


class CreditServicer(CreditServiceServicer):
    """Serves tollgate.subscription.v1.CreditService."""

    def __init__(self, tx: SubscriptionTransactions, claim: str) -> None:
        self._tx = tx
        self._claim = claim

    async def GetCreditBalance(  # noqa: N802 - the contract's name
        self, request: pb.GetCreditBalanceRequest, context: Context
    ) -> pb.GetCreditBalanceResponse:
        """Return what an account may spend."""
        pool = Pool(request.account, request.pool)
        balance = await spending.get_balance(self._tx, current(), self._claim, pool)
        return pb.GetCreditBalanceResponse(balance=convert.to_proto_balance(balance))

    async def ListCreditEntries(  # noqa: N802
        self, request: pb.ListCreditEntriesRequest, context: Context
    ) -> pb.ListCreditEntriesResponse:
        """List a page of a pool's entries."""
        pool = Pool(request.account, request.pool)
        page = PageRequest(request.page_size, request.page_token)
        entries = await spending.list_entries(self._tx, current(), self._claim, pool, page)
        return convert.to_proto_entries(entries)

    async def GrantCredits(  # noqa: N802
        self, request: pb.GrantCreditsRequest, context: Context
    ) -> pb.GrantCreditsResponse:
        """Grant credits by hand."""
        asked = convert.from_grant(request, current().subject, current_trace_id())
        entry, balance = await spending.grant(self._tx, asked)
        return pb.GrantCreditsResponse(
            entry=convert.to_proto_entry(entry), balance=convert.to_proto_balance(balance)
        )

    async def DebitCredits(  # noqa: N802
        self, request: pb.DebitCreditsRequest, context: Context
    ) -> pb.DebitCreditsResponse:
        """Spend credits."""
        asked = convert.from_debit(request, _actor(), current_trace_id())
        entry, balance = await spending.debit(self._tx, asked)
        return pb.DebitCreditsResponse(
            entry=convert.to_proto_entry(entry), balance=convert.to_proto_balance(balance)
        )

    async def HoldCredits(  # noqa: N802
        self, request: pb.HoldCreditsRequest, context: Context
    ) -> pb.HoldCreditsResponse:
        """Set credits aside."""
        asked = convert.from_hold(request, _actor(), current_trace_id())
        hold, balance = await spending.hold(self._tx, asked)
        return pb.HoldCreditsResponse(
            hold=convert.to_proto_hold(hold), balance=convert.to_proto_balance(balance)
        )

    async def CaptureHold(  # noqa: N802
        self, request: pb.CaptureHoldRequest, context: Context
    ) -> pb.CaptureHoldResponse:
        """Spend a hold."""
        hold = await spending.capture(self._tx, request.name, _actor(), current_trace_id())
        return pb.CaptureHoldResponse(hold=convert.to_proto_hold(hold))

    async def ReleaseHold(  # noqa: N802
        self, request: pb.ReleaseHoldRequest, context: Context
    ) -> pb.ReleaseHoldResponse:
        """Give a hold back."""
        hold = await spending.release(self._tx, request.name, _actor(), current_trace_id())
        return pb.ReleaseHoldResponse(hold=convert.to_proto_hold(hold))


def _actor() -> str:
    """Return who acts: a service spends for whoever it serves, under its own name."""
    caller = current_caller()
    return caller.service if caller is not None else current().subject
