"""The Stripe provider: verifies webhooks, fetches root objects, reads them into views."""

from dataclasses import replace
from typing import assert_never

import orjson

from services.chassis.clock import Clock
from services.payments.domain import Capabilities, Identity, ObjectRef, RootKind
from services.payments.errors import ObjectUnreadable
from services.payments.events import (
    MAX_BODY_BYTES,
    Outcome,
    RawRequest,
    Refused,
    VerifiedEvent,
)
from services.payments.providers.stripe import envelope, events, signature
from services.payments.providers.stripe.client import StripeApi
from services.payments.providers.stripe.objects import to_checkout, to_invoice, to_subscription
from services.payments.providers.stripe.reading import Node
from services.payments.providers.stripe.reversals import Joined, subscription_of, to_reversal
from services.payments.providers.stripe.settings import API_VERSION, StripeSettings
from services.payments.views import InvoiceView, Projection, Proof


class StripeProvider:
    """Payments by Stripe."""

    name = "stripe"
    capabilities = Capabilities(checkout=True, portal=True, webhooks=True, addons=True)

    def __init__(self, settings: StripeSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._api = StripeApi(settings)

    def use_key(self, secret_key: str) -> None:
        """Make every later call with another key."""
        self._settings = replace(self._settings, secret_key=secret_key)
        self._api.use_key(secret_key)

    def verify(self, raw: RawRequest) -> VerifiedEvent | Refused:
        """Check path and size, then the signature over the raw bytes, then read the envelope."""
        secrets = self._settings.secrets.get(raw.path, ())
        if not secrets:
            return Refused("", Outcome.NO_PROVIDER)
        if len(raw.body) > MAX_BODY_BYTES:
            return Refused("TOO_LARGE", Outcome.TOO_LARGE)
        now = self._clock.now().timestamp()
        reason = signature.refusal(raw.headers.get(signature.HEADER), raw.body, secrets, now)
        return envelope.read(raw.body) if reason is None else Refused(reason)

    def root(self, event_type: str, object_id: str) -> ObjectRef | None:
        """Look the type up in the dispatch map."""
        return events.root_of(event_type, object_id) if object_id else None

    def reads_body(self, event_type: str) -> bool:
        """Few types prove more than the object that is fetched for them shows."""
        kind = events.HANDLED.get(event_type)
        return kind is not None and kind.prove is not None

    def proof(self, event: VerifiedEvent, body: bytes | None) -> Proof:
        """Read what the event proves. A payload in another API version is not looked at."""
        kind = events.HANDLED.get(event.type)
        if kind is None or kind.prove is None:
            return Proof()
        if body is None or event.api_version != API_VERSION:
            return kind.prove(None)
        try:
            payload = orjson.loads(body)["data"]["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ObjectUnreadable(f"{event.id} holds no object") from error
        return kind.prove(payload)

    async def identify(self) -> Identity:
        """Ask for the key's account; the mode stands in the key itself."""
        return Identity(await self._api.account_id(), self._settings.livemode)

    async def fold(self, root: ObjectRef) -> Projection:
        """Fetch a root object once."""
        match root.kind:
            case RootKind.CHECKOUT:
                return _from_checkout(root, await self._api.checkout(root.id))
            case RootKind.SUBSCRIPTION:
                return _from_subscription(root, await self._api.subscription(root.id))
            case RootKind.INVOICE:
                invoice = to_invoice(await self._api.invoice(root.id))
                return Projection(root, invoices=(invoice,))
            case RootKind.REFUND:
                return await self._reversal(root, await self._api.refund(root.id))
            case RootKind.DISPUTE:
                return await self._reversal(root, await self._api.dispute(root.id))
            case _:
                assert_never(root.kind)

    async def _reversal(self, root: ObjectRef, moved: Node) -> Projection:
        """Join by lists, payment intent to invoice to session (rule 5)."""
        payment_id = moved.id_of("payment_intent")
        invoice = await self._api.invoice_paid_by(payment_id) if payment_id else None
        subscription_id = "" if invoice is None else subscription_of(invoice)
        if subscription_id and invoice is not None:
            began = await self._api.sessions_of(subscription_id=subscription_id)
            # A renewal's invoice belongs to no checkout.
            sessions = [one for one in began if one.id_of("invoice") == invoice.needed("id")]
        else:
            sessions = await self._api.sessions_of(payment_id=payment_id) if payment_id else []
        joined = Joined(invoice, sessions[0] if sessions else None)
        return Projection(root, reversal=to_reversal(root, moved, joined))

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()


def _from_checkout(root: ObjectRef, session: Node) -> Projection:
    """Read a session and what it began; the customer is expanded on the session only."""
    subscription = session.node("subscription")
    if subscription is None:
        return Projection(root, checkout=to_checkout(session))
    whole = _with_customer(subscription, session)
    return Projection(
        root,
        checkout=to_checkout(session),
        invoices=_latest_invoice(whole),
        subscription=to_subscription(whole),
    )


def _from_subscription(root: ObjectRef, subscription: Node) -> Projection:
    return Projection(
        root,
        invoices=_latest_invoice(subscription),
        subscription=to_subscription(subscription),
    )


def _latest_invoice(subscription: Node) -> tuple[InvoiceView, ...]:
    invoice = subscription.node("latest_invoice")
    if invoice is None:
        return ()
    return (to_invoice(_with_customer(invoice, subscription)),)


def _with_customer(inner: Node, owner: Node) -> Node:
    """Give an inner object the customer that was expanded on its owner, if it is the same."""
    customer = owner.node("customer")
    if customer is None or inner.id_of("customer") != customer.needed("id"):
        return inner
    return inner.replaced("customer", owner)
