"""What the cache keeps of an object."""

from services.provisioner.domain import JsonObject
from services.provisioner.kube.slimming import slim
from services.provisioner.objects import Live, ref_of, section


def test_a_kept_object_is_the_same_but_for_who_owns_its_fields() -> None:
    content: JsonObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "a",
            "uid": "1",
            "labels": {"x": "y"},
            "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}],
        },
        "spec": {"containers": [{"name": "c", "ports": [1, 2]}], "on": True, "none": None},
    }
    kept = slim(content)
    assert kept["spec"] == content["spec"]
    assert kept["metadata"] == {"name": "a", "uid": "1", "labels": {"x": "y"}}
    assert "managedFields" in section(content, "metadata")
    assert Live(ref_of(kept), kept).uid == "1"
