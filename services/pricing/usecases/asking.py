"""Who asks pricing, and for whom."""

from dataclasses import dataclass

from services.chassis.errors import Violations
from services.pricing.errors import NotYourAccount
from services.pricing.quotes import Quote
from services.pricing.tiers import LONGEST_NAME


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. ``trusted`` may ask for anybody: services and platform admins.

    An ``operator`` may also be quoted what customers are not offered.
    """

    subject: str
    trusted: bool
    operator: bool = False
    trace_id: str = ""

    def may_see(self, quote: Quote) -> bool:
        """Tell whether a quote may be shown."""
        return self.trusted or quote.owner == self.subject

    def account(self, asked: str) -> str:
        """Return whose tier counts, the asker's own unless another is named.

        InvalidArgument; NotYourAccount unless the asker may ask for anybody.
        """
        if not asked or asked == self.subject:
            return self.subject
        if len(asked) > LONGEST_NAME:
            bad = Violations()
            bad.add("account", f"expected at most {LONGEST_NAME} characters")
            bad.raise_if_any()
        if not self.trusted:
            raise NotYourAccount("You may only ask for prices of your own.")
        return asked
