"""Reads Kube-DC's ``plans.yaml``, by itself or within its ConfigMap.

A plan or add-on with an error is left out and the others stay. An error in what all of them share
(the suspended plan, the overhead, the common limit range) refuses the whole: to pass over it would
change everybody's quota.
"""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from services.chassis.money import Money, from_decimal
from services.pricing.capacity import ContainerLimits, Organization
from services.pricing.catalog_yaml import MarkedYaml, Path
from services.pricing.domain import Addon, Catalog, EndPolicy, Interval, Plan, Price
from services.pricing.sources.billing_plans_schema import (
    A_COUNT,
    AN_ID,
    PoolForm,
    SharedForm,
    SoldForm,
    TurboForm,
    given,
)
from services.pricing.sources.options import ImportOptions
from services.pricing.sources.reading import Collector, Refused, repeated_prices

CATALOG = "kube-dc"
RETENTION_SECONDS = 7 * 86_400
ENDING = EndPolicy.SUSPEND_THEN_CANCEL

_GROUPS = ("plans", "addons")
_GPU = "is not provisioned here: what has it is kept, and not offered to customers"

T = TypeVar("T", Plan, Addon)
V = TypeVar("V")
F = TypeVar("F", bound=BaseModel)


def read_billing_plans(
    document: MarkedYaml, collector: Collector, options: ImportOptions
) -> Catalog:
    """Return the catalog; the collector has what was left out. Refused if nothing stands."""
    return _Reader(document, collector, options).catalog()


class _Reader:
    def __init__(self, document: MarkedYaml, collector: Collector, options: ImportOptions) -> None:
        self._document = document
        self._told = collector
        self._options = options
        self._shared = self._read_shared()

    def catalog(self) -> Catalog:
        plans = self._items("plans", self._shared.plans, self._plan)
        addons = self._items("addons", self._shared.addons, self._addon)
        for key in [key for key in addons if key in plans]:
            self._told.problem(("addons", key), "an add-on cannot have the name of a plan")
            del addons[key]
        placed: list[tuple[Path, Plan | Addon]] = [(("plans", k), p) for k, p in plans.items()]
        placed += [(("addons", key), addon) for key, addon in addons.items()]
        for path in list(repeated_prices(placed, self._told)):
            (plans if path[0] == "plans" else addons).pop(str(path[1]))
        if not plans:
            raise self._told.refuse(("plans",), "no plan stands")
        for key in self._shared.eip_quota:
            if key not in self._shared.plans:
                self._told.note(("eipQuota", key), "names no plan")
        kept = self._options.retention_seconds
        return Catalog(
            name=self._options.catalog or CATALOG,
            version="",
            description=self._options.description,
            foreign_checkout_creates_account=False,
            retention_seconds=RETENTION_SECONDS if kept is None else kept,
            plans=plans,
            addons=addons,
        )

    def _read_shared(self) -> SharedForm:
        if self._told.badly_written_beside(*_GROUPS):
            raise Refused
        shared = self._form(SharedForm, self._document.value, ())
        if shared is None:
            raise Refused
        self._told.unknown_keys(shared, ())
        if shared.suspended_plan is None:
            self._told.note((), "suspendedPlan is missing: the shipped one counts")
        return shared

    def _items(
        self, group: str, values: dict[str, object], make: Callable[[str, Path, object], T | None]
    ) -> dict[str, T]:
        found = {}
        for key, value in values.items():
            path: Path = (group, key)
            if self._told.badly_written(path):
                continue
            item = make(key, path, value)
            if item is not None:
                found[key] = item
        return found

    def _plan(self, key: str, path: Path, value: object) -> Plan | None:
        form = self._form(PoolForm, value, path)
        price = None if form is None else self._price(key, path, form)
        addresses = self._shared.eip_quota.get(key)
        sound = self._fits(AN_ID, key, path) & (
            addresses is None or self._fits(A_COUNT, addresses, ("eipQuota", key))
        )
        if form is None or price is None or not sound:
            return None
        public_ips = None if addresses is None else int(str(addresses))
        self._told.unknown_keys(form, path)
        self._say_of_plan(key, path, form, public_ips)
        return Plan(
            id=key,
            display_name=form.display_name or key,
            description=form.description,
            tier=self._options.tiers.get(key, ""),
            prices=price,
            features=tuple(self._options.features.get(key, ())),
            highlights=tuple(form.features),
            credits=0,
            provisions=self._provisions(form, public_ips),
            on_unpaid=self._options.on_unpaid or ENDING,
            on_end=self._options.on_end or ENDING,
            pin=False,
            recommended=form.recommended,
            self_service=form.self_service and not form.gpu,
        )

    def _addon(self, key: str, path: Path, value: object) -> Addon | None:
        form = self._form(TurboForm, value, path)
        price = None if form is None else self._price(key, path, form)
        if not self._fits(AN_ID, key, path) or form is None or price is None:
            return None
        self._told.unknown_keys(form, path)
        self._say_of_gpu(path, form)
        return Addon(
            id=key,
            display_name=form.display_name or key,
            description=form.description,
            prices=price,
            adds=given(cpu=form.cpu, memory=form.memory, storage=form.storage),
            self_service=form.self_service and not form.gpu,
            disabled=form.disabled,
        )

    def _price(self, key: str, path: Path, form: SoldForm) -> tuple[Price, ...] | None:
        try:
            amount = from_decimal(form.price, form.currency)
        except ValueError as error:
            self._told.problem((*path, "price"), str(error))
            return None
        names = given(stripe=self._options.price_id(key) or None) | form.providers.names()
        if amount == Money.zero(form.currency) and not names:
            return ()
        return (Price(amount, Interval.MONTH, names),)

    def _provisions(self, form: PoolForm, addresses: int | None) -> Organization:
        limits = form.limit_range or self._shared.limit_range
        suspended = self._shared.suspended_plan
        return Organization(
            quota=form.quota(),
            overhead_per_project=self._shared.system_overhead.quota(),
            burst_ratio=form.burst_ratio,
            container=limits.to_domain() if limits else ContainerLimits(),
            public_ips=addresses,
            object_storage_gb=form.object_storage,
            suspended_quota=suspended.quota() if suspended else self._options.suspended_quota,
        )

    def _say_of_plan(self, key: str, path: Path, form: PoolForm, addresses: int | None) -> None:
        self._say_of_gpu(path, form)
        if key not in self._options.tiers:
            self._told.note(path, "has no tier: nobody who asks for one is let in by this plan")
        if form.ipv4 is not None and form.ipv4 != addresses:
            holds = "nothing bounds them" if addresses is None else f"eipQuota says {addresses}"
            self._told.note((*path, "ipv4"), f"is only shown and not kept; {holds}")

    def _say_of_gpu(self, path: Path, form: SoldForm) -> None:
        if form.gpu:
            self._told.note((*path, "gpu"), _GPU)

    def _form(self, form: type[F], value: object, path: Path) -> F | None:
        try:
            return form.model_validate(value)
        except ValidationError as error:
            self._told.invalid(error, path)
            return None

    def _fits(self, kind: TypeAdapter[V], value: object, path: Path) -> bool:
        try:
            kind.validate_python(value)
        except ValidationError as error:
            self._told.invalid(error, path)
            return False
        return True
