"""Reads settings from the environment, finds every problem at once, and says each one in words."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_MAX_PORT = 65535
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class StartError(Exception):
    """Why a process cannot start, as one sentence for the person who started it."""


class ConfigError(StartError):
    """The configuration is wrong; the text names each variable and what it should be."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Secret(str):
    """A text that does not show itself when the object that holds it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(hidden)" if self else "Secret(empty)"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable that was asked for, for the help text."""

    name: str
    expected: str
    default: str | None
    doc: str


class _BadValueError(Exception):
    """What is wrong with a value, without the value."""


class Env:
    """One process's view of its environment.

    A variable that is empty counts as missing. A method without ``default`` requires its variable.
    No method raises: problems are collected until ``finish``, and a placeholder is returned.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._problems: dict[str, str] = {}
        self._asked: dict[str, Variable] = {}

    def text(self, name: str, *, default: str | None = None, doc: str = "") -> str:
        """Read any text."""
        return self._read(name, str, "", default, "a text", doc)

    def names(self, name: str, *, default: Sequence[str] = (), doc: str = "") -> tuple[str, ...]:
        """Read words separated by commas."""
        expected = "words separated by commas"
        return self._read(name, _to_names, (), tuple(default), expected, doc)

    def number(
        self,
        name: str,
        *,
        default: int | None = None,
        at_least: int = 0,
        at_most: int = 2**31,
        doc: str = "",
    ) -> int:
        """Read a whole number within bounds, both included."""
        expected = f"a whole number from {at_least} to {at_most}"
        return self._read(name, _to_number(at_least, at_most), at_least, default, expected, doc)

    def seconds(
        self,
        name: str,
        *,
        default: float | None = None,
        at_most: float = 86_400.0,
        doc: str = "",
    ) -> float:
        """Read a duration in seconds, above zero."""
        expected = f"seconds above 0 and up to {at_most:g}, such as 2.5"
        return self._read(name, _to_seconds(at_most), at_most, default, expected, doc)

    def ratio(self, name: str, *, default: float | None = None, doc: str = "") -> float:
        """Read a share between 0 and 1, both included."""
        return self._read(name, _to_ratio, 0.0, default, "a number from 0 to 1", doc)

    def flag(self, name: str, *, default: bool | None = None, doc: str = "") -> bool:
        """Read a yes or no."""
        return self._read(name, _to_flag, False, default, "true or false", doc)

    def choice(
        self, name: str, options: Sequence[str], *, default: str | None = None, doc: str = ""
    ) -> str:
        """Read one of a closed set of words."""
        expected = "one of " + ", ".join(options)
        return self._read(name, _to_choice(options), options[0], default, expected, doc)

    def address(
        self,
        name: str,
        *,
        default: str | None = None,
        example: str = "127.0.0.1:9001",
        doc: str = "",
    ) -> str:
        """Read ``host:port``; an empty default makes it optional, port 0 means a free one."""
        return self._read(name, _to_address, "", default, f"host:port such as {example}", doc)

    def path(self, name: str, *, default: Path | None = None, doc: str = "") -> Path:
        """Read the path of a file that can be read now."""
        expected = "the path of a file that can be read"
        return self._read(name, _to_file, Path(), default, expected, doc)

    def url(
        self,
        name: str,
        *,
        schemes: Sequence[str] = ("http", "https"),
        expected: str = "a URL such as https://example.com",
        default: str | None = None,
        doc: str = "",
    ) -> str:
        """Read a URL with a host. Its text is never shown: URLs carry passwords."""
        parse = _to_url(tuple(schemes))
        return self._read(name, parse, "", default, expected, doc, hidden=True)

    def secret_url(
        self,
        name: str,
        *,
        schemes: Sequence[str],
        expected: str,
        default: str | None = None,
        doc: str = "",
    ) -> Secret:
        """Read a URL that is a secret, from ``NAME`` or from the file that ``NAME_FILE`` names."""
        self._take_file(name)
        return Secret(self.url(name, schemes=schemes, expected=expected, default=default, doc=doc))

    def secret(
        self, name: str, *, default: str | None = None, at_least: int = 1, doc: str = ""
    ) -> Secret:
        """Read a secret of so many characters, from ``NAME`` or from the file of ``NAME_FILE``."""
        self._take_file(name)
        expected = f"a secret of at least {at_least} characters, or {name}_FILE with a path"
        parse = _to_secret(at_least)
        return Secret(self._read(name, parse, "", default, expected, doc, hidden=True))

    def prefixed(self, prefix: str, *, doc: str = "") -> dict[str, str]:
        """Read every variable whose name begins so and that is not empty, by its name."""
        self._asked.setdefault(prefix, Variable(f"{prefix}*", "a text for each", "", doc))
        return {
            name: value.strip()
            for name, value in sorted(self._values.items())
            if name.startswith(prefix) and name != prefix and value.strip()
        }

    def problem(self, name: str, text: str) -> None:
        """Note something wrong that only the reader can see, such as two settings that disagree."""
        self._problems.setdefault(name, f"{name}: {text}")

    def finish(self) -> None:
        """Raise ConfigError with every problem, if there is one."""
        if self._problems:
            raise ConfigError(list(self._problems.values()))

    def describe(self) -> str:
        """Return a help text: a line for each variable that was asked for."""
        return "\n".join(_line(variable) for variable in self._asked.values())

    def _take_file(self, name: str) -> None:
        source = self._values.get(f"{name}_FILE", "")
        if not source or self._values.get(name):
            return
        try:
            content = Path(source).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            self._problems[name] = f'{name}_FILE: "{source}" cannot be read; expected a text file'
            return
        self._values = {**self._values, name: content}

    def _read(
        self,
        name: str,
        parse: Callable[[str], T],
        placeholder: T,
        default: T | None,
        expected: str,
        doc: str,
        *,
        hidden: bool = False,
    ) -> T:
        shown = None if default is None else _shown_default(default, hidden=hidden)
        self._asked.setdefault(name, Variable(name, expected, shown, doc))
        raw = self._values.get(name, "").strip()
        if not raw:
            if default is None:
                self._problems.setdefault(name, f"{name}: missing; expected {expected}")
                return placeholder
            return default
        try:
            return parse(raw)
        except _BadValueError as wrong:
            value = "its value" if hidden else f'"{raw}"'
            text = f"{name}: {value} {wrong}; expected {expected}"
            self._problems.setdefault(name, text)
            return placeholder


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port`` (``[::1]:80`` for IPv6); raise ValueError if it is not one."""
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 host stands in brackets")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise ValueError("not host:port")
    return host, int(port)


