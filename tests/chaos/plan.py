"""What a run does and when: values only. `drawing` makes one from a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SERVICES = ("gateway", "pricing", "payments", "subscription", "provisioner")
VICTIMS = (*SERVICES, "postgres", "kubernetes")


class Channel(StrEnum):
    """By which way a purchase is made."""

    SHOP = "shop"
    """A foreign shop makes the checkout session at the provider."""
    GATEWAY = "gateway"
    """An organization buys over REST; Tollgate makes the session."""


class Outcome(StrEnum):
    """What becomes of a purchase."""

    PAID = "paid"
    DECLINED = "declined"
    DECLINED_FIRST = "declined first, then paid"
    ABANDONED = "never paid"
    EXPIRED = "page shut unpaid"
    CANCELED = "paid, then canceled"
    TWICE = "paid twice"
    ENDED = "paid, canceled and deleted"
    RETURNED = "deleted, then paid again"
    CHANGED = "paid, then changed to another plan"


class Standing(StrEnum):
    """What an account has to hold at the end."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    GONE = "gone"
    NOTHING = "nothing"


STANDINGS: Mapping[Outcome, Standing] = {
    Outcome.PAID: Standing.RUNNING,
    Outcome.DECLINED: Standing.NOTHING,
    Outcome.DECLINED_FIRST: Standing.RUNNING,
    Outcome.ABANDONED: Standing.NOTHING,
    Outcome.EXPIRED: Standing.NOTHING,
    Outcome.CANCELED: Standing.SUSPENDED,
    Outcome.TWICE: Standing.RUNNING,
    Outcome.ENDED: Standing.GONE,
    Outcome.RETURNED: Standing.RUNNING,
    Outcome.CHANGED: Standing.RUNNING,
}


@dataclass(frozen=True, slots=True)
class Purchase:
    """One payment of the plan. Times are in seconds: ``opens`` since the storm began, the others
    since the step before.

    ``withheld`` says that some events about it are kept back until the storm is over. ``later`` is
    the plan that a change leads to.
    """

    number: int
    channel: Channel
    plan: str
    outcome: Outcome
    opens: float
    pays: float
    acts: float
    withheld: bool = False
    yearly: bool = False
    addons: tuple[str, ...] = ()
    later: str = ""

    @property
    def name(self) -> str:
        """The customer's name, and an organization's."""
        return f"chaos-{self.number}"

    @property
    def standing(self) -> Standing:
        """What has to stand for it at the end."""
        return STANDINGS[self.outcome]

    @property
    def final_plan(self) -> str:
        """The plan that is in force at the end, if one is."""
        return self.later if self.outcome is Outcome.CHANGED else self.plan


class Blow(StrEnum):
    """What is done to the stack."""

    KILL = "kill"
    RESTART = "restart"
    PAUSE = "pause"
    CLUSTER_FAULT = "cluster fault"
    DROP_WATCHES = "watches dropped"
    PROVIDER_FAULT = "provider fault"


@dataclass(frozen=True, slots=True)
class Strike:
    """One blow, ``at`` seconds after the storm began; ``seconds`` is how long a pause lasts."""

    at: float
    blow: Blow
    target: str
    seconds: float = 0.0
    details: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        told = " ".join(f"{name}={value}" for name, value in self.details.items())
        return f"{self.blow.value} {self.target}{lasting} {told}".rstrip()


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run; ``seconds`` is how long the storm lasts."""

    seed: int
    seconds: float
    purchases: tuple[Purchase, ...]
    strikes: tuple[Strike, ...]

    def strikes_of(self, blow: Blow) -> list[Strike]:
        """Return the strikes of one kind."""
        return [strike for strike in self.strikes if strike.blow is blow]
