"""Reads YAML into plain values and remembers on which line each key stands.

PyYAML's composer gives the marks; values are read strictly: a number with a point stays text, so
that no amount ever passes through a float, and a key that stands twice is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import yaml

Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"
Path: TypeAlias = tuple[str | int, ...]


class MarkedYaml:
    """A document's plain value and the line of every key and item (from 1).

    ``blocks`` has for every text that is written as a block (``|``) the line of its first line.
    ``wrong`` has what was passed over, by key, where that was asked for.
    """

    def __init__(
        self,
        value: Plain,
        lines: Mapping[Path, int],
        blocks: Mapping[Path, int] | None = None,
        wrong: Mapping[Path, str] | None = None,
    ) -> None:
        self.value = value
        self.blocks = blocks or {}
        self.wrong = wrong or {}
        self._lines = lines

    def line(self, path: Path) -> int:
        """Return the line of the key at ``path``, or of the nearest one that stands above it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


class YamlProblem(Exception):  # noqa: N818 - an answer about a file
    """The text is no YAML that is taken here; ``line`` counts from 1."""

    def __init__(self, line: int, key: str, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.key = key


_MAX_BYTES = 1 << 20
_MAX_NODES = 50_000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about a key of a file; ``line`` counts from 1, 0 is no line at all."""

    source: str
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        if self.line:
            return said(self.source, self.line, self.key, self.what)
        return ": ".join(part for part in (self.source, self.key, self.what) if part)


def read(text: str, first_line: int = 1, *, lenient: bool = False) -> MarkedYaml:
    """Read one document of at most 1 MiB; YamlProblem says what is wrong and where.

    ``first_line`` is where the text begins in its file. ``lenient`` passes over single values that
    are not taken here and keys that stand twice: the document's ``wrong`` has them.
    """
    if len(text.encode()) > _MAX_BYTES:
        raise YamlProblem(first_line, "", "is larger than 1 MiB")
    reader = _Reader(first_line, lenient=lenient)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = reader.plain(node, ()) if node is not None else None
    except RecursionError:
        raise YamlProblem(first_line, "", "is nested too deep") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        raise YamlProblem(first_line + line, "", f"is no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise YamlProblem(first_line, "", f"is no YAML: {error}") from None
    return MarkedYaml(value, reader.lines, reader.blocks, reader.wrong)


class _Reader:
    def __init__(self, first_line: int, *, lenient: bool) -> None:
        self.lines: dict[Path, int] = {}
        self.blocks: dict[Path, int] = {}
        self.wrong: dict[Path, str] = {}
        self._lenient = lenient
        self._first = first_line
        self._seen = 0

    def plain(self, node: yaml.Node, path: Path) -> Plain:
        self.lines.setdefault(path, self._line(node))
        self._seen += 1
        # Aliases of aliases would otherwise unfold into more than any machine holds.
        if self._seen > _MAX_NODES:
            raise YamlProblem(self._line(node), dotted(path), "unfolds into too many values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, i)) for i, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            self._wrong(self._line(node), path, "is no plain value")
            return None
        if node.style == "|":
            self.blocks[path] = self._line(node) + 1
        return self._scalar(node, path)

    def _wrong(self, line: int, path: Path, what: str) -> None:
        if not self._lenient:
            raise YamlProblem(line, dotted(path), what)
        self.wrong.setdefault(path, what)

    def _line(self, node: yaml.Node) -> int:
        return int(node.start_mark.line) + self._first

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Plain]:
        merged: dict[str, Plain] = {}
        own: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            line = self._line(key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merge(value_node, path, line)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._wrong(line, path, "a key must be a plain word")
                continue
            key = key_node.value
            if key in own:
                self._wrong(line, (*path, key), "stands twice")
            self.lines[(*path, key)] = line
            own[key] = self.plain(value_node, (*path, key))
        return merged | own

    def _merge(self, node: yaml.Node, path: Path, line: int) -> dict[str, Plain]:
        value = self.plain(node, path)
        if not isinstance(value, dict):
            self._wrong(line, path, "<<: takes a mapping")
            return {}
        return value

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Plain:
        kind = node.tag.rpartition(":")[2]
        text = str(node.value)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("true", "yes", "on")
        if kind == "int":
            try:
                return int(text.replace("_", ""), 10)
            except ValueError:
                problem = "write whole numbers in decimal, or quote the text"
                self._wrong(self._line(node), path, problem)
                return None
        return text


def dotted(path: Path) -> str:
    """Write a path as people do: ``plans.pro.prices[0].amount``."""
    out = ""
    for step in path:
        out += f"[{step}]" if isinstance(step, int) else (f".{step}" if out else step)
    return out


def said(source: str, line: int, key: str, what: str) -> str:
    """Write a problem as people read it: file, line, key, what."""
    return f"{source}:{line}: {key}: {what}" if key else f"{source}:{line}: {what}"
