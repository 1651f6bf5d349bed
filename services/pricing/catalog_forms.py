"""What the forms of catalogs and rate cards are made of."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from services.chassis import quantities


def _quantity_map(value: object) -> object:
    """A bare number of memory or storage is GiB; a suffix means what it says (6.4GB is 6.4G)."""
    if not isinstance(value, dict):
        return value
    return {key: quantity(str(key), amount) for key, amount in value.items()}


def quantity(resource: str, amount: object) -> str:
    """Return a quantity of a resource as it is kept; ValueError says what would be right."""
    if not isinstance(amount, str | int) or isinstance(amount, bool):
        raise ValueError(f"{resource}: expected a quantity such as 2, 500m, 4Gi or 20G")
    text = str(amount).removesuffix("B") if str(amount).endswith("B") else str(amount)
    if resource.endswith(("memory", "storage")) and re.fullmatch(r"\d+(\.\d+)?", text):
        text = f"{text}Gi" if text.strip("0.") else "0"
    if quantities.parse(text) < 0:
        raise ValueError(f"{resource}: cannot be negative")
    return text


def _seconds(value: object) -> object:
    match = re.fullmatch(r"(\d{1,5})([smhd])", str(value))
    if match is None:
        raise ValueError("expected a time such as 7d, 12h or 30m")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[match.group(2)]
    return int(timedelta(**{unit: int(match.group(1))}).total_seconds())


def _id(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError("expected lower-case letters, digits and hyphens, at most 63")
    return value


Id = Annotated[str, AfterValidator(_id)]
QuantityMap = Annotated[dict[str, str], BeforeValidator(_quantity_map)]
Seconds = Annotated[int, BeforeValidator(_seconds)]


class Form(BaseModel):
    """A key that is not known is an error: a misspelt one would otherwise change nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
