"""JSON patch (RFC 6902); the document is changed in place."""

import re
from collections.abc import Callable
from typing import Any

from deploy.sandbox.kubernetes.core.errors import bad_request, failed_patch_test
from deploy.sandbox.kubernetes.core.objects import Obj, copy_of

_INDEX = re.compile(r"0|[1-9]\d*")


def json_patch(document: Obj, operations: Any) -> Obj:
    """Apply the operations in order; a failed test or a missing path is a 422."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch must be a list of operations")
    for operation in operations:
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise failed_patch_test("unexpected kind of operation")
        document = _OPERATIONS[operation["op"]](document, operation)
    return document


def _pointer(operation: Obj, field: str = "path") -> list[str]:
    text = operation.get(field)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise bad_request(f"the {field} of a JSON patch operation must be a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _value(operation: Obj) -> Any:
    if "value" not in operation:
        raise bad_request("a JSON patch operation lacks its value")
    return copy_of({"value": operation["value"]})["value"]


def _index(items: list[Any], part: str, *, end: bool = False) -> int:
    if part == "-" and end:
        return len(items)
    if not _INDEX.fullmatch(part) or int(part) >= len(items) + end:
        raise failed_patch_test(f"list index {part} is out of range")
    return int(part)


def _read(document: Any, pointer: list[str]) -> Any:
    for part in pointer:
        if isinstance(document, list):
            document = document[_index(document, part)]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        else:
            raise failed_patch_test(f"the path /{'/'.join(pointer)} does not exist")
    return document


def _put(document: Obj, pointer: list[str], value: Any) -> Obj:
    if not pointer:
        return _as_object(value)
    parent = _read(document, pointer[:-1])
    if isinstance(parent, list):
        parent.insert(_index(parent, pointer[-1], end=True), value)
    elif isinstance(parent, dict):
        parent[pointer[-1]] = value
    else:
        raise failed_patch_test(f"the path /{'/'.join(pointer)} does not exist")
    return document


def _as_object(value: Any) -> Obj:
    if not isinstance(value, dict):
        raise bad_request("the patched document must be an object")
    return value


def _take(document: Obj, pointer: list[str]) -> Any:
    if not pointer:
        raise bad_request("the whole document cannot be removed")
    parent = _read(document, pointer[:-1])
    value = _read(parent, pointer[-1:])
    if isinstance(parent, list):
        del parent[int(pointer[-1])]
    else:
        del parent[pointer[-1]]
    return value


def _add(document: Obj, operation: Obj) -> Obj:
    return _put(document, _pointer(operation), _value(operation))


def _remove(document: Obj, operation: Obj) -> Obj:
    _take(document, _pointer(operation))
    return document


def _replace(document: Obj, operation: Obj) -> Obj:
    pointer = _pointer(operation)
    if not pointer:
        return _as_object(_value(operation))
    parent = _read(document, pointer[:-1])
    if isinstance(parent, dict):
        # Against the RFC, the real server adds a member that is not there.
        return _put(document, pointer, _value(operation))
    _read(parent, pointer[-1:])
    parent[int(pointer[-1])] = _value(operation)
    return document


def _move(document: Obj, operation: Obj) -> Obj:
    source, target = _pointer(operation, "from"), _pointer(operation)
    if target[: len(source)] == source and target != source:
        raise bad_request("a JSON patch cannot move a value into itself")
    return _put(document, target, _take(document, source))


def _copy(document: Obj, operation: Obj) -> Obj:
    value = copy_of({"value": _read(document, _pointer(operation, "from"))})["value"]
    return _put(document, _pointer(operation), value)


def _test(document: Obj, operation: Obj) -> Obj:
    pointer = _pointer(operation)
    if not _same(_read(document, pointer), _value(operation)):
        raise failed_patch_test(f"testing value /{'/'.join(pointer)} failed")
    return document


def _same(left: Any, right: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


_OPERATIONS: dict[str, Callable[[Obj, Obj], Obj]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
