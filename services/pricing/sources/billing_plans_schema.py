"""The form of Kube-DC's ``plans.yaml``: its keys, and the way from each to our quantities."""

import re
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from services.chassis import quantities
from services.chassis.money import exponent
from services.pricing.capacity import ContainerLimits
from services.pricing.catalog_schema import Id, quantity
from services.pricing.sources.reading import Foreign


def _number(what: str, value: object) -> str:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,15}(\.\d{1,9})?", str(value)):
        raise ValueError(f"expected {what}")
    return str(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,9}", str(value)):
        raise ValueError("expected a whole number of 0 or more")
    return int(str(value))


def _ratio(value: object) -> str:
    text = _number("a ratio such as 1.0", value)
    if not re.fullmatch(r"\d{1,3}(\.\d{1,4})?", text) or not quantities.parse(text):
        raise ValueError("expected a ratio above 0, at most 999, such as 1.0")
    return text


def _currency(value: object) -> str:
    code = str(value).lower()
    exponent(code)
    return code


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]
Cpu = Annotated[str, BeforeValidator(partial(quantity, "cpu"))]
Memory = Annotated[str, BeforeValidator(partial(quantity, "memory"))]
Storage = Annotated[str, BeforeValidator(partial(quantity, "storage"))]
Count = Annotated[int, BeforeValidator(_count)]
Amount = Annotated[str, BeforeValidator(partial(_number, "an amount such as 19 or 19.50"))]
Ratio = Annotated[str, BeforeValidator(_ratio)]
Currency = Annotated[str, BeforeValidator(_currency)]


class Camel(Foreign):
    """Keys are written in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class StripeForm(Camel):
    """What Stripe calls it."""

    price_id: str = ""


class WhmcsForm(Camel):
    """What WHMCS calls it."""

    configurable_option_name: str = ""


class ProvidersForm(Camel):
    """What the payment providers call it."""

    stripe: StripeForm = StripeForm()
    whmcs: WhmcsForm = WhmcsForm()

    def names(self) -> dict[str, str]:
        """Return provider to name, for those that have one."""
        known = {"stripe": self.stripe.price_id, "whmcs": self.whmcs.configurable_option_name}
        return {provider: name for provider, name in known.items() if name}


class LimitRangeForm(Foreign):
    """Defaults and bounds of containers, pods and volume claims."""

    default_cpu: Cpu | None = Field(default=None, alias="defaultCPU")
    default_memory: Memory | None = Field(default=None, alias="defaultMemory")
    default_request_cpu: Cpu | None = Field(default=None, alias="defaultRequestCPU")
    default_request_memory: Memory | None = Field(default=None, alias="defaultRequestMem")
    max_cpu: Cpu | None = Field(default=None, alias="maxCPU")
    max_memory: Memory | None = Field(default=None, alias="maxMemory")
    min_cpu: Cpu | None = Field(default=None, alias="minCPU")
    min_memory: Memory | None = Field(default=None, alias="minMemory")
    max_pod_cpu: Cpu | None = Field(default=None, alias="maxPodCPU")
    max_pod_memory: Memory | None = Field(default=None, alias="maxPodMemory")
    max_pvc_storage: Storage | None = Field(default=None, alias="maxPVCStorage")
    min_pvc_storage: Storage | None = Field(default=None, alias="minPVCStorage")

    def to_domain(self) -> ContainerLimits:
        """Return the limits."""
        return ContainerLimits(
            default_limits=given(cpu=self.default_cpu, memory=self.default_memory),
            default_requests=given(
                cpu=self.default_request_cpu, memory=self.default_request_memory
            ),
            max=given(cpu=self.max_cpu, memory=self.max_memory),
            min=given(cpu=self.min_cpu, memory=self.min_memory),
            max_pod=given(cpu=self.max_pod_cpu, memory=self.max_pod_memory),
            max_volume_claim=given(storage=self.max_pvc_storage),
            min_volume_claim=given(storage=self.min_pvc_storage),
        )


class RequestsForm(Camel):
    """What an organization may ask for over all of its projects."""

    cpu: Cpu
    memory: Memory
    storage: Storage | None = None


class SoldForm(Camel):
    """What plans and add-ons have in common."""

    display_name: str = ""
    description: str = ""
    price: Amount
    currency: Currency = "eur"
    self_service: bool = True
    gpu: dict[str, object] = Field(default_factory=dict)
    providers: ProvidersForm = ProvidersForm()


class PoolForm(SoldForm):
    """A plan; ``ipv4`` is only shown, what holds is ``eipQuota``."""

    recommended: bool = False
    object_storage: Count = 0
    ipv4: Count | None = None
    features: list[Text] = Field(default_factory=list)
    requests: RequestsForm
    pods: Count | None = None
    services_lb: Count | None = Field(default=None, alias="servicesLB")
    burst_ratio: Ratio = "1.0"
    limit_range: LimitRangeForm | None = None

    def quota(self) -> dict[str, str]:
        """Return the quota over all projects."""
        asked = self.requests
        balancers = None if self.services_lb is None else str(self.services_lb)
        return given(
            cpu=asked.cpu,
            memory=asked.memory,
            storage=asked.storage,
            pods=None if self.pods is None else str(self.pods),
        ) | ({} if balancers is None else {"services.loadbalancers": balancers})


class TurboForm(SoldForm):
    """An add-on: what one unit of it adds to the quota."""

    cpu: Cpu | None = None
    memory: Memory | None = None
    storage: Storage | None = None
    disabled: bool = False


class SuspendedForm(Camel):
    """What is left to an organization that is suspended; storage never is."""

    cpu: Cpu
    memory: Memory
    pods: Count
    services_lb: Count = Field(alias="servicesLB")

    def quota(self) -> dict[str, str]:
        """Return the quota while suspended."""
        return {
            "cpu": self.cpu,
            "memory": self.memory,
            "storage": "0",
            "pods": str(self.pods),
            "services.loadbalancers": str(self.services_lb),
        }


class OverheadForm(Camel):
    """What each project adds to the quota for the system's own pods: millicores and MiB."""

    cpu_per_project: Count = 0
    mem_per_project: Count = 0

    def quota(self) -> dict[str, str]:
        """Return what one project adds."""
        cpu = f"{self.cpu_per_project}m" if self.cpu_per_project else None
        return given(cpu=cpu, memory=f"{self.mem_per_project}Mi" if self.mem_per_project else None)


class SharedForm(Camel):
    """What all plans have in common; plans and add-ons are judged one by one."""

    plans: dict[str, object] = Field(min_length=1)
    addons: dict[str, object] = Field(default_factory=dict)
    limit_range: LimitRangeForm | None = None
    suspended_plan: SuspendedForm | None = None
    system_overhead: OverheadForm = OverheadForm()
    eip_quota: dict[str, object] = Field(default_factory=dict)


AN_ID: TypeAdapter[str] = TypeAdapter(Id)
A_COUNT: TypeAdapter[int] = TypeAdapter(Count)


def given(**values: str | None) -> dict[str, str]:
    """Return the values that are there."""
    return {name: value for name, value in values.items() if value is not None}
