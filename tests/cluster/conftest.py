"""The real control plane that a test meets; without one, its tests are skipped."""

from pathlib import Path

import pytest

from tests.cluster.api import Api
from tests.cluster.settings import contract_kubeconfig


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The administrator's kubeconfig of the control plane."""
    found = contract_kubeconfig()
    if found is None:
        pytest.skip("no real control plane is named: `python -m tests.cluster test` starts one")
    return found


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Api:
    """Its API, as its administrator sees it."""
    return Api(kubeconfig)
