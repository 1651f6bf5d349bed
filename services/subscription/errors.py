"""The refusals of the subscription service."""

from collections.abc import Mapping

from services.chassis.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)


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


class SubscriptionChanged(Aborted):
    """Others kept changing the subscription at the provider; ask again, with another key."""

    reason = "SUBSCRIPTION_CHANGED"

    def __init__(self, subscription: str) -> None:
        super().__init__(
            f"Others keep changing {subscription}.", metadata={"subscription": subscription}
        )


class NotYours(PermissionDenied):
    """Only operators may make accounts for others, or bind customers to them."""

    reason = "ACCOUNT_OF_ANOTHER"


class NotTheAdmin(PermissionDenied):
    """A member of the organization who may not change what it has and pays."""

    reason = "ROLE_NOT_ALLOWED"

    def __init__(self) -> None:
        super().__init__("Organization admin access required")


class SomebodyElses(PermissionDenied):
    """An entitlement is told to its owner only."""

    reason = "ACCOUNT_OF_ANOTHER"

    def __init__(self) -> None:
        super().__init__("You may only ask for your own account.")


class UnknownSubscription(NotFound):
    """No such subscription, or none that the caller may know of."""

    reason = "UNKNOWN_SUBSCRIPTION"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no subscription {name!r}.", metadata={"subscription": name})


class UnknownCheckout(NotFound):
    """No such payment page, or none of the caller's own account."""

    reason = "UNKNOWN_CHECKOUT"

    def __init__(self, checkout_id: str) -> None:
        super().__init__(
            f"There is no payment page {checkout_id!r}.", metadata={"checkout": checkout_id}
        )


class AccountHasSubscription(FailedPrecondition):
    """What the account holds and what is asked for cannot both be given."""

    reason = "ACCOUNT_HAS_SUBSCRIPTION"

    def __init__(self, subscription: str, plan: str) -> None:
        super().__init__(
            f"The account already has the plan {plan}; change that subscription instead.",
            metadata={"subscription": subscription, "plan": plan},
        )


class SubscriptionOver(FailedPrecondition):
    """The subscription has ended; a new one can be bought."""

    reason = "SUBSCRIPTION_OVER"

    def __init__(self, subscription: str) -> None:
        super().__init__(
            "The subscription is over; buy a new one.", metadata={"subscription": subscription}
        )


class NotBilled(FailedPrecondition):
    """Nothing at a provider stands behind the subscription: a single payment bought it."""

    reason = "NO_PROVIDER_SUBSCRIPTION"

    def __init__(self, subscription: str) -> None:
        super().__init__(
            "No provider bills this subscription, so there is nothing to change there.",
            metadata={"subscription": subscription},
        )


class AssignedByHand(FailedPrecondition):
    """An operator gave it, so no provider has anything to change or to end."""

    reason = "ASSIGNED_BY_HAND"

    def __init__(self, subscription: str) -> None:
        super().__init__(
            "The plan was assigned by hand: AssignPlan changes it, EndAssignment ends it.",
            metadata={"subscription": subscription},
        )


class NotAssigned(FailedPrecondition):
    """Somebody bought it, so it is not an operator's to take back."""

    reason = "NOT_ASSIGNED"

    def __init__(self, subscription: str) -> None:
        super().__init__(
            "The subscription was bought and not assigned: CancelSubscription ends it.",
            metadata={"subscription": subscription},
        )


class RoomTaken(FailedPrecondition):
    """Something is in force that leaves no room for an assignment."""

    reason = "ACCOUNT_HAS_SUBSCRIPTION"

    def __init__(self, subscription: str, plan: str, *, assigned: bool) -> None:
        held = "was assigned" if assigned else "pays for"
        super().__init__(
            f"The account {held} the plan {plan}, which leaves no room; end that first.",
            metadata={"subscription": subscription, "plan": plan},
        )


class PlanNotForAccount(FailedPrecondition):
    """A plan of organizations for somebody who is none."""

    reason = "PLAN_NOT_FOR_ACCOUNT"

    def __init__(self, plan: str) -> None:
        super().__init__(
            f"{plan} is a plan of organizations, and the account is none.", metadata={"plan": plan}
        )


class UnknownPrice(FailedPrecondition):
    """A subscription is billed by prices that no catalog knows."""

    reason = "UNKNOWN_PRICE"

    def __init__(self, subscription: str) -> None:
        super().__init__(
            "The subscription is billed by a price that no catalog knows.",
            metadata={"subscription": subscription},
        )


class AddonNotHeld(NotFound):
    """More units of an add-on would be taken off than there are."""

    reason = "ADDON_NOT_HELD"

    def __init__(self, addon: str) -> None:
        super().__init__(f"There are not as many of {addon}.", metadata={"addon": addon})


class PlanNotSold(FailedPrecondition):
    """A plan or an add-on cannot be bought here."""

    reason = "PLAN_NOT_SOLD"

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject} is not sold here.", metadata={"subject": subject})


class NotSoldInCurrency(InvalidArgument):
    """No price of this currency and interval."""

    reason = "NOT_SOLD_IN_CURRENCY"

    def __init__(self, subject: str, currency: str, interval: str) -> None:
        super().__init__(
            f"{subject} has no price in {currency} for this interval ({interval.lower()}).",
            metadata={"subject": subject, "currency": currency, "interval": interval.lower()},
        )


class UsageExceedsPlan(FailedPrecondition):
    """More is in use than would be allowed; ``in_the_way`` says what, as "<used> > <limit>"."""

    reason = "USAGE_EXCEEDS_PLAN"

    def __init__(self, in_the_way: Mapping[str, str]) -> None:
        listed = ", ".join(f"{name} {text}" for name, text in sorted(in_the_way.items()))
        super().__init__(
            f"More is in use than the plan would allow: {listed}.", metadata=in_the_way
        )


class ProviderOff(FailedPrecondition):
    """Nothing can be paid here."""

    reason = "PROVIDER_OFF"

    def __init__(self) -> None:
        super().__init__("No payment provider is on, so nothing can be bought here.")
