"""Requests, as the use cases take them."""

from services.chassis.errors import Violations
from services.subscription.asking import MAX_NAME, AccountRequest, OutsideName
from services.subscription.convert.values import digest_of
from services.subscription.domain import AccountKind, PurchaseStatus
from services.subscription.incoming import Customer
from tollgate.subscription.v1 import subscription_pb2 as pb
from tollgate.subscription.v1 import subscription_service_pb2 as service_pb

_KINDS = {
    pb.Account.KIND_USER: AccountKind.USER,
    pb.Account.KIND_ORGANIZATION: AccountKind.ORGANIZATION,
    pb.Account.KIND_DID: AccountKind.DID,
}
_STATUSES = {
    pb.Purchase.STATUS_UNSPECIFIED: None,
    pb.Purchase.STATUS_APPLIED: PurchaseStatus.APPLIED,
    pb.Purchase.STATUS_REFUND_DUE: PurchaseStatus.REFUND_DUE,
    pb.Purchase.STATUS_PARKED: PurchaseStatus.PARKED,
    pb.Purchase.STATUS_REFUNDED: PurchaseStatus.REFUNDED,
}


def from_account_request(request: service_pb.CreateAccountRequest) -> AccountRequest:
    """Read what account is asked for; InvalidArgument names the kind if it is none."""
    bad = Violations()
    kind = _KINDS.get(request.kind)
    if kind is None:
        bad.add("kind", "expected a kind of account")
    bad.raise_if_any()
    return AccountRequest(
        kind=kind or AccountKind.USER,
        external_id=request.external_id,
        email=request.email,
        customers=tuple(from_customer(customer) for customer in request.customers),
        request_id=request.request_id,
        request_hash=digest_of(request),
    )


def from_customer(message: pb.CustomerBinding) -> Customer:
    """Read a provider's customer."""
    return Customer(message.provider, message.provider_account, message.customer_id)


def from_whose(request: service_pb.ListAccountsRequest) -> Customer | OutsideName | None:
    """Read whose account is looked for, None for all; InvalidArgument if it is half said."""
    bad = Violations()
    customer = request.customer
    by_customer, by_name = request.HasField("customer"), bool(request.kind or request.external_id)
    kind = _KINDS.get(request.kind)
    if by_customer and by_name:
        bad.add("customer", "expected a customer or an outside name, not both")
    if by_customer and not (
        customer.provider and customer.provider_account and customer.customer_id
    ):
        bad.add("customer", "expected provider, provider_account and customer_id")
    if by_name and kind is None:
        bad.add("kind", "expected a kind of account with the external_id")
    if by_name and not 1 <= len(request.external_id) <= MAX_NAME:
        bad.add("external_id", f"expected 1 to {MAX_NAME} characters")
    bad.raise_if_any()
    if by_customer:
        return from_customer(customer)
    return OutsideName(kind, request.external_id) if kind else None


def from_purchase_status(status: pb.Purchase.Status.ValueType) -> PurchaseStatus | None:
    """Read a filter, None for all; InvalidArgument if it is no status."""
    if status not in _STATUSES:
        bad = Violations()
        bad.add("status", "expected a status of a purchase")
        bad.raise_if_any()
    return _STATUSES[status]
