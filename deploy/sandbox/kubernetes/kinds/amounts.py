"""Quantities inside objects: rewritten canonically, compared, refused."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, invalid
from deploy.sandbox.kubernetes.core.errors import bad_request
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.core.quantity import QuantityError, canonical, parse


def canonicalise(owner: Obj, *fields: str) -> None:
    """Rewrite maps of quantities in place; text that is no quantity is a 400, as on decoding."""
    for field in fields:
        amounts = owner.get(field)
        if not amounts:
            continue
        try:
            owner[field] = {name: canonical(amount) for name, amount in amounts.items()}
        except QuantityError as error:
            raise bad_request(str(error)) from error


def check_not_negative(amounts: Obj | None, field: str) -> Iterator[Cause]:
    """Amounts below nothing."""
    for name, amount in (amounts or {}).items():
        if parse(amount) < 0:
            yield invalid(f"{field}[{name}]", amount, "must be greater than or equal to 0")


def check_resources(resources: Obj, field: str) -> Iterator[Cause]:
    """Requests above limits, and negative amounts."""
    limits = resources.get("limits") or {}
    requests = resources.get("requests") or {}
    yield from check_not_negative(limits, f"{field}.limits")
    yield from check_not_negative(requests, f"{field}.requests")
    for name, amount in requests.items():
        if name in limits and parse(amount) > parse(limits[name]):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            yield invalid(f"{field}.requests", amount, why)
