"""Who calls: bearer tokens from a static table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

ADMIN_GROUP = "system:masters"
AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    """A caller; `groups` always holds `system:authenticated`."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether everything is allowed."""
        return ADMIN_GROUP in self.groups


# The server's own hand: controllers and bootstrap.
SYSTEM = User("system:kube-controller-manager", (ADMIN_GROUP, AUTHENTICATED))

Tokens = Mapping[str, User]


def user(name: str, *groups: str) -> User:
    """An authenticated user."""
    return User(name, tuple(dict.fromkeys((*groups, AUTHENTICATED))))


def load_tokens(path: Path) -> Tokens:
    """Read `{"<token>": {"user": "...", "groups": ["..."]}}`; else raises ValueError."""
    table = orjson.loads(path.read_bytes())
    if not isinstance(table, dict):
        raise ValueError(f"{path} must hold one JSON object")
    found: dict[str, User] = {}
    for token, entry in table.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("user"), str):
            raise ValueError(f"{path}: every token needs a `user`")
        found[token] = user(entry["user"], *entry.get("groups", []))
    return found
