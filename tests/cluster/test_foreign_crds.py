"""Kinds that others own, as a control plane serves them: what their schemas take and refuse."""

from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.definitions import established

_HELM = {
    "interval": "5m",
    "chart": {
        "spec": {"chart": "app", "sourceRef": {"kind": "HelmRepository", "name": "charts"}},
    },
}
_UPLOAD = {
    "backupStorageLocation": "default",
    "operationTimeout": "10m",
    "snapshotType": "CSI",
    "sourceNamespace": "shop",
    "sourcePVC": "data",
}
# Kind, definition, version, a spec that is good, and one that is not.
_CASES = [
    ("Backup", "backups.velero.io", "v1", {"ttl": "72h"}, {"includedNamespaces": "all"}),
    (
        "Schedule",
        "schedules.velero.io",
        "v1",
        {"schedule": "0 3 * * *", "template": {"includedNamespaces": ["shop"]}},
        {"template": {}},
    ),
    ("DataUpload", "datauploads.velero.io", "v2alpha1", _UPLOAD, {"snapshotType": "CSI"}),
    ("HelmRelease", "helmreleases.helm.toolkit.fluxcd.io", "v2", _HELM, {"interval": "often"}),
    (
        "HierarchicalResourceQuota",
        "hierarchicalresourcequotas.hnc.x-k8s.io",
        "v1alpha2",
        {"hard": {"requests.cpu": "2"}},
        {"hard": {"requests.cpu": "a lot"}},
    ),
    (
        "HierarchyConfiguration",
        "hierarchyconfigurations.hnc.x-k8s.io",
        "v1alpha2",
        {"allowCascadingDeletion": True},
        {"allowCascadingDeletion": "yes"},
    ),
]


@pytest.mark.parametrize(("kind", "definition", "version", "good", "bad"), _CASES)
def test_a_kind_of_others_takes_what_is_good_and_refuses_what_is_not(
    api: Api, kind: str, definition: str, version: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    if definition not in established(api):
        pytest.skip(f"{definition} is not defined here: `python -m tests.cluster up` makes it")
    plural, group = definition.split(".", 1)
    path = f"/apis/{group}/{version}/namespaces/default/{plural}?dryRun=All"
    # HNC wants this name of a HierarchyConfiguration; the others take any.
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": "hierarchy"}}
    status, made = api.call("POST", path, {**body, "spec": good})
    assert (status, made["kind"]) == (201, kind), made
    status, told = api.call("POST", path, {**body, "spec": bad})
    assert (status, told["reason"]) == (422, "Invalid"), told
