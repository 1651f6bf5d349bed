"""Namespaces, services, secrets, config maps and the other small kinds."""

import base64
import binascii
import ipaddress
from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, forbidden, invalid, required
from deploy.sandbox.kubernetes.core.clock import Clock
from deploy.sandbox.kubernetes.core.errors import bad_request
from deploy.sandbox.kubernetes.core.objects import Obj, dig, meta, name_of, uid_of
from deploy.sandbox.kubernetes.kinds.amounts import canonicalise
from deploy.sandbox.kubernetes.kinds.rules import KindRules

_SERVICE_NETWORK = ipaddress.IPv4Network("10.96.0.0/12")


def _default_namespace(obj: Obj) -> None:
    if name_of(obj):
        meta(obj).setdefault("labels", {})["kubernetes.io/metadata.name"] = name_of(obj)


def _create_namespace(obj: Obj, _: Clock) -> None:
    obj["spec"] = {"finalizers": ["kubernetes"]}
    obj["status"] = {"phase": "Active"}


def _default_service(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _create_service(obj: Obj, _: Clock) -> None:
    spec = obj["spec"]
    if spec["type"] != "ExternalName":
        offset = int(uid_of(obj).replace("-", ""), 16) % (_SERVICE_NETWORK.num_addresses - 2)
        spec.setdefault("clusterIP", str(_SERVICE_NETWORK[offset + 1]))
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
    obj["status"] = {"loadBalancer": {}}


def _check_service(obj: Obj) -> Iterator[Cause]:
    spec = obj["spec"]
    headless = spec.get("clusterIP") == "None" or spec["type"] == "ExternalName"
    ports = spec.get("ports") or []
    if not ports and not headless:
        yield required("spec.ports")
    for index, port in enumerate(ports):
        number = port.get("port")
        if not isinstance(number, int) or not 0 < number < 65536:
            why = "must be between 1 and 65535, inclusive"
            yield invalid(f"spec.ports[{index}].port", number, why)
        if len(ports) > 1 and not port.get("name"):
            yield required(f"spec.ports[{index}].name")


def _check_service_update(new: Obj, old: Obj) -> Iterator[Cause]:
    before = old["spec"].get("clusterIP")
    if before and new["spec"].get("clusterIP") != before:
        given = [new["spec"].get("clusterIP")]
        yield invalid("spec.clusterIPs[0]", given, "may not change once set")


def _default_secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None) or {}
    if plain:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    for value in (obj.get("data") or {}).values():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise bad_request("Secret in version v1 cannot be handled: illegal base64") from error


def _check_immutable_data(new: Obj, old: Obj) -> Iterator[Cause]:
    if not old.get("immutable"):
        return
    why = "field is immutable when `immutable` is set"
    if not new.get("immutable"):
        yield forbidden("immutable", why)
    for field in ("data", "binaryData"):
        if new.get(field) != old.get(field):
            yield forbidden(field, why)


def _check_secret_update(new: Obj, old: Obj) -> Iterator[Cause]:
    if new.get("type") != old.get("type"):
        yield invalid("type", new.get("type"), "field is immutable")
    yield from _check_immutable_data(new, old)


def _check_config_map(obj: Obj) -> Iterator[Cause]:
    for key, value in (obj.get("data") or {}).items():
        if not isinstance(value, str):
            raise bad_request(
                f"ConfigMap in version v1 cannot be handled: data.{key}: not a string"
            )
        if not key or len(key) > 253 or "/" in key:
            yield invalid(f"data[{key}]", key, "a valid config key must consist of letters")


def _default_claim(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")
    canonicalise(spec.setdefault("resources", {}), "requests", "limits")


def _create_claim(obj: Obj, _: Clock) -> None:
    obj["status"] = {"phase": "Pending"}


def _check_claim(obj: Obj) -> Iterator[Cause]:
    if not obj["spec"].get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if not dig(obj, "spec", "resources", "requests", "storage"):
        yield required("spec.resources[storage]")


def _check_ingress(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield required("spec", "either `defaultBackend` or `rules` must be specified")
    for index, rule in enumerate(spec.get("rules") or []):
        for number, path in enumerate(dig(rule, "http", "paths", default=[])):
            if not path.get("pathType"):
                yield required(f"spec.rules[{index}].http.paths[{number}].pathType")


NAMESPACES = KindRules(_default_namespace, _create_namespace)
SERVICES = KindRules(_default_service, _create_service, _check_service, _check_service_update)
SECRETS = KindRules(_default_secret, validate_update=_check_secret_update)
CONFIG_MAPS = KindRules(validate=_check_config_map, validate_update=_check_immutable_data)
CLAIMS = KindRules(_default_claim, _create_claim, _check_claim)
INGRESSES = KindRules(validate=_check_ingress)
