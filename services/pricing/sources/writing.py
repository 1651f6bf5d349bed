"""Writes plain values as YAML that people read: in the given order, small lists on one line."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import yaml

Written: TypeAlias = "str | int | bool | Decimal | Sequence[Written] | Mapping[str, Written]"


class Block(str):
    """A text that is written line by line."""

    __slots__ = ()


def dumped(value: Written) -> str:
    """Return YAML; a Decimal is written as a number, exactly as it is spelled."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=100,
    )
    return text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Write a value that stands twice twice: what is written here is edited by people."""
        return True


def _number(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", f"{value:f}")


def _block(dumper: _Dumper, value: Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style="|")


_Dumper.add_representer(Decimal, _number)
_Dumper.add_representer(Block, _block)
