"""The form of a catalog file, and the way from it to the domain.

pydantic checks the form and says what is wrong at which key; ``catalog_file`` adds file and line.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.chassis.money import from_decimal
from services.pricing import capacity, domain
from services.pricing.catalog_forms import Form as Form
from services.pricing.catalog_forms import Id as Id
from services.pricing.catalog_forms import QuantityMap as QuantityMap
from services.pricing.catalog_forms import Seconds as Seconds
from services.pricing.catalog_forms import quantity as quantity
from services.pricing.kinds_schema import KindForm, KindName
from services.pricing.sessions_schema import SessionsForm

Policy = Literal["free", "suspend_then_cancel", "delete"]


class PriceForm(Form):
    """One price, and the providers' ids of it; ``stripe_price`` is short for the commonest."""

    currency: str
    interval: Literal["once", "month", "year"]
    amount: str
    stripe_price: str | None = None
    provider_prices: dict[Id, Annotated[str, Field(min_length=1)]] = Field(default={})

    @model_validator(mode="after")
    def _amount_fits_currency(self) -> "PriceForm":
        if self.to_domain().amount.minor_units < 0:
            raise ValueError("amount cannot be negative")
        if self.stripe_price and "stripe" in self.provider_prices:
            raise ValueError("stripe_price and provider_prices.stripe say the same: give one")
        return self

    def to_domain(self) -> domain.Price:
        """Return the price; ValueError if the amount is none of its currency."""
        known = {"stripe": self.stripe_price} if self.stripe_price else {}
        known |= self.provider_prices
        amount = from_decimal(self.amount, self.currency)
        return domain.Price(amount, domain.Interval(self.interval), known)


class ContainerForm(Form):
    """Defaults and bounds of a container."""

    default_limits: QuantityMap = Field(default={})
    default_requests: QuantityMap = Field(default={})
    max: QuantityMap = Field(default={})
    min: QuantityMap = Field(default={})
    max_pod: QuantityMap = Field(default={})
    max_volume_claim: QuantityMap = Field(default={})
    min_volume_claim: QuantityMap = Field(default={})

    def to_domain(self) -> capacity.ContainerLimits:
        """Return the limits."""
        return capacity.ContainerLimits(**dict(self))


class AutoscaleForm(Form):
    """Bounds of a horizontal autoscaler."""

    min: int = Field(ge=1, le=10_000)
    max: int = Field(ge=1, le=10_000)
    cpu_percent: int = Field(default=80, ge=1, le=100)

    @model_validator(mode="after")
    def _ordered(self) -> "AutoscaleForm":
        if self.max < self.min:
            raise ValueError("max cannot be less than min")
        return self


class WorkloadForm(Form):
    """A container image and what it asks for."""

    image: str = Field(min_length=1)
    requests: QuantityMap = Field(default={})
    limits: QuantityMap = Field(default={})
    port: int = Field(default=0, ge=0, le=65535)
    args: list[str] = Field(default=[])

    def to_domain(self) -> capacity.Workload:
        """Return the workload."""
        return capacity.Workload(**(dict(self) | {"args": tuple(self.args)}))


class NothingForm(Form):
    """An entitlement only."""

    kind: Literal["nothing"]
    limits: dict[str, str] = Field(default={})

    def to_domain(self) -> capacity.Capacity:
        """Return the capacity."""
        return capacity.Nothing(self.limits)


class NamespaceForm(Form):
    """A fenced namespace."""

    kind: Literal["namespace"]
    quota: QuantityMap
    container: ContainerForm = ContainerForm()
    autoscale: AutoscaleForm | None = None
    warm_pool: int = Field(default=0, ge=0, le=1000)
    workload: WorkloadForm | None = None

    def to_domain(self) -> capacity.Capacity:
        """Return the capacity."""
        scale = capacity.Autoscale(**dict(self.autoscale)) if self.autoscale else None
        return capacity.Namespace(
            quota=self.quota,
            container=self.container.to_domain(),
            autoscale=scale,
            warm_pool=self.warm_pool,
            workload=self.workload.to_domain() if self.workload else None,
        )


class OrganizationForm(Form):
    """The quota of an organization."""

    kind: Literal["organization"]
    quota: QuantityMap
    overhead_per_project: QuantityMap = Field(default={})
    burst_ratio: str = Field(default="1.0", pattern=r"^\d{1,3}(\.\d{1,4})?$")
    container: ContainerForm = ContainerForm()
    public_ips: int | None = Field(default=None, ge=0)
    object_storage_gb: int = Field(default=0, ge=0)
    suspended_quota: QuantityMap = Field(default={})

    def to_domain(self) -> capacity.Capacity:
        """Return the capacity."""
        values = dict(self) | {"container": self.container.to_domain()}
        del values["kind"]
        return capacity.Organization(**values)


