"""The quotas of an organization's namespaces as they stand, and what to write next."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from services.provisioner import exact
from services.provisioner.domain import JsonObject
from services.provisioner.objects import Live, section
from services.provisioner.organization import dividing
from services.provisioner.organization.amounts import Amounts, read
from services.provisioner.organization.dividing import Share
from services.provisioner.organization.manifests import Maker, quota_ref

PROJECT_WEIGHT = 8
OWN_WEIGHT = 1
"""Claims on what is free: an organization's own namespace holds its settings, and seldom pods."""

Parts = Mapping[str, Amounts]
"""Hard limits by namespace, then by resource."""


class Board:
    """One organization's cap, and what stands of it: None is a quota that does not stand yet.

    ``ending`` are namespaces that take nothing new, ``caps`` what quotas of others let a namespace
    use at most.
    """

    def __init__(
        self,
        maker: Maker,
        hard: Amounts,
        quotas: Mapping[str, Live | None],
        ending: frozenset[str] = frozenset(),
        caps: Parts = MappingProxyType({}),
    ) -> None:
        self.maker = maker
        self.hard = hard
        self.quotas = quotas
        self.ending = ending
        self.caps = caps
        found = {
            name: _shares(live, hard, self._weight(name), caps.get(name, {}))
            for name, live in quotas.items()
        }
        self._shares = {
            resource: {name: shares[resource] for name, shares in found.items()}
            for resource in hard
        }

    def with_quotas(self, written: Mapping[str, Live | None]) -> "Board":
        """Return the board after these were written."""
        return self.of({**self.quotas, **written})

    def of(self, quotas: Mapping[str, Live | None]) -> "Board":
        """Return the board with exactly these quotas."""
        return Board(self.maker, self.hard, quotas, self.ending, self.caps)

    def parts(self) -> dict[str, dict[str, int]]:
        """Return what each namespace should get: what it has, if that may stay."""
        return self._by_namespace(self._parts)

    def shrunk(self, parts: Parts) -> dict[str, dict[str, int]]:
        """Return what to write first, of quotas that stand and have to give something up."""
        found = self._by_namespace(
            lambda resource: dividing.shrunk(_of(parts, resource), self._shares[resource])
        )
        return {
            name: amounts
            for name, amounts in found.items()
            if self.quotas[name] is not None and amounts != self._given(name)
        }

    def grown(self, parts: Parts) -> dict[str, dict[str, int]]:
        """Return what may be written once everybody gave up what is too much."""
        return self._by_namespace(
            lambda resource: dividing.grown(
                self.hard[resource], _of(parts, resource), self._shares[resource]
            )
        )

    def holds(self, name: str, amounts: Amounts) -> bool:
        """Tell whether a namespace's quota stands, with exactly these amounts."""
        live = self.quotas[name]
        if live is None or live.deleting:
            return False
        return exact.stands(self.wanted(name, amounts), live.content)

    def grows(self, name: str, amounts: Amounts) -> bool:
        """Tell whether a namespace has less than this by now, of anything."""
        given = self._given(name)
        return any(amount > given[resource] for resource, amount in amounts.items())

    def wanted(self, name: str, amounts: Amounts) -> JsonObject:
        """Return a namespace's quota with these amounts."""
        return self.maker.quota(quota_ref(name), amounts)

    def settled(self) -> bool:
        """Tell whether nothing is to be written."""
        return all(self.holds(name, amounts) for name, amounts in self.parts().items())

    def stands(self) -> bool:
        """Tell whether every quota stands as it was last written, and all within the cap."""
        within = all(
            sum(share.given for share in self._shares[resource].values()) <= cap
            for resource, cap in self.hard.items()
        )
        return within and all(self.holds(name, self._given(name)) for name in self.quotas)

    def _parts(self, resource: str) -> dict[str, int]:
        cap, shares = self.hard[resource], self._shares[resource]
        if dividing.stands(cap, shares):
            return {name: share.given for name, share in shares.items()}
        used = {name: share.used for name, share in shares.items()}
        most = {name: share.most for name, share in shares.items() if share.most is not None}
        return dividing.divide(cap, used, {name: self._weight(name) for name in used}, most)

    def _weight(self, name: str) -> int:
        if name in self.ending:
            return 0
        return OWN_WEIGHT if name == self.maker.stamp.namespace else PROJECT_WEIGHT

    def _given(self, name: str) -> dict[str, int]:
        return {resource: shares[name].given for resource, shares in self._shares.items()}

    def _by_namespace(
        self, amounts_of: Callable[[str], Mapping[str, int]]
    ) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {name: {} for name in self.quotas}
        for resource in self.hard:
            for name, amount in amounts_of(resource).items():
                found[name][resource] = amount
        return found


def _of(parts: Parts, resource: str) -> dict[str, int]:
    return {name: amounts[resource] for name, amounts in parts.items()}


def _shares(live: Live | None, hard: Amounts, weight: int, most: Amounts) -> dict[str, Share]:
    if live is None:
        return {
            resource: Share(given=0, enforced=None, used=0, weight=weight, most=most.get(resource))
            for resource in hard
        }
    given = read(section(live.content, "spec", "hard"))
    enforced = read(section(live.content, "status", "hard"))
    used = read(section(live.content, "status", "used"))
    return {
        resource: Share(
            given.get(resource, 0),
            enforced.get(resource),
            used.get(resource, 0),
            weight,
            most.get(resource),
        )
        for resource in hard
    }
