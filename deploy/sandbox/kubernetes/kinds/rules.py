"""What a kind adds to the life of its objects."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.sandbox.kubernetes.core.causes import Cause
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.objects import Obj


def _nothing(_: Obj) -> None:
    """No defaults."""


def _nothing_at_creation(_: Obj, __: Clock) -> None:
    """Nothing is set once."""


def _no_causes(_: Obj) -> Iterable[Cause]:
    return ()


def _no_update_causes(_: Obj, __: Obj) -> Iterable[Cause]:
    return ()


@dataclass(frozen=True, slots=True)
class KindRules:
    """Hooks of one kind; each changes or judges the object it is given.

    `default` runs on every write, `create` once (uid and name are there already, status is empty);
    `validate_update` takes the new object, then the old one.
    """

    default: Callable[[Obj], None] = _nothing
    create: Callable[[Obj, Clock], None] = _nothing_at_creation
    validate: Callable[[Obj], Iterable[Cause]] = _no_causes
    validate_update: Callable[[Obj, Obj], Iterable[Cause]] = _no_update_causes


PLAIN = KindRules()