def _line(variable: Variable) -> str:
    if variable.default is None:
        need = "required"
    else:
        need = f"default {variable.default}" if variable.default else "optional"
    doc = f"  {variable.doc}" if variable.doc else ""
    return f"{variable.name} ({need}): {variable.expected}{doc}"


def _shown_default(default: object, *, hidden: bool) -> str:
    if hidden and default:
        return "set"
    if isinstance(default, tuple):
        return ",".join(str(item) for item in default)
    return "" if default == Path() else str(default)


def _to_names(raw: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def _to_number(at_least: int, at_most: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        try:
            value = int(raw)
        except ValueError:
            raise _BadValueError("is not a whole number") from None
        if not at_least <= value <= at_most:
            raise _BadValueError("is out of bounds")
        return value

    return parse


def _to_float(raw: str) -> float:
    try:
        return float(raw)
    except ValueError:
        raise _BadValueError("is not a number") from None


def _to_seconds(at_most: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        value = _to_float(raw)
        # Written so that NaN is refused as well.
        if not 0 < value <= at_most:
            raise _BadValueError("is out of bounds")
        return value

    return parse


def _to_ratio(raw: str) -> float:
    value = _to_float(raw)
    if not 0 <= value <= 1:
        raise _BadValueError("is out of bounds")
    return value


def _to_flag(raw: str) -> bool:
    word = raw.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _BadValueError("is neither yes nor no")


def _to_choice(options: Sequence[str]) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in options:
            raise _BadValueError("is none of them")
        return raw

    return parse


def _to_address(raw: str) -> str:
    try:
        split_address(raw)
    except ValueError:
        raise _BadValueError("is not an address") from None
    return raw


def _to_file(raw: str) -> Path:
    path = Path(raw)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise _BadValueError("is not a file that can be read")
    return path


def _to_url(schemes: tuple[str, ...]) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        try:
            parts = urlsplit(raw)
            usable = parts.scheme in schemes and bool(parts.netloc or parts.query)
        except ValueError:
            usable = False
        if not usable:
            raise _BadValueError("is not such a URL")
        return raw

    return parse


def _to_secret(at_least: int) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if len(raw) < at_least:
            raise _BadValueError("is too short")
        return raw

    return parse
