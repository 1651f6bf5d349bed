"""Form-encoded parameters with nested names (`line_items[0][price]=…`, `expand[]=…`) to a tree.

Leaves are strings. Numbered names stay maps with digit keys: only a call's own schema knows
whether `a[0]` is the first of a list or the key "0" of a map.
"""

import re
from urllib.parse import parse_qsl

from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.shapes import JsonObject

NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
PART = re.compile(r"\[([^\[\]]*)\]")
MAX_DEPTH = 10


def decode(encoded: str) -> JsonObject:
    """The tree of an encoded form or query."""
    tree: JsonObject = {}
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, errors="strict", max_num_fields=2000)
    except ValueError as refused:
        raise invalid("Invalid request: the body is not a form in UTF-8.") from refused
    for name, value in pairs:
        _place(tree, _parts(name), value, name)
    return tree


def _parts(name: str) -> list[str]:
    match = NAME.match(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}")
    parts = [match[1], *PART.findall(match[2])]
    if len(parts) > MAX_DEPTH:
        raise invalid(f"Parameter is nested too deeply: {match[1]}", match[1])
    return parts


def _place(tree: JsonObject, parts: list[str], value: str, name: str) -> None:
    node = tree
    for at, part in enumerate(parts[:-1]):
        node = node.setdefault(_key(node, part, parts[at + 1 :]), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid object: {name}", parts[0])
    last = _key(node, parts[-1], [])
    if isinstance(node.get(last), dict):
        raise invalid(f"Invalid object: {name}", parts[0])
    node[last] = value


def _key(node: JsonObject, part: str, rest: list[str]) -> str:
    """The key for a part; `[]` appends, or goes on with the last element if that lacks the name."""
    if part != "":
        return part
    last = str(len(node) - 1)
    open_element = node.get(last)
    if rest and isinstance(open_element, dict) and rest[0] != "" and rest[0] not in open_element:
        return last
    return str(len(node))