class TenantForm(Form):
    """A Helm application."""

    kind: Literal["tenant"]
    chart: str = Field(min_length=1)
    values: dict[str, str] = Field(default={})
    database: bool = False

    def to_domain(self) -> capacity.Capacity:
        """Return the capacity."""
        return capacity.Tenant(self.chart, self.values, self.database)


class ResourceForm(Form):
    """Custom resources of certain kinds."""

    kind: Literal["resource"]
    kinds: list[Annotated[str, Field(pattern=r"^[a-z0-9]+\.[a-z0-9.-]+/v[a-z0-9]+$")]]
    max_objects: int = Field(default=0, ge=0)

    def to_domain(self) -> capacity.Capacity:
        """Return the capacity."""
        return capacity.Resource(tuple(self.kinds), self.max_objects)


Provisions = Annotated[
    NothingForm | NamespaceForm | OrganizationForm | TenantForm | ResourceForm,
    Field(discriminator="kind"),
]


class PlanForm(Form):
    """Something that can be subscribed to."""

    name: str = Field(min_length=1)
    description: str = ""
    tier: str = ""
    prices: list[PriceForm] = Field(default=[])
    features: list[str] = Field(default=[])
    highlights: list[str] = Field(default=[])
    credits: int = Field(default=0, ge=0)
    provisions: Provisions
    on_unpaid: Policy
    on_end: Policy
    pin: bool = False
    recommended: bool = False
    self_service: bool = True
    trial_days: int = Field(default=0, ge=0, le=730)

    def to_domain(self, plan_id: str) -> domain.Plan:
        """Return the plan."""
        return domain.Plan(
            id=plan_id,
            display_name=self.name,
            description=self.description,
            tier=self.tier,
            prices=tuple(price.to_domain() for price in self.prices),
            features=tuple(self.features),
            highlights=tuple(self.highlights),
            credits=self.credits,
            provisions=self.provisions.to_domain(),
            on_unpaid=domain.EndPolicy(self.on_unpaid),
            on_end=domain.EndPolicy(self.on_end),
            pin=self.pin,
            recommended=self.recommended,
            self_service=self.self_service,
            trial_days=self.trial_days,
        )


class AddonForm(Form):
    """Something that is added to a plan."""

    name: str = Field(min_length=1)
    description: str = ""
    prices: list[PriceForm] = Field(default=[])
    adds: QuantityMap
    self_service: bool = True
    disabled: bool = False

    def to_domain(self, addon_id: str) -> domain.Addon:
        """Return the add-on."""
        return domain.Addon(
            id=addon_id,
            display_name=self.name,
            description=self.description,
            prices=tuple(price.to_domain() for price in self.prices),
            adds=self.adds,
            self_service=self.self_service,
            disabled=self.disabled,
        )


class DefaultsForm(Form):
    """Plans that are given without a payment."""

    new_member: str = ""
    grandfathered: str = ""


class BillingForm(Form):
    """Whether and how the customers of a hold pay."""

    enabled: bool
    currency: str = "usd"
    success_url: str = ""
    cancel_url: str = ""

    def to_domain(self) -> domain.Billing:
        """Return the block."""
        return domain.Billing(**dict(self))


class CatalogForm(Form):
    """A whole catalog file."""

    catalog: Id
    description: str = ""
    foreign_checkout: Literal["create_account", "park"] = "park"
    free_plan: str = ""
    retention: Seconds = 30 * 86_400
    defaults: DefaultsForm = DefaultsForm()
    billing: BillingForm | None = None
    plans: dict[Id, PlanForm] = Field(min_length=1)
    addons: dict[Id, AddonForm] = Field(default={})
    kinds: dict[KindName, KindForm] = Field(default={})
    sessions: SessionsForm | None = None

    def named_plans(self) -> Mapping[tuple[str, ...], str]:
        """Return every key that names a plan of the catalog, with the name."""
        return {
            ("free_plan",): self.free_plan,
            ("defaults", "new_member"): self.defaults.new_member,
            ("defaults", "grandfathered"): self.defaults.grandfathered,
        }

    def to_domain(self, version: str, content: str) -> domain.Catalog:
        """Return the catalog at this version."""
        return domain.Catalog(
            name=self.catalog,
            version=version,
            description=self.description,
            foreign_checkout_creates_account=self.foreign_checkout == "create_account",
            retention_seconds=self.retention,
            plans={key: plan.to_domain(key) for key, plan in self.plans.items()},
            addons={key: addon.to_domain(key) for key, addon in self.addons.items()},
            free_plan=self.free_plan,
            new_member_plan=self.defaults.new_member,
            grandfathered_plan=self.defaults.grandfathered,
            billing=self.billing.to_domain() if self.billing else None,
            kinds={key: rule.to_domain(key) for key, rule in self.kinds.items()},
            sessions=self.sessions.to_domain() if self.sessions else None,
            content=content,
        )
