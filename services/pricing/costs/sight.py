"""Who may see which costs: persons their own, org-admins the organization's, operators all."""

from dataclasses import dataclass, replace

from services.pricing.costs.domain import CostFilter
from services.pricing.costs.errors import NotYourCosts


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. ``actor`` is for the record.

    ``name`` is what the person's own account is called, ``organization`` the one that the person
    administers, ``email`` the own address; all may be empty. ``everything``: services and platform
    admins.
    """

    actor: str
    name: str = ""
    organization: str = ""
    everything: bool = False
    trace_id: str = ""
    email: str = ""

    def may_see(self, filter: CostFilter) -> bool:  # noqa: A002 - the contract's word
        """Tell whether the filter leaves only what this person may see."""
        own = filter.user != "" and filter.user == self.name
        administered = filter.organization != "" and filter.organization == self.organization
        return self.everything or own or administered


def require_sight(asker: Asker, filter: CostFilter) -> None:  # noqa: A002
    """Let a filter pass that leaves only what the caller may see; NotYourCosts says what would."""
    if asker.may_see(filter):
        return
    allowed = {"user": asker.name, "organization": asker.organization}
    metadata = {field: value for field, value in allowed.items() if value}
    words = " or ".join(f"{field} {value!r}" for field, value in metadata.items())
    raise NotYourCosts(
        f"You may see the costs of {words} only; name that in the filter."
        if words
        else "Your token names nobody whose costs you may see.",
        metadata=metadata,
    )


def narrowed(asker: Asker, filter: CostFilter) -> CostFilter:  # noqa: A002
    """Return the filter of a question: a person who names nobody asks for the own costs."""
    if not asker.everything and not filter.user and not filter.organization and asker.name:
        filter = replace(filter, user=asker.name)  # noqa: A001
    require_sight(asker, filter)
    return filter
