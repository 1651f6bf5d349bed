"""Refusals of the pricing service."""

from services.chassis.errors import InvalidArgument, NotFound


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


class CatalogRejected(Exception):  # noqa: N818 - an answer about a file, not a malfunction
    """A catalog file cannot come into force. The text names file, line and key of each problem."""

    def __init__(self, source: str, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.source = source
        self.problems = problems
