"""What document 001 shows of a subscription and of a quota."""

from collections.abc import Mapping

import structlog

from gateway import figures
from gateway.ports import Held, OrganizationQuota, QuotaBackend, State
from gateway.routes.billing.desk import BillingDesk, short
from gateway.states import WORDS
from services.chassis.errors import InvalidArgument, NotFound, Refusal

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("gateway.billing")

_RESOURCES = ("cpu", "memory", "storage")
_MEASURED = (*_RESOURCES, "pods")
_IN_KUBERNETES = {name: f"requests.{name}" for name in _RESOURCES}


async def subscription_view(
    desk: BillingDesk, organization: str, held: Held | None
) -> Mapping[str, object]:
    """Return the subscription object; without a plan its keys are null."""
    if held is None:
        return _nothing(organization)
    return {
        "organization": organization,
        "planId": short(held.plan),
        "planName": held.plan_display_name or short(held.plan),
        "status": WORDS[held.state].billing,
        "providerSubscriptionId": held.provider_subscription_id or None,
        "providerCustomerId": held.provider_customer_id or None,
        "addons": [
            {"addonId": short(addon.addon), "quantity": addon.quantity} for addon in held.addons
        ],
        "resources": await _resources(desk, held),
        "usage": await _usage_or_null(desk, organization),
        "subscribedAt": figures.instant(held.begin_time),
        "suspendedAt": figures.instant(held.suspend_time),
        "isTrial": held.state is State.TRIALING,
        "trialEndDate": figures.instant(held.trial_end_time),
        "currentPeriodEnd": figures.instant(held.period_end),
    }


def _nothing(organization: str) -> Mapping[str, object]:
    return {
        "organization": organization,
        "planId": None,
        "planName": None,
        "status": None,
        "providerSubscriptionId": None,
        "providerCustomerId": None,
        "addons": [],
        "resources": None,
        "usage": None,
        "subscribedAt": None,
        "suspendedAt": None,
        "isTrial": False,
        "trialEndDate": None,
        "currentPeriodEnd": None,
    }


async def _resources(desk: BillingDesk, held: Held) -> Mapping[str, object] | None:
    try:
        capacity = await desk.pricing.capacity(held.plan, held.addons, held.catalog_version)
    except (NotFound, InvalidArgument) as refusal:
        # Sold once and in no catalog any more: what it stands for cannot be told.
        _log.warning("A plan that is held is unknown.", plan=held.plan, reason=refusal.reason)
        return None
    return figures.sizes(capacity, *_RESOURCES)


async def _usage_or_null(desk: BillingDesk, organization: str) -> Mapping[str, object] | None:
    try:
        return usage_view(await desk.provisioner.quota(organization))
    except Refusal as refusal:
        # The subscription is worth telling without it.
        _log.warning("Usage could not be told.", organization=organization, reason=refusal.reason)
        return None


def usage_view(quota: OrganizationQuota | None) -> Mapping[str, object] | None:
    """Return what is used of what is allowed; None where nothing is enforced."""
    if quota is None or quota.backend is QuotaBackend.NONE:
        return None
    usage: dict[str, object] = {
        name: {
            "used": figures.size(name, quota.used.get(name, "0")),
            "limit": figures.size(name, quota.limits[name]),
        }
        for name in _MEASURED
        if name in quota.limits
    }
    usage["ipv4"] = {"used": quota.public_ips_used, "limit": quota.public_ips_limit}
    return usage


def status_view(
    organization: str, held: Held | None, quota: OrganizationQuota | None
) -> Mapping[str, object]:
    """Return whether the quota objects of an organization stand."""
    used = quota.used if quota else {}
    return {
        "organization": organization,
        "planId": short(held.plan) if held else None,
        "status": WORDS[held.state].billing if held else None,
        "enforced": bool(quota and quota.enforced),
        "backend": quota.backend if quota else QuotaBackend.NONE,
        "hrq": {
            "name": "plan-quota",
            "exists": bool(quota and quota.hard),
            "hard": dict(quota.hard) if quota else {},
            "used": {_IN_KUBERNETES.get(name, name): text for name, text in used.items()},
        },
        "limitRange": {
            "name": "default-resource-limits",
            "exists": bool(quota and quota.limit_range),
            "autoManaged": bool(quota and quota.limit_range_managed),
        },
    }
