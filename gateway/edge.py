"""What is checked of a webhook before its body is read: unsigned bytes are cheap to refuse."""

from services.chassis.errors import InvalidArgument

TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 16
MAX_HEADER = 4096


def check_stripe_header(header: str, now: float) -> None:
    """Refuse a Stripe-Signature header that cannot be right, whatever the body is.

    ``now`` is in seconds of the epoch. The signature itself is verified by payments.
    """
    if len(header) > MAX_HEADER:
        raise _bad("is too long")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal()):
        raise _bad("names no time")
    if not 1 <= len(signatures) <= MAX_SIGNATURES:
        raise _bad(f"holds {len(signatures)} signatures; expected 1 to {MAX_SIGNATURES}")
    age = now - int(times[0])
    if age > TOLERANCE_SECONDS:
        raise InvalidArgument("The signature is too old.", reason="SIGNATURE_STALE")
    if age < -TOLERANCE_SECONDS:
        raise InvalidArgument("The signature's time lies in the future.", reason="SIGNATURE_FUTURE")


def _bad(what: str) -> InvalidArgument:
    return InvalidArgument(f"The header Stripe-Signature {what}.", reason="SIGNATURE_MALFORMED")
