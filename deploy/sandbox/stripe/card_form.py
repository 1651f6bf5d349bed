"""The part of a hosted form that names a card: read, checked, and refused in words."""

from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from deploy.sandbox.stripe import cards
from deploy.sandbox.stripe.cards import Card, Decline

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


class FormProblemError(Exception):
    """The form cannot be used; the text says why."""


def html(status: int, text: str) -> web.Response:
    """A page that no cache keeps and that runs no script."""
    return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)


def redirect(target: str) -> web.Response:
    """On to another address, by GET."""
    return web.Response(status=303, headers={"Location": target, "Cache-Control": "no-store"})


async def fields(request: web.Request) -> dict[str, str]:
    """The text fields of a form that was sent."""
    form = await request.post()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def read(form: Mapping[str, str], now: int) -> tuple[Card, int, int]:
    """The card of a form, its expiry month and year; FormProblemError says what is wrong."""
    number = form.get("number", "").replace(" ", "").replace("-", "")
    if not cards.valid_number(number):
        raise FormProblemError("Your card number is incorrect (incorrect_number).")
    month, year = whole(form, "exp_month"), whole(form, "exp_year")
    year += 2000 if year < 100 else 0
    today = datetime.fromtimestamp(now, tz=UTC)
    if not 1 <= month <= 12:
        raise FormProblemError("Your card's expiry month is invalid (invalid_expiry_month).")
    if (year, month) < (today.year, today.month) or year > today.year + 50:
        raise FormProblemError("Your card's expiry year is invalid (invalid_expiry_year).")
    if len(form.get("cvc", "").strip()) not in (3, 4) or whole(form, "cvc") < 0:
        raise FormProblemError("Your card's security code is invalid (invalid_cvc).")
    return cards.find(number), month, year


def whole(form: Mapping[str, str], name: str) -> int:
    """A field as a whole number of at most six digits, -1 if it is none."""
    value = form.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else -1


def declined(decline: Decline) -> str:
    """A decline in words and codes."""
    codes = [code for code in (decline.code, decline.decline_code) if code]
    return f"{decline.message} ({', '.join(codes)})"
