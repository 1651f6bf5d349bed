"""NetworkPolicies: the fence of a namespace must not be one that says nothing."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from deploy.sandbox.kubernetes.core.causes import Cause, invalid, required, unsupported
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.kinds.rules import KindRules

_TYPES = ["Ingress", "Egress"]
_PEERS = {"ingress": "from", "egress": "to"}
_PROTOCOLS = ["SCTP", "TCP", "UDP"]


def _default(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    spec.setdefault("policyTypes", _TYPES if spec.get("egress") else ["Ingress"])
    for rule in (spec.get("ingress") or []) + (spec.get("egress") or []):
        for port in rule.get("ports") or []:
            port.setdefault("protocol", "TCP")


def _check(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    for index, kind in enumerate(spec["policyTypes"]):
        if kind not in _TYPES:
            yield unsupported(f"spec.policyTypes[{index}]", kind, _TYPES)
    for direction, peers in _PEERS.items():
        for index, rule in enumerate(spec.get(direction) or []):
            field = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports") or []):
                yield from _check_port(port, f"{field}.ports[{number}]")
            for number, peer in enumerate(rule.get(peers) or []):
                yield from _check_peer(peer, f"{field}.{peers}[{number}]")


def _check_port(port: Obj, field: str) -> Iterator[Cause]:
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported(f"{field}.protocol", port["protocol"], _PROTOCOLS)
    number = port.get("port")
    if isinstance(number, int) and not 0 < number < 65536:
        yield invalid(f"{field}.port", number, "must be between 1 and 65535, inclusive")


def _check_peer(peer: Obj, field: str) -> Iterator[Cause]:
    block = peer.get("ipBlock")
    if not peer:
        yield required(field, "must specify a peer")
    elif block and not _is_network(block.get("cidr")):
        why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
        yield invalid(f"{field}.ipBlock.cidr", block.get("cidr"), why)


def _is_network(text: Any) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


NETWORK_POLICIES = KindRules(_default, validate=_check)
