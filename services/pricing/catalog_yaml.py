"""Reads YAML into plain values and remembers on which line each key stands.

PyYAML's composer gives the marks; values are read strictly: a number with a point stays text, so
that no amount ever passes through a float, and a key that stands twice is an error.
"""

from collections.abc import Mapping
from typing import TypeAlias

import yaml

Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"
Path: TypeAlias = tuple[str | int, ...]


class MarkedYaml:
    """A document's plain value and the line of every key and item (from 1)."""

    def __init__(self, value: Plain, lines: Mapping[Path, int]) -> None:
        self.value = value
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


def read(text: str) -> MarkedYaml:
    """Read one document of at most 1 MiB; YamlProblem says what is wrong and where."""
    if len(text.encode()) > _MAX_BYTES:
        raise YamlProblem(1, "", "is larger than 1 MiB")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlProblem(line, "", f"is no YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise YamlProblem(1, "", f"is no YAML: {error}") from None
    reader = _Reader()
    value = reader.plain(node, ()) if node is not None else None
    return MarkedYaml(value, reader.lines)


class _Reader:
    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._seen = 0

    def plain(self, node: yaml.Node, path: Path) -> Plain:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._seen += 1
        # Aliases of aliases would otherwise unfold into more than any machine holds.
        if self._seen > _MAX_NODES:
            line = node.start_mark.line + 1
            raise YamlProblem(line, dotted(path), "unfolds into too many values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*path, i)) for i, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode):
            raise YamlProblem(node.start_mark.line + 1, dotted(path), "is no plain value")
        return _scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Plain]:
        merged: dict[str, Plain] = {}
        own: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged |= self._merge(value_node, path, line)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlProblem(line, dotted(path), "a key must be a plain word")
            key = key_node.value
            if key in own:
                raise YamlProblem(line, dotted((*path, key)), "stands twice")
            self.lines[(*path, key)] = line
            own[key] = self.plain(value_node, (*path, key))
        return merged | own

    def _merge(self, node: yaml.Node, path: Path, line: int) -> dict[str, Plain]:
        value = self.plain(node, path)
        if not isinstance(value, dict):
            raise YamlProblem(line, dotted(path), "<<: takes a mapping")
        return value


def _scalar(node: yaml.ScalarNode, path: Path) -> Plain:
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
            raise YamlProblem(node.start_mark.line + 1, dotted(path), problem) from None
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
