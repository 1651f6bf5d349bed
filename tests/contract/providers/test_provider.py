"""What every payment provider does. A further one is added to ``SUBJECTS`` and has to pass."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.chassis.errors import is_transient
from services.payments.domain import ObjectRef, RootKind
from services.payments.errors import (
    KeyRefused,
    ObjectOutOfReach,
    ProviderOff,
    ProviderUnreachable,
)
from services.payments.events import Outcome, RawRequest, Refused, VerifiedEvent
from services.payments.views import Proof
from tests.contract.providers.subjects import (
    Subject,
    memory_subject,
    no_subject,
    stripe_subject,
)

SUBJECTS = {"none": no_subject, "memory": memory_subject, "stripe": stripe_subject}


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    async with SUBJECTS[request.param]() as made:
        yield made


def test_it_has_a_name_and_takes_webhooks_only_if_it_says_so(subject: Subject) -> None:
    assert subject.provider.name
    assert subject.provider.capabilities.webhooks == (subject.signed is not None)


def test_a_signed_request_is_believed_and_leads_to_its_object(subject: Subject) -> None:
    if subject.signed is None:
        pytest.skip("it has none")
    event = subject.provider.verify(subject.signed)
    assert isinstance(event, VerifiedEvent)
    assert event.root == subject.paid
    assert subject.provider.root(event.type, event.object_id) == event.root


GARBAGE = [b"", b"\x00", b"\xff\xfe", b"{}", b"[" * 10_000, b"null", b"evt_1 checkout.x cs_1"]


@pytest.mark.parametrize("body", GARBAGE)
def test_nothing_unsigned_is_believed_and_nothing_breaks_on_it(
    subject: Subject, body: bytes
) -> None:
    path = subject.signed.path if subject.signed else "/hook"
    answer = subject.provider.verify(RawRequest(subject.provider.name, path, {}, body))
    assert isinstance(answer, Refused)
    assert answer.outcome in (Outcome.REFUSED, Outcome.NO_PROVIDER)
    assert (answer.reason != "") == (answer.outcome is Outcome.REFUSED)


def test_a_signature_does_not_carry_over_to_another_path(subject: Subject) -> None:
    if subject.provider.name == "memory" or subject.signed is None:
        pytest.skip("it has no paths")
    answer = subject.provider.verify(replace(subject.signed, path="/elsewhere"))
    assert answer == Refused("", Outcome.NO_PROVIDER)


def test_a_type_that_nobody_handles_has_no_object_and_proves_nothing(subject: Subject) -> None:
    assert subject.provider.root("balance.available", "x_1") is None
    assert not subject.provider.reads_body("balance.available")


def test_a_purchase_proves_nothing_beyond_its_object(subject: Subject) -> None:
    if subject.signed is None:
        pytest.skip("it has none")
    event = subject.provider.verify(subject.signed)
    assert isinstance(event, VerifiedEvent)
    assert subject.provider.proof(event, None) == Proof()


async def test_it_knows_its_account_or_has_none(subject: Subject) -> None:
    if subject.signed is None:
        with pytest.raises(ProviderOff):
            await subject.provider.identify()
        return
    first = await subject.provider.identify()
    assert first.account
    assert first == await subject.provider.identify()


async def test_a_paid_checkout_is_shown_with_what_was_bought(subject: Subject) -> None:
    if subject.paid is None:
        pytest.skip("it has none")
    projection = await subject.provider.fold(subject.paid)
    assert projection.root == subject.paid
    assert projection.checkout is not None
    assert projection.checkout.paid
    assert projection.checkout.items
    assert projection.checkout.total is not None
    assert projection.checkout.total.minor_units == 4900


async def test_an_open_checkout_is_not_paid(subject: Subject) -> None:
    if subject.unpaid is None:
        pytest.skip("it has none")
    projection = await subject.provider.fold(subject.unpaid)
    assert projection.checkout is not None
    assert not projection.checkout.paid


@pytest.mark.parametrize("kind", list(RootKind))
async def test_an_object_that_is_not_there_is_out_of_reach_and_never_empty(
    subject: Subject, kind: RootKind
) -> None:
    with pytest.raises((ObjectOutOfReach, ProviderOff)) as raised:
        await subject.provider.fold(ObjectRef(kind, "nobody_1"))
    assert not is_transient(raised.value)


async def test_a_provider_that_is_away_is_tried_again(subject: Subject) -> None:
    if subject.away is None or subject.paid is None:
        pytest.skip("it has none")
    with pytest.raises(ProviderUnreachable) as raised:
        await subject.away.fold(subject.paid)
    assert is_transient(raised.value)
    with pytest.raises(ProviderUnreachable):
        await subject.away.identify()


async def test_a_key_that_is_not_accepted_says_nothing_about_any_object(
    subject: Subject,
) -> None:
    if subject.locked_out is None or subject.paid is None:
        pytest.skip("it has none")
    with pytest.raises(KeyRefused) as raised:
        await subject.locked_out.fold(subject.paid)
    assert is_transient(raised.value)


async def test_closing_twice_is_harmless(subject: Subject) -> None:
    await subject.provider.close()
    await subject.provider.close()
