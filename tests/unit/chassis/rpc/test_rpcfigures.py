"""RPCs are counted by how they ended, and their durations in buckets that add up."""

from services.chassis.metrics import Metrics

METHOD = "/example.Service/Call"


def test_each_way_of_ending_has_its_own_count() -> None:
    metrics = Metrics()
    for code in ("OK", "OK", "NOT_FOUND"):
        metrics.rpc("internal", METHOD, code, 0.002)
    text = metrics.text().decode()
    labels = f'listener="internal",method="{METHOD}"'
    assert f'tollgate_rpc_handled_total{{code="OK",{labels}}} 2.0' in text
    assert f'tollgate_rpc_handled_total{{code="NOT_FOUND",{labels}}} 1.0' in text


def test_a_duration_counts_in_its_bucket_and_in_all_above() -> None:
    metrics = Metrics()
    for seconds in (0.001, 0.0011, 0.3, 100.0):
        metrics.rpc("public", METHOD, "OK", seconds)
    found = {
        sample.labels.get("le", sample.name): sample.value
        for family in metrics.families()
        for sample in family.samples
        if sample.name.startswith("tollgate_rpc_seconds")
    }
    counts = [found[bound] for bound in ("0.001", "0.0025", "0.25", "0.5", "30.0", "+Inf")]
    assert counts == [1, 2, 2, 3, 3, 4]
    assert found["tollgate_rpc_seconds_count"] == 4
    assert abs(found["tollgate_rpc_seconds_sum"] - 100.3021) < 1e-6
