"""The agenda knows what is due first, whatever was changed in between."""

from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox.stripe.agenda import Agenda
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.state import Store

KINDS = ("alarm", "bell")
# A kind, one of few ids, when it is due; None never, and -1 removes it.
WRITES = st.tuples(
    st.integers(0, 1),
    st.sampled_from("abcd"),
    st.one_of(st.none(), st.integers(-1, 9)),
)


def _look(at: int, subject: JsonObject) -> int | None:
    due: int | None = subject["due"]
    return due


def _least(store: Store) -> int | None:
    shelves = (store.shelf(kind).objects.values() for kind in KINDS)
    known = [at["due"] for shelf in shelves for at in shelf if at["due"] is not None]
    return min(known) if known else None


@given(rounds=st.lists(st.lists(WRITES, max_size=4), max_size=12))
def test_it_agrees_with_a_look_at_everything(
    rounds: list[list[tuple[int, str, int | None]]],
) -> None:
    store, agenda = Store(), Agenda()
    for writes in rounds:
        for at, name, due in writes:
            store.put(KINDS[at], name, None if due == -1 else {"id": name, "due": due})
        found = agenda.first(store, KINDS, _look)
        assert (found[0] if found else None) == _least(store)
        if found is not None:
            due_then, at, name = found
            assert store.shelf(KINDS[at]).objects[name]["due"] == due_then


def test_at_one_time_the_earlier_kind_and_then_the_older_object_comes_first() -> None:
    store, agenda = Store(), Agenda()
    for at, name in ((1, "z"), (0, "y"), (0, "x")):
        store.put(KINDS[at], name, {"id": name, "due": 5})
    rang = []
    while (found := agenda.first(store, KINDS, _look)) is not None:
        rang.append(found[2])
        store.put(KINDS[found[1]], found[2], None)
    assert rang == ["y", "x", "z"]


def test_what_did_not_change_is_not_looked_at_again() -> None:
    store, agenda, looked = Store(), Agenda(), []

    def look(at: int, subject: JsonObject) -> int | None:
        looked.append(subject["id"])
        return _look(at, subject)

    store.put("alarm", "a", {"id": "a", "due": 5})
    store.put("alarm", "b", {"id": "b", "due": 6})
    assert agenda.first(store, KINDS, look) == (5, 0, "a")
    store.put("alarm", "a", {"id": "a", "due": 7})
    assert agenda.first(store, KINDS, look) == (6, 0, "b")
    assert sorted(looked) == ["a", "a", "b"]
