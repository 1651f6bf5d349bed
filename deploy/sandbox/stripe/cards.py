"""The provider's public test cards: which number does what."""

from dataclasses import dataclass
from enum import Enum

DECLINED = "Your card was declined."


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a card is refused: the error code, the decline code behind it and words for a person."""

    code: str
    decline_code: str | None
    message: str

    @property
    def reason(self) -> str:
        """The one word that says most."""
        return self.decline_code or self.code


class Asks(Enum):
    """When a card's bank asks its owner to confirm a payment (3-D Secure)."""

    NEVER = "never"
    ON_SESSION = "on session"  # set up for charges without its owner from the start
    UNLESS_SET_UP = "unless set up"  # on session, and off session until it was set up
    ALWAYS = "always"


class Refunding(Enum):
    """How a refund to a card goes."""

    AT_ONCE = "at once"
    LATER = "later"  # pending first
    FAILS = "fails"  # succeeded first


@dataclass(frozen=True, slots=True)
class Card:
    """A test card.

    `decline`: a charge is refused, and so is attaching it to a customer unless `attaches`.
    `dispute`: a charge succeeds and is disputed for that reason, as an `inquiry` perhaps.
    `fraud_warning`, `review`: a charge succeeds and is reported as fraud, or put up for review.
    """

    number: str
    brand: str
    alias: str
    decline: Decline | None = None
    attaches: bool = False
    asks: Asks = Asks.NEVER
    dispute: str | None = None
    inquiry: bool = False
    fraud_warning: bool = False
    review: bool = False
    refunding: Refunding = Refunding.AT_ONCE
    funding: str = "credit"

    @property
    def last4(self) -> str:
        """The four digits that may be shown and stored."""
        return self.number[-4:]

    @property
    def risk(self) -> tuple[str, int]:
        """The risk of its charges: level and score."""
        return ("elevated", 67) if self.review else ("normal", 12)


def _declined(decline_code: str, message: str = DECLINED) -> Decline:
    return Decline("card_declined", decline_code, message)


GENERIC = _declined("generic_decline")
POOR = _declined("insufficient_funds", "Your card has insufficient funds.")
EXPIRED = Decline("expired_card", None, "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
TROUBLE = Decline(
    "processing_error",
    None,
    "An error occurred while processing your card. Try again in a little bit.",
)
NOT_A_TEST_CARD = _declined(
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. For a list "
    "of valid test cards, visit: https://stripe.com/docs/testing.",
)
VELOCITY = (
    "Your card was declined for making repeated attempts too frequently or exceeding its amount "
    "limit."
)
_VISA = "pm_card_visa_chargeDeclined"
_THREE_D = "pm_card_threeDSecure"
_ASKED = "pm_card_authenticationRequired"

CARDS = (
    Card("4242424242424242", "visa", "pm_card_visa"),
    Card("4000056655665556", "visa", "pm_card_visa_debit", funding="debit"),
    Card("5555555555554444", "mastercard", "pm_card_mastercard"),
    Card("5200828282828210", "mastercard", "pm_card_mastercard_debit", funding="debit"),
    Card("378282246310005", "amex", "pm_card_amex"),
    Card("6011111111111117", "discover", "pm_card_discover"),
    Card("3566002020360505", "jcb", "pm_card_jcb"),
    Card("4000000000000002", "visa", _VISA, GENERIC),
    Card("4000000000009995", "visa", f"{_VISA}InsufficientFunds", POOR),
    Card("4000000000009987", "visa", f"{_VISA}LostCard", _declined("lost_card")),
    Card("4000000000009979", "visa", f"{_VISA}StolenCard", _declined("stolen_card")),
    Card(
        "4000000000006975",
        "visa",
        f"{_VISA}VelocityLimitExceeded",
        _declined("card_velocity_exceeded", VELOCITY),
    ),
    Card("4000000000000069", "visa", "pm_card_chargeDeclinedExpiredCard", EXPIRED),
    Card("4000000000000127", "visa", "pm_card_chargeDeclinedIncorrectCvc", WRONG_CVC),
    Card("4000000000000119", "visa", "pm_card_chargeDeclinedProcessingError", TROUBLE),
    Card("4100000000000019", "visa", "pm_card_radarBlock", _declined("fraudulent")),
    Card("4000000000000341", "visa", "pm_card_chargeCustomerFail", GENERIC, attaches=True),
    Card("4000002500003155", "visa", f"{_ASKED}OnSetup", asks=Asks.UNLESS_SET_UP),
    Card("4000002760003184", "visa", _ASKED, asks=Asks.ALWAYS),
    Card("4000003800000446", "visa", f"{_ASKED}SetupForOffSession", asks=Asks.ON_SESSION),
    Card("4000000000003220", "visa", f"{_THREE_D}2Required", asks=Asks.UNLESS_SET_UP),
    Card(
        "4000008260003178",
        "visa",
        f"{_ASKED}ChargeDeclinedInsufficientFunds",
        POOR,
        attaches=True,
        asks=Asks.ON_SESSION,
    ),
    Card(
        "4000008400001629",
        "visa",
        f"{_THREE_D}RequiredChargeDeclined",
        GENERIC,
        attaches=True,
        asks=Asks.ALWAYS,
    ),
    Card("4000000000000259", "visa", "pm_card_createDispute", dispute="fraudulent"),
    Card(
        "4000000000002685",
        "visa",
        "pm_card_createDisputeProductNotReceived",
        dispute="product_not_received",
    ),
    Card(
        "4000000000001976",
        "visa",
        "pm_card_createDisputeInquiry",
        dispute="fraudulent",
        inquiry=True,
    ),
    Card("4000000000005423", "visa", "pm_card_createIssuerFraudRecord", fraud_warning=True),
    Card("4000000000009235", "visa", "pm_card_riskLevelElevated", review=True),
    Card("4000000000007726", "visa", "pm_card_pendingRefund", refunding=Refunding.LATER),
    Card("4000000000005126", "visa", "pm_card_refundFail", refunding=Refunding.FAILS),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_ALIAS = {card.alias: card for card in CARDS} | {
    "pm_card_chargeDeclined": BY_NUMBER["4000000000000002"],
    "pm_card_chargeDeclinedInsufficientFunds": BY_NUMBER["4000000000009995"],
}
# The same cards as tokens: `tok_visa` is the card of `pm_card_visa`.
BY_TOKEN = {name.replace("pm_card_", "tok_", 1): card for name, card in BY_ALIAS.items()}


def valid_number(number: str) -> bool:
    """Whether a number has a card's length and check digit."""
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    doubled = [int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(number))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def find(number: str) -> Card:
    """The card of a number; any other valid number is refused as a card of the real world."""
    return BY_NUMBER.get(number) or Card(number, "unknown", "", NOT_A_TEST_CARD)


def find_last4(last4: str) -> Card:
    """The test card that ends in these digits, which is all that is stored of one."""
    known = (card for card in CARDS if card.last4 == last4)
    return next(known, Card(last4, "unknown", "", NOT_A_TEST_CARD))


def of_method(method: dict[str, dict[str, str]]) -> Card:
    """The test card behind a stored payment method."""
    return find_last4(method["card"]["last4"])
