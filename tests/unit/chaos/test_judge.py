"""The judge finds each thing that may be wrong, and nothing where nothing is."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.judge import fingerprint
from tests.chaos.judging.pipes import own_deaths
from tests.chaos.plan import Outcome
from tests.unit.chaos.scene import NAMESPACE, Scene

Break = Callable[[Scene], None]


def test_nothing_is_found_where_everything_is_as_it_was_paid() -> None:
    assert Scene().findings() == []


def _first(scene: Scene, table: str) -> dict[str, Any]:
    return scene.rows[table][0]


def _no_account(scene: Scene) -> None:
    scene.rows["subscription.customers"][0]["account"] = None


def _two_accounts(scene: Scene) -> None:
    scene.rows["subscription.customers"].append({"account": "acc_9", "customer_id": "cus_1"})


def _account_of_nothing(scene: Scene) -> None:
    scene.rows["subscription.customers"].append({"account": "acc_9", "customer_id": "cus_3"})


def _not_played(scene: Scene) -> None:
    scene.deeds[0].problem = "Refused"


def _not_billed(scene: Scene) -> None:
    scene.provider["subscriptions"][0]["status"] = "canceled"


def _payment_lost(scene: Scene) -> None:
    del scene.rows["subscription.purchases"][0]


def _refund_due(scene: Scene) -> None:
    _first(scene, "subscription.purchases")["status"] = "REFUND_DUE"


def _invoice_lost(scene: Scene) -> None:
    del scene.rows["subscription.invoices"][0]


def _refund_for_nothing(scene: Scene) -> None:
    scene.provider["refunds"].append({"id": "re_1", "charge": "ch_1", "amount": 4900})


def _second_customer(scene: Scene) -> None:
    scene.provider["customers"].append({"id": "cus_9", "metadata": {"tollgate_account": "acc_2"}})


def _no_order(scene: Scene) -> None:
    del scene.rows["subscription.orders"][0]


def _older_order(scene: Scene) -> None:
    _first(scene, "provisioner.tenants")["generation"] = 3


def _not_ready(scene: Scene) -> None:
    _first(scene, "provisioner.tenants")["phase"] = "PROGRESSING"


def _not_heard(scene: Scene) -> None:
    _first(scene, "subscription.observations")["phase"] = "Progressing"


def _no_namespace(scene: Scene) -> None:
    scene.objects["Namespace"] = []


def _second_namespace(scene: Scene) -> None:
    labels = {"tollgate.dev/account": "acc_1"}
    metadata = {"name": "customer-2", "uid": "uid-2", "labels": labels}
    scene.objects["Namespace"].append({"metadata": metadata})


def _orphan(scene: Scene) -> None:
    labels = {"tollgate.dev/account": "acc_9"}
    metadata = {"name": "customer-9", "uid": "uid-9", "labels": labels}
    scene.objects["Namespace"].append({"metadata": metadata})


def _another_uid(scene: Scene) -> None:
    scene.objects["Namespace"][0]["metadata"]["uid"] = "uid-9"


def _no_fence(scene: Scene) -> None:
    del scene.objects["NetworkPolicy"][0]


def _smaller_quota(scene: Scene) -> None:
    scene.objects["ResourceQuota"][0]["spec"]["hard"]["pods"] = "5"


def _old_stamp(scene: Scene) -> None:
    annotations = scene.objects["LimitRange"][0]["metadata"]["annotations"]
    annotations["tollgate.dev/generation"] = "3"


def _somebody_else_enters(scene: Scene) -> None:
    scene.objects["RoleBinding"][0]["subjects"] = [{"kind": "User", "name": "eve"}]


def _no_pods(scene: Scene) -> None:
    scene.objects["Deployment"][0]["spec"]["replicas"] = 0


def _too_much_quota(scene: Scene) -> None:
    scene.objects["ResourceQuota"][1]["spec"]["hard"]["requests.cpu"] = "3"


def _other_annotations(scene: Scene) -> None:
    scene.objects["Organization"][0]["metadata"]["annotations"] = {}


def _granted_twice(scene: Scene) -> None:
    entry = _first(scene, "subscription.credit_entries")
    scene.rows["subscription.credit_entries"].append({**entry, "name": "ent_2", "sequence": 2})


def _pool_told_wrong(scene: Scene) -> None:
    _first(scene, "subscription.credit_pools")["posted"] = 4999


def _grant_of_nobody(scene: Scene) -> None:
    entry = _first(scene, "subscription.credit_entries")
    scene.rows["subscription.credit_entries"].append({**entry, "account": "acc_9"})


def _outbox_full(scene: Scene) -> None:
    fact = {"type": "CheckoutPaid", "fact_id": "fct_1", "destination": "x", "last_error": "away"}
    scene.rows["payments.outbox"] = [fact]


def _dead_letter(scene: Scene) -> None:
    scene.rows["payments.dead_letters"] = [{"type": "T", "fact_id": "fct_1", "reason": "no"}]


def _parked(scene: Scene) -> None:
    fact = {"type": "T", "fact_id": "fct_1", "waiting_for": "customer", "reason": "unknown"}
    scene.rows["subscription.inbox_parked"] = [fact]


def _failing_key(scene: Scene) -> None:
    key = {"queue": "tenants", "key": "ten_1", "failures": 3, "last_error": "no"}
    scene.rows["provisioner.reconcile_queue"] = [key]


def _event_lost(scene: Scene) -> None:
    scene.told = frozenset({"evt_1", "evt_2"})


def _event_pending(scene: Scene) -> None:
    _first(scene, "payments.events")["state"] = "FAILED"


def _operation_open(scene: Scene) -> None:
    _first(scene, "payments.operations")["state"] = "STARTED"


def _memory(scene: Scene) -> None:
    scene.resident["gateway"] = 900_000


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (_no_account, "chaos-1: paid and has no account"),
        (_two_accounts, "chaos-1: has several accounts"),
        (_account_of_nothing, "chaos-3: never paid and has the account acc_9"),
        (_not_played, "chaos-1: could not be played to its end"),
        (_not_billed, "chaos-1: the provider bills 0 subscriptions instead of 1"),
        (_payment_lost, "chaos-1: paid ['cs_1'], known are []"),
        (_refund_due, "chaos-1: its payments are ['refund due']"),
        (_invoice_lost, "chaos-1: paid the invoices"),
        (_refund_for_nothing, "chaos-1: was given back [4900], not []"),
        (_second_customer, "chaos-2: there are 2 customers for it"),
        (_no_order, "chaos-1: incarnations ordered [], made [1]"),
        (_older_order, "chaos-1: ordered is (1, 4, 'RUNNING'), the provisioner holds"),
        (_not_ready, "chaos-1: ordered is (1, 4, 'RUNNING'), done is"),
        (_not_heard, "chaos-1: done is (4, 'READY'), subscription heard"),
        (_no_namespace, "chaos-1: has 1 live tenants and the namespaces []"),
        (_second_namespace, "chaos-1: has 1 live tenants and the namespaces ['customer-1',"),
        (_orphan, "everything: the namespace customer-9 stands for nobody"),
        (_another_uid, "('customer-1', 'uid-9') stands"),
        (_no_fence, f"chaos-1: {NAMESPACE}: NetworkPolicys are"),
        (_smaller_quota, f"chaos-1: {NAMESPACE}: the quota is"),
        (_old_stamp, f"chaos-1: {NAMESPACE}: LimitRange tollgate-limits is of order"),
        (_somebody_else_enters, f"chaos-1: {NAMESPACE}: [('User', 'eve')] may enter"),
        (_no_pods, f"chaos-1: {NAMESPACE}: the workload has 0 replicas"),
        (_too_much_quota, "chaos-2: its quota allows requests.cpu 9"),
        (_other_annotations, "chaos-2: paid for kube-dc/pro-pool and says None"),
        (_granted_twice, "chaos-1: was granted [5000, 5000]"),
        (_pool_told_wrong, "acc_1/sessions is told as 4999, its entries make 5000"),
        (_grant_of_nobody, "acc_9 has credits of sessions that no purchase is for"),
        (_outbox_full, "the outbox of payments still has CheckoutPaid"),
        (_dead_letter, "payments gave up T fct_1"),
        (_parked, "subscription has parked T fct_1"),
        (_failing_key, "provisioner fails with tenants ten_1"),
        (_event_lost, "the event evt_2 was answered and is not stored"),
        (_event_pending, "1 events are FAILED"),
        (_operation_open, "operations are not settled: op_1"),
        (_memory, "gateway holds 900000 kB"),
    ],
)
def test_what_is_broken_is_found(breaks: Break, words: str) -> None:
    scene = Scene()
    breaks(scene)
    assert any(words in finding for finding in scene.findings()), scene.findings()


def test_a_namespace_that_is_still_in_use_after_the_subscription_ended_is_found() -> None:
    scene = Scene()
    scene.play(Outcome.CANCELED)
    _not_billed(scene)
    assert "chaos-1: is suspended and ordered RUNNING" in scene.findings()


def test_what_was_paid_twice_has_to_be_given_back_once() -> None:
    scene = Scene()
    scene.play(Outcome.TWICE)
    assert "chaos-1: was given back [], not [4900]" in scene.findings()
    _refund_for_nothing(scene)
    assert "chaos-1: was given back [], not [4900]" not in scene.findings()
    _refund_for_nothing(scene)
    assert "chaos-1: was given back [4900, 4900], not [4900]" in scene.findings()


def test_who_died_more_often_than_it_was_killed_died_by_itself() -> None:
    found = own_deaths(
        {"provisioner": 3, "gateway": 1, "postgres": 2}, {"provisioner": 1, "gateway": 1}
    )
    assert [finding.what for finding in found] == ["provisioner died 3 times and was killed 1"]


def test_a_namespace_that_was_made_anew_changes_the_fingerprint() -> None:
    scene = Scene()
    before = fingerprint(scene.evidence)
    scene.objects["Namespace"][0]["metadata"]["uid"] = "uid-9"
    assert fingerprint(scene.evidence)["namespaces"] != before["namespaces"]
