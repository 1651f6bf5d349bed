"""Who does what, and under which key: what the audit record, alerts and idempotency rows hold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and in which trace; for the audit record."""

    name: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit record."""

    actor: Actor
    action: str
    object: str
    reason: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person has to look at; logged at error level."""

    reason: str
    object: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OnceScope:
    """Whose idempotency key it is, and the digest of what was asked under it.

    ``account`` is empty where the RPC makes one.
    """

    actor: str
    rpc: str
    key: str
    request_hash: bytes
    account: str = ""
