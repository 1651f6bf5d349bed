"""The planes that a test meets: the real control plane, which not every machine has, the sandbox.

Tests that ask for `kubeconfig` or `api` meet the real one only, and are skipped without one. Tests
that ask for `plane` meet the sandbox always and the real one where there is one.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import programs
from tests.cluster.api import Api
from tests.cluster.clients import Client, find_client
from tests.cluster.left_out import LEFT_OUT
from tests.cluster.sandbox import running_sandbox
from tests.cluster.settings import contract_kubeconfig

_SANDBOX, _REAL = "sandbox", "real"


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The administrator's kubeconfig of the real control plane."""
    found = contract_kubeconfig()
    if found is None:
        pytest.skip("no real control plane is named: `python -m tests.cluster test` starts one")
    return found


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Api:
    """Its API, as its administrator sees it."""
    return Api(kubeconfig)


@pytest.fixture(scope="session")
def sandbox_kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig of a sandbox that runs as `make up` runs it."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as found:
        yield found


@pytest.fixture(params=[_SANDBOX, _REAL])
def plane(request: pytest.FixtureRequest) -> Path:
    """The administrator's kubeconfig of each plane in turn."""
    reason = LEFT_OUT.get(getattr(request.function, "__name__", ""))
    if reason and request.param == _SANDBOX:
        pytest.skip(f"the sandbox leaves it out: {reason}")
    name = "kubeconfig" if request.param == _REAL else "sandbox_kubeconfig"
    found: Path = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="session")
def kubectl_program() -> Path:
    """Where kubectl is."""
    return find_client(programs.KUBECTL)


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """Where helm is."""
    return find_client(programs.HELM)


@pytest.fixture
def kubectl(kubectl_program: Path, plane: Path, tmp_path: Path) -> Iterator[Client]:
    """kubectl in a namespace of this test."""
    client = Client(kubectl_program, plane, tmp_path)
    with client.in_namespace(plane):
        yield client


@pytest.fixture
def helm(helm_program: Path, plane: Path, tmp_path: Path) -> Iterator[Client]:
    """helm in a namespace of this test."""
    client = Client(helm_program, plane, tmp_path)
    with client.in_namespace(plane):
        yield client
