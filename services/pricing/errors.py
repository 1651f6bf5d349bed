"""Refusals of the pricing service."""

from services.chassis.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied


class UnknownCatalog(NotFound):
    """No catalog of that name is in force."""

    reason = "UNKNOWN_CATALOG"


class UnknownPlan(NotFound):
    """The catalog's version has no such plan."""

    reason = "UNKNOWN_PLAN"


class UnknownAddon(NotFound):
    """The catalog's version has no such add-on."""

    reason = "UNKNOWN_ADDON"


class UnknownCatalogVersion(NotFound):
    """The catalog never had such a version."""

    reason = "UNKNOWN_CATALOG_VERSION"


class AddonDoesNotFit(InvalidArgument):
    """The add-on cannot enlarge this plan."""

    reason = "ADDON_DOES_NOT_FIT"


class PlanNotSold(FailedPrecondition):
    """It has no price, is not offered to customers, or is not sold any more."""

    reason = "PLAN_NOT_SOLD"


class NotSoldInCurrency(InvalidArgument):
    """There is no price of it in this currency for this interval."""

    reason = "NOT_SOLD_IN_CURRENCY"


class UnknownQuote(NotFound):
    """There is no such quote, or it is somebody else's."""

    reason = "UNKNOWN_QUOTE"


class QuoteTaken(FailedPrecondition):
    """Something else took the quote."""

    reason = "QUOTE_TAKEN"


class QuoteExpired(FailedPrecondition):
    """The quote's time is over."""

    reason = "QUOTE_EXPIRED"


class PaymentRequired(FailedPrecondition):
    """What the quote is for has to be paid before it is provisioned."""

    reason = "PAYMENT_REQUIRED"


class NotYourQuote(PermissionDenied):
    """A quote may be made for oneself only."""

    reason = "NOT_YOURS"


class NotYourAccount(PermissionDenied):
    """A price may be asked for oneself only."""

    reason = "NOT_YOURS"


class InstalmentsNotSold(FailedPrecondition):
    """A commitment that is not paid upfront is priced, and not quoted."""

    reason = "INSTALMENTS_NOT_SOLD"


class CloudNotSold(FailedPrecondition):
    """Another cloud than the card's own is priced and compared, and not quoted."""

    reason = "CLOUD_NOT_SOLD"


class QuoteSignatureRefused(InvalidArgument):
    """It is no signature of ours, or not one of what is stored."""

    reason = "QUOTE_SIGNATURE_REFUSED"


class UnknownKind(NotFound):
    """No catalog in force says what a resource of this kind is billed by."""

    reason = "UNKNOWN_KIND"


class QuoteSpecMismatch(FailedPrecondition):
    """What is to be made is not what was priced; the metadata names the field that differs."""

    reason = "QUOTE_SPEC_MISMATCH"


class NoSessionRates(FailedPrecondition):
    """The catalog does not say what sessions cost."""

    reason = "NO_SESSION_RATES"


class CatalogRejected(Exception):  # noqa: N818 - an answer about a file, not a malfunction
    """A catalog file cannot come into force. The text names file, line and key of each problem."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.source = source
        self.problems = problems


class PriceContested(CatalogRejected):
    """Another catalog in force sells a price of it: it may come into force when that changes."""


class CatalogGoverned(CatalogRejected):
    """The catalog has to come from another source, which stands: no file may change it."""

    def __init__(self, catalog: str, governor: str) -> None:
        super().__init__(catalog, [f"catalog {catalog} comes from {governor} already"])
        self.governor = governor
