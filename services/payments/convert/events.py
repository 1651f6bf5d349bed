"""Between the contracts and stored events, the provider, a wish to replay."""

from collections.abc import Mapping
from datetime import UTC, datetime

from services.chassis.errors import Violations
from services.chassis.identity import Principal
from services.chassis.paging import from_token, to_token
from services.payments.convert.values import timestamp
from services.payments.domain import ProviderStatus
from services.payments.events import (
    Cursor,
    EventPage,
    EventState,
    Ingested,
    Outcome,
    RawRequest,
    Replay,
    StoredEvent,
)
from tollgate.payments.v1 import payments_pb2, payments_service_pb2

MAX_REQUEST_ID = 255
MAX_REASON = 1000

_OUTCOMES: Mapping[Outcome, "payments_pb2.IngestResult.Outcome.ValueType"] = {
    Outcome.STORED: payments_pb2.IngestResult.OUTCOME_STORED,
    Outcome.DUPLICATE: payments_pb2.IngestResult.OUTCOME_DUPLICATE,
    Outcome.REFUSED: payments_pb2.IngestResult.OUTCOME_REFUSED,
    Outcome.TOO_LARGE: payments_pb2.IngestResult.OUTCOME_TOO_LARGE,
    Outcome.NO_PROVIDER: payments_pb2.IngestResult.OUTCOME_NO_PROVIDER,
    Outcome.UNAVAILABLE: payments_pb2.IngestResult.OUTCOME_UNAVAILABLE,
}
_STATES: Mapping[EventState, "payments_pb2.EventState.ValueType"] = {
    EventState.PENDING: payments_pb2.EVENT_STATE_PENDING,
    EventState.DONE: payments_pb2.EVENT_STATE_DONE,
    EventState.IGNORED: payments_pb2.EVENT_STATE_IGNORED,
    EventState.SET_ASIDE: payments_pb2.EVENT_STATE_SET_ASIDE,
    EventState.FAILED: payments_pb2.EVENT_STATE_FAILED,
}
_STATE_NAMES = {wire: state for state, wire in _STATES.items()}


def from_proto_raw_event(raw: payments_pb2.RawEvent, traceparent: str) -> RawRequest:
    """Take a request over as it is: nothing in it is believed, so nothing is refused here."""
    return RawRequest(raw.provider, raw.path, dict(raw.headers), raw.body, traceparent)


def to_proto_ingest_result(result: Ingested) -> payments_pb2.IngestResult:
    """Tell what became of a request."""
    return payments_pb2.IngestResult(
        outcome=_OUTCOMES[result.outcome], reason=result.reason, event_id=result.event_id
    )


def to_proto_provider(status: ProviderStatus) -> payments_pb2.Provider:
    """Show the provider that is on."""
    can, identity = status.capabilities, status.identity
    return payments_pb2.Provider(
        name=status.name,
        checkout=can.checkout,
        portal=can.portal,
        webhooks=can.webhooks,
        addons=can.addons,
        account="" if identity is None else identity.account,
        livemode=identity is not None and identity.livemode,
    )


def to_proto_event(stored: StoredEvent) -> payments_pb2.Event:
    """Show a stored event, without its body."""
    return payments_pb2.Event(
        name=stored.event.id,
        provider=stored.provider,
        type=stored.event.type,
        object_id=stored.event.object_id,
        provider_account=stored.event.account,
        livemode=stored.event.livemode,
        api_version=stored.event.api_version,
        state=_STATES[stored.judgement.state],
        reason=stored.judgement.reason,
        receive_time=timestamp(stored.receive_time),
        deliveries=stored.deliveries,
    )


def to_proto_event_page(page: EventPage) -> payments_service_pb2.ListEventsResponse:
    """Show a page of events."""
    token = (
        ""
        if page.next is None
        else to_token(page.next.receive_time.isoformat(), page.next.event_id)
    )
    events = [to_proto_event(event) for event in page.events]
    return payments_service_pb2.ListEventsResponse(events=events, next_page_token=token)


def from_proto_state(state: "payments_pb2.EventState.ValueType") -> EventState | None:
    """Read a filter; None for all."""
    if state == payments_pb2.EVENT_STATE_UNSPECIFIED:
        return None
    if state not in _STATE_NAMES:
        bad = Violations()
        bad.add("state", f"{state} is no state of an event")
        bad.raise_if_any()
    return _STATE_NAMES[state]


def from_proto_page_token(token: str) -> Cursor | None:
    """Read a page token; None for the first page."""
    key = from_token(token, str, str)
    if key is None:
        return None
    try:
        receive_time = datetime.fromisoformat(str(key[0]))
    except ValueError:
        receive_time = None
    if receive_time is None or receive_time.tzinfo is None or "\0" in str(key[1]):
        bad = Violations()
        bad.add("page_token", "expected the next_page_token of the page before, unchanged")
        bad.raise_if_any()
        raise AssertionError("a violation was raised")
    return Cursor(receive_time.astimezone(UTC), str(key[1]))


def from_proto_replay(
    request: payments_service_pb2.ReplayEventRequest, principal: Principal, trace_id: str
) -> Replay:
    """Read a wish to fold an event again."""
    bad = Violations()
    if not request.name or "\0" in request.name or len(request.name) > MAX_REQUEST_ID:
        bad.add("name", f"the id of an event, 1 to {MAX_REQUEST_ID} characters")
    if len(request.request_id) > MAX_REQUEST_ID or "\0" in request.request_id:
        bad.add("request_id", f"at most {MAX_REQUEST_ID} characters")
    if len(request.reason) > MAX_REASON or "\0" in request.reason:
        bad.add("reason", f"at most {MAX_REASON} characters")
    bad.raise_if_any()
    return Replay(request.name, principal.subject, request.reason, request.request_id, trace_id)
