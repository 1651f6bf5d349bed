"""An organization's cap over its projects, kept by the real Hierarchical Namespace Controller."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster.api import Api, wait_for
from tests.cluster.hnc import VALIDATING

_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_HNC = "/apis/hnc.x-k8s.io/v1alpha2/namespaces/{}/{}"
_QUOTAS = "/api/v1/namespaces/{}/resourcequotas"
_PODS = "/api/v1/namespaces/{}/pods"
_CAP = {"requests.cpu": "2", "pods": "10"}
# The name that HNC gives to what it spreads.
_SPREAD = "hrq.hnc.x-k8s.io"


def _until(what: str, check: Callable[[], bool]) -> None:
    wait_for(what, check, lambda: None, 20)


def _cores(quantity: str) -> Decimal:
    """Processors, of a quantity that is whole or in thousandths."""
    return Decimal(quantity.removesuffix("m")) / (1000 if quantity.endswith("m") else 1)


@dataclass(frozen=True)
class Organization:
    """A namespace with a cap, and two projects below it."""

    api: Api
    name: str

    @property
    def projects(self) -> tuple[str, str]:
        """Their namespaces."""
        return f"{self.name}-a", f"{self.name}-b"

    def make(self, cap: Mapping[str, str]) -> None:
        """Make all of it, and wait until every quota is counted."""
        for namespace in (self.name, *self.projects):
            body = {"metadata": {"name": namespace}}
            assert self.api.call("POST", "/api/v1/namespaces", body)[0] == 201
        for project in self.projects:
            # It is refused until HNC has seen both namespaces.
            _until(f"{project}'s place in the tree", lambda name=project: self._place(name))  # type: ignore[misc] # bound now
        status, told = self.cap("plan-quota", cap)
        assert status == 201, told
        _until("The spread of the cap", lambda: all(map(self.hard, (self.name, *self.projects))))

    def _place(self, project: str) -> bool:
        body = {
            "apiVersion": "hnc.x-k8s.io/v1alpha2",
            "kind": "HierarchyConfiguration",
            "metadata": {"name": "hierarchy"},
            "spec": {"parent": self.name},
        }
        path = _HNC.format(project, "hierarchyconfigurations")
        return self.api.call("POST", path, body)[0] in (201, 409)

    def cap(self, name: str, hard: Mapping[str, str]) -> tuple[int, Any]:
        """Ask for a cap over the tree."""
        body = {
            "apiVersion": "hnc.x-k8s.io/v1alpha2",
            "kind": "HierarchicalResourceQuota",
            "metadata": {"name": name},
            "spec": {"hard": hard},
        }
        return self.api.call("POST", _HNC.format(self.name, "hierarchicalresourcequotas"), body)

    def hard(self, namespace: str) -> dict[str, str]:
        """What the quota that HNC made in a namespace allows, once it is counted."""
        status, found = self.api.call("GET", f"{_QUOTAS.format(namespace)}/{_SPREAD}")
        return dict(found.get("status", {}).get("hard", {})) if status == 200 else {}

    def used(self) -> dict[str, str]:
        """What the cap counts over the tree."""
        path = f"{_HNC.format(self.name, 'hierarchicalresourcequotas')}/plan-quota"
        status, found = self.api.call("GET", path)
        return dict(found.get("status", {}).get("used", {})) if status == 200 else {}

    def uses(self, cores: str, pods: str) -> bool:
        """Whether the cap counts exactly that."""
        found = self.used()
        return (_cores(found.get("requests.cpu", "0")), found.get("pods")) == (_cores(cores), pods)

    def pod(self, namespace: str, name: str, cpu: str) -> tuple[int, Any]:
        """Ask for a pod that requests so much."""
        container = {
            "name": "main",
            "image": "registry.example/app:1",
            "resources": {"requests": {"cpu": cpu}},
        }
        body = {"metadata": {"name": name}, "spec": {"containers": [container]}}
        return self.api.call("POST", _PODS.format(namespace), body)


@pytest.fixture
def organization(api: Api) -> Iterator[Organization]:
    """One of this test alone."""
    if api.call("GET", f"{_WEBHOOKS}/{VALIDATING}")[0] != 200:
        pytest.skip("HNC does not run here: `python -m tests.cluster up` builds and starts it")
    made = Organization(api, f"org-{uuid4().hex[:8]}")
    made.make(_CAP)
    yield made
    for namespace in (*made.projects, made.name):
        api.call("DELETE", f"/api/v1/namespaces/{namespace}")


def test_a_cap_stands_as_a_quota_in_every_namespace_of_the_tree(organization: Organization) -> None:
    for namespace in (organization.name, *organization.projects):
        assert organization.hard(namespace) == _CAP
    _, tree = organization.api.call("GET", f"/api/v1/namespaces/{organization.projects[0]}")
    assert tree["metadata"]["labels"][f"{organization.name}.tree.hnc.x-k8s.io/depth"] == "1"


def test_what_all_projects_use_is_counted_together(organization: Organization) -> None:
    one, other = organization.projects
    for namespace, cpu in ((organization.name, "100m"), (one, "800m"), (other, "300m")):
        status, told = organization.pod(namespace, "web", cpu)
        assert status == 201, told
    _until("The count", lambda: organization.uses("1200m", "3"))


def test_a_pod_that_fits_its_project_but_not_the_organization_is_refused(
    organization: Organization,
) -> None:
    one, other = organization.projects
    assert organization.pod(one, "large", "1500m")[0] == 201
    _until("The count", lambda: organization.uses("1500m", "1"))
    status, told = organization.pod(other, "web", "600m")
    assert (status, told.get("reason")) == (403, "Forbidden"), told
    assert "exceeded hierarchical quota" in told["message"]
    assert "plan-quota" in told["message"]
    assert organization.pod(other, "web", "500m")[0] == 201
    assert organization.api.call("DELETE", f"{_PODS.format(one)}/large")[0] == 200
    _until("The room", lambda: organization.pod(other, "second", "600m")[0] == 201)


def test_a_cap_on_what_has_no_quota_is_refused(organization: Organization) -> None:
    status, told = organization.cap("wrong", {"roles": "1"})
    assert status == 422
    assert "must be a standard resource for quota" in told["message"]
