"""What giving and taking back read from the wire and write to it."""

from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.errors import InvalidArgument
from services.subscription import convert
from services.subscription.assigning import EndingMode
from services.subscription.domain import Assignment, State, Subscription
from services.subscription.offers import AddonQuantity, EndPolicy, Offer, Terms
from tests.fakes.subscription_world import namespace
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEPT = EndPolicy.FREE


def test_a_wish_is_read_and_its_key_is_not_in_its_digest() -> None:
    asked = pb.AssignPlanRequest(
        account="acc_1",
        plan="dc/pool",
        addons=[pricing_pb2.AddonQuantity(addon="dc/more", quantity=2)],
        reason="sponsored",
        request_id="r1",
        validate_only=True,
    )
    asked.end_time.FromDatetime(NOW)
    read = convert.from_assign_request(asked)
    assert (read.account, read.plan, read.reason) == ("acc_1", "dc/pool", "sponsored")
    assert (read.addons, read.end_time) == ((AddonQuantity("dc/more", 2),), NOW)
    assert (read.request_id, read.validate_only) == ("r1", True)
    asked.request_id = "r2"
    assert convert.from_assign_request(asked).request_hash == read.request_hash
    asked.ClearField("end_time")
    endless = convert.from_assign_request(asked)
    assert (endless.end_time, endless.request_hash == read.request_hash) == (None, False)


def test_a_time_that_is_none_is_refused() -> None:
    wish, over = pb.AssignPlanRequest(), pb.EndAssignmentRequest(name="tsub_1")
    over.mode = pb.EndAssignmentRequest.MODE_AT_TIME
    wish.end_time.seconds = over.end_time.seconds = 1 << 60
    with pytest.raises(InvalidArgument) as refused:
        convert.from_assign_request(wish)
    assert [bad.field for bad in refused.value.fields] == ["end_time"]
    with pytest.raises(InvalidArgument) as refused:
        convert.from_end_request(over)
    assert [bad.field for bad in refused.value.fields] == ["end_time"]


@pytest.mark.parametrize(
    ("mode", "read"),
    [
        (pb.EndAssignmentRequest.MODE_NOW, EndingMode.NOW),
        (pb.EndAssignmentRequest.MODE_AT_TIME, EndingMode.AT_TIME),
        (pb.EndAssignmentRequest.MODE_RESUME, EndingMode.RESUME),
    ],
)
def test_every_way_to_end_is_read(
    mode: pb.EndAssignmentRequest.Mode.ValueType, read: EndingMode
) -> None:
    asked = convert.from_end_request(pb.EndAssignmentRequest(name="tsub_1", mode=mode, reason="x"))
    assert (asked.name, asked.mode, asked.reason, asked.end_time) == ("tsub_1", read, "x", None)


def test_an_end_that_does_not_say_how_is_refused() -> None:
    with pytest.raises(InvalidArgument) as refused:
        convert.from_end_request(pb.EndAssignmentRequest(name="tsub_1"))
    assert [bad.field for bad in refused.value.fields] == ["mode"]


def test_who_gave_a_plan_is_written_and_what_was_bought_has_nobody() -> None:
    offer = Offer("dc/pool", "v1", (), namespace(1), KEPT, KEPT, timedelta(0), terms=Terms("Pool"))
    later = NOW + timedelta(days=1)
    given = Assignment("tsub_1", "acc_1", offer, "root", "why", NOW, later, "eve", "enough", NOW)
    held = Subscription(
        "tsub_1", "acc_1", given.key, offer, State.CANCELING, NOW, NOW, assignment=given
    )
    message = convert.to_proto_subscription(held)
    assert (message.provider, message.provider_subscription_id) == ("", "")
    told = message.assignment
    assert (told.actor, told.reason, told.end_actor, told.end_reason) == (
        "root",
        "why",
        "eve",
        "enough",
    )
    assert told.begin_time.ToDatetime(tzinfo=UTC) == NOW
    assert told.end_time.ToDatetime(tzinfo=UTC) == later
    bought = Subscription("tsub_1", "acc_1", given.key, offer, State.ACTIVE, NOW, NOW)
    assert not convert.to_proto_subscription(bought).HasField("assignment")
