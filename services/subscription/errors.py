"""The refusals of the subscription service."""

from services.chassis.errors import AlreadyExists, NotFound, PermissionDenied


class UnknownAccount(NotFound):
    """No such account, or none that the caller may know of."""

    reason = "UNKNOWN_ACCOUNT"

    def __init__(self, account: str) -> None:
        super().__init__(f"There is no account {account!r}.", metadata={"account": account})


class NoOrder(NotFound):
    """Nothing was ever ordered for the account."""

    reason = "NO_ORDER"

    def __init__(self, account: str) -> None:
        super().__init__(
            f"Nothing has been ordered for account {account} yet.", metadata={"account": account}
        )


class CustomerBound(AlreadyExists):
    """The provider's customer belongs to another account."""

    reason = "CUSTOMER_BOUND"

    def __init__(self, customer: str) -> None:
        super().__init__(
            f"Customer {customer} belongs to another account.", metadata={"customer": customer}
        )


class NotYours(PermissionDenied):
    """Only operators may make accounts for others, or bind customers to them."""

    reason = "ACCOUNT_OF_ANOTHER"
