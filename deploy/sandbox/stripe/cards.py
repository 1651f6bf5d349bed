"""The provider's public test cards: which number does what."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `authenticates` cards ask their owner first (3-D Secure)."""

    number: str
    brand: str
    alias: str
    decline: Decline | None = None
    authenticates: bool = False

    @property
    def last4(self) -> str:
        """The four digits that may be shown and stored."""
        return self.number[-4:]


def _declined(decline_code: str, message: str = DECLINED) -> Decline:
    return Decline("card_declined", decline_code, message)


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

CARDS = (
    Card("4242424242424242", "visa", "pm_card_visa"),
    Card("4000056655665556", "visa", "pm_card_visa_debit"),
    Card("5555555555554444", "mastercard", "pm_card_mastercard"),
    Card("378282246310005", "amex", "pm_card_amex"),
    Card(
        "4000000000000002",
        "visa",
        "pm_card_visa_chargeDeclined",
        _declined("generic_decline"),
    ),
    Card(
        "4000000000009995",
        "visa",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        _declined("insufficient_funds", "Your card has insufficient funds."),
    ),
    Card(
        "4000000000009987",
        "visa",
        "pm_card_visa_chargeDeclinedLostCard",
        _declined("lost_card"),
    ),
    Card(
        "4000000000009979",
        "visa",
        "pm_card_visa_chargeDeclinedStolenCard",
        _declined("stolen_card"),
    ),
    Card(
        "4000000000006975",
        "visa",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        _declined("card_velocity_exceeded", VELOCITY),
    ),
    Card("4000000000000069", "visa", "pm_card_chargeDeclinedExpiredCard", EXPIRED),
    Card("4000000000000127", "visa", "pm_card_chargeDeclinedIncorrectCvc", WRONG_CVC),
    Card("4000000000000119", "visa", "pm_card_chargeDeclinedProcessingError", TROUBLE),
    Card("4000002500003155", "visa", "pm_card_authenticationRequired", authenticates=True),
    Card("4000000000003220", "visa", "pm_card_threeDSecure2Required", authenticates=True),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_ALIAS = {card.alias: card for card in CARDS} | {
    "pm_card_chargeDeclined": BY_NUMBER["4000000000000002"],
    "pm_card_chargeDeclinedInsufficientFunds": BY_NUMBER["4000000000009995"],
}


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
