"""What OpenAPI says of document 001's bodies. The answers' models document what `views` writes,
where amounts are exact: a ``float`` here stands for a JSON number.
"""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gateway.bodies import Body, Name, Text

T = TypeVar("T")

Instant = Annotated[str, Field(description="RFC 3339 with milliseconds and Z")]
Quantity = Annotated[int, Field(ge=1, le=1000)]


class Answer(BaseModel):
    """Something that is answered: exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class Success(Answer, Generic[T]):
    """Document 001's envelope."""

    success: Literal[True]
    data: T
    timestamp: Instant


class Failure(Answer):
    """Document 001's refusal."""

    success: Literal[False]
    error: str
    code: str
    details: dict[str, object] | None = None
    timestamp: Instant


class Features(Answer):
    """What the provider offers."""

    quotas: bool
    plans: bool
    checkout: bool
    portal: bool
    webhooks: bool
    addons: bool
    metering: bool
    externalBillingUrl: str | None  # noqa: N815 - the document's names are a contract, here and on


class Config(Answer):
    """The provider that is on."""

    provider: Literal["none", "stripe", "whmcs"]
    features: Features


class ConfigAnswer(Success[Config]):
    """The configuration stands under both names that clients know."""

    config: Config
    message: str


class Health(Answer):
    """How it goes."""

    status: Literal["healthy"]
    provider: str


class AddonResources(Answer):
    """Cores and GiB."""

    cpu: float | None = None
    memory: float | None = None
    storage: float | None = None
    pods: float | None = None


class PlanResources(AddonResources):
    """Cores, GiB, pods, addresses, and GB of object storage."""

    objectStorage: int | None = None  # noqa: N815
    ipv4: int | None = None


class AddonOffer(Answer):
    """An add-on that is sold; its price is that of a month."""

    id: str
    name: str
    displayName: str  # noqa: N815
    description: str
    price: float
    currency: str | None
    resources: AddonResources


class PlanOffer(AddonOffer):
    """A plan that is sold."""

    recommended: bool
    features: list[str]
    resources: PlanResources


class AddonWish(Body):
    """An add-on, and how many of it."""

    addonId: Name  # noqa: N815
    quantity: Quantity = 1


class SubscribeBody(Body):
    """A purchase. ``trial`` begins with the plan's trial, if it has one that was not used yet."""

    planId: Name  # noqa: N815
    addons: Annotated[list[AddonWish], Field(default_factory=list, max_length=20)]
    currency: Annotated[Text, Field(max_length=3)] | None = None
    interval: Literal["month", "year"] | None = None
    promoCode: Text | None = None  # noqa: N815
    trial: bool = False


class PlanBody(Body):
    """A plan to change to."""

    planId: Name  # noqa: N815


class AddonBody(AddonWish):
    """What is to be added."""


class VerifyBody(Body):
    """The provider's session that a person came back from."""

    sessionId: Name  # noqa: N815


class CheckoutPage(Answer):
    """Where the person pays; ``checkoutUrl`` and ``url`` are the same."""

    checkoutUrl: str  # noqa: N815
    url: str
    sessionId: str  # noqa: N815
    expiresAt: Instant | None  # noqa: N815
    quoteId: str  # noqa: N815


class Verification(Answer):
    """What became of a session; status and plan are null until the webhook has come."""

    verified: bool
    status: str | None
    planId: str | None  # noqa: N815


class Portal(Answer):
    """The provider's portal, under both names."""

    url: str
    portalUrl: str  # noqa: N815


class Held(Answer):
    """An add-on that is held."""

    addonId: str  # noqa: N815
    quantity: int


class Resources(Answer):
    """Cores and GiB of plan and add-ons."""

    cpu: float | None = None
    memory: float | None = None
    storage: float | None = None


class Figure(Answer):
    """What is used of what is allowed; no limit is not enforced."""

    used: float
    limit: float | None


class Usage(Answer):
    """Cores, GiB, pods and public addresses, without the system's overhead."""

    cpu: Figure | None = None
    memory: Figure | None = None
    storage: Figure | None = None
    pods: Figure | None = None
    ipv4: Figure | None = None


Status = Literal["active", "trialing", "canceling", "past_due", "suspended", "canceled"]


class OrganizationSubscription(Answer):
    """What an organization holds; null where it holds nothing."""

    organization: str
    planId: str | None  # noqa: N815
    planName: str | None  # noqa: N815
    status: Status | None
    providerSubscriptionId: str | None  # noqa: N815
    providerCustomerId: str | None  # noqa: N815
    addons: list[Held]
    resources: Resources | None
    usage: Usage | None
    subscribedAt: Instant | None  # noqa: N815
    suspendedAt: Instant | None  # noqa: N815
    isTrial: bool  # noqa: N815
    trialEndDate: Instant | None  # noqa: N815
    currentPeriodEnd: Instant | None  # noqa: N815


class QuotaObject(Answer):
    """The quota as it is enforced, by the names of Kubernetes, overhead included."""

    name: Literal["plan-quota"]
    exists: bool
    hard: dict[str, str]
    used: dict[str, str]


class LimitRange(Answer):
    """The defaults and bounds of containers."""

    name: Literal["default-resource-limits"]
    exists: bool
    autoManaged: bool  # noqa: N815


class QuotaStatus(Answer):
    """Whether the quota of an organization stands."""

    organization: str
    planId: str | None  # noqa: N815
    status: Status | None
    enforced: bool
    backend: Literal["none", "native", "hierarchical"]
    hrq: QuotaObject
    limitRange: LimitRange  # noqa: N815


class ProjectEntry(Answer):
    """A project that the caller may enter; what it costs is not measured yet."""

    namespace: str
    project: str
    organization: str
    billing_summary: None


class Violation(Answer):
    """A resource of which more is used than a plan would allow."""

    resource: str
    used: float | None
    limit: float | None
    unit: str


class Downgrade(Answer):
    """Whether usage fits a plan, and what is in the way."""

    allowed: bool
    targetPlanId: str  # noqa: N815
    violations: list[Violation]
