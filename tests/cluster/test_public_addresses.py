"""The policy of `deploy/kube-dc` on a real API server: which addresses it refuses, and where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from deploy.sandbox.stack.definitions import KUBE_DC, definitions
from tests.cluster.api import Api, wait_for
from tests.cluster.settings import ROOT

POLICY: Path = ROOT / "deploy" / "kube-dc" / "public-addresses.yaml"
GROUP = "/apis/admissionregistration.k8s.io/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EIPS = "/apis/kube-dc.com/v1/namespaces/{}/eips"
FULL = {"tollgate.dev/public-addresses": "full"}


@pytest.fixture
def place(api: Api) -> Iterator[str]:
    """A namespace in which the policy is in force: it refuses what it is to refuse."""
    for item in definitions(KUBE_DC):
        assert api.call("POST", CRDS, item)[0] in (201, 409)
    made = [path for item in yaml.safe_load_all(POLICY.read_text()) if (path := install(api, item))]
    name = f"org-{uuid4().hex[:8]}"
    body = {"metadata": {"name": name, "labels": FULL}}
    assert api.call("POST", "/api/v1/namespaces", body)[0] == 201
    try:
        wait_for("the policy", lambda: ask(api, name, "public") == 403, lambda: None, 30)
        yield name
    finally:
        api.call("DELETE", f"/api/v1/namespaces/{name}")
        for path in made:
            api.call("DELETE", path)


def install(api: Api, item: dict[str, Any]) -> str:
    """Make what is shipped; return its path."""
    plural = {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}.get(
        item["kind"], "validatingadmissionpolicybindings"
    )
    status, told = api.call("POST", f"{GROUP}/{plural}", item)
    assert status == 201, told
    return f"{GROUP}/{plural}/{item['metadata']['name']}"


def ask(api: Api, place: str, kind: str | None) -> int:
    """Ask for an address; return the status."""
    spec = {} if kind is None else {"externalNetworkType": kind}
    body = {
        "apiVersion": "kube-dc.com/v1",
        "kind": "EIp",
        "metadata": {"generateName": "own-"},
        "spec": spec,
    }
    return api.call("POST", EIPS.format(place), body)[0]


def say(api: Api, place: str, *, full: bool) -> None:
    """Let a namespace say whether it is full."""
    # Controllers of a new namespace label it, too, and HNC refuses to lose a label of its own.
    labels = {key: value if full else None for key, value in FULL.items()}
    status, told = api.call(
        "PATCH", f"/api/v1/namespaces/{place}", {"metadata": {"labels": labels}}
    )
    assert status == 200, told


def test_a_namespace_that_is_full_takes_no_public_address_and_any_other(
    api: Api, place: str
) -> None:
    assert ask(api, place, "public") == 403
    assert ask(api, place, "cloud") == 201
    assert ask(api, place, None) in (201, 422)


def test_once_the_label_is_gone_a_public_address_is_made_again(api: Api, place: str) -> None:
    say(api, place, full=False)

    # The API server's own look at namespaces follows by a moment.
    wait_for("a public address", lambda: ask(api, place, "public") == 201, lambda: None, 15)
    say(api, place, full=True)
    wait_for("the refusal", lambda: ask(api, place, "public") == 403, lambda: None, 15)


def test_what_stands_may_be_changed_and_given_back_while_it_is_full(api: Api, place: str) -> None:
    say(api, place, full=False)
    wait_for("a public address", lambda: ask(api, place, "public") == 201, lambda: None, 15)
    say(api, place, full=True)
    wait_for("the refusal", lambda: ask(api, place, "public") == 403, lambda: None, 15)
    _, found = api.call("GET", EIPS.format(place))
    one = next(item for item in found["items"] if item["spec"]["externalNetworkType"] == "public")
    path = f"{EIPS.format(place)}/{one['metadata']['name']}"
    one["metadata"]["labels"] = {"kept": "yes"}
    assert api.call("PUT", path, one)[0] == 200
    assert api.call("DELETE", path)[0] == 200
