"""A part of a blueprint: what it found to be as it should is not compared again."""

from services.provisioner.domain import JsonObject
from services.provisioner.manifests import Part
from services.provisioner.objects import Live, Ref

REF = Ref("v1", "ConfigMap", "here", "one")


class Counted:
    """What is wanted, and how often that was asked."""

    def __init__(self, wanted: JsonObject) -> None:
        self.wanted = wanted
        self.asked = 0

    def __call__(self, _live: Live | None) -> JsonObject:
        self.asked += 1
        return self.wanted


def _live(size: str, **metadata: str) -> Live:
    return Live(REF, {"data": {"size": size, "more": "x"}, "metadata": metadata})


def test_what_holds_is_compared_once_and_what_came_since_is_compared_again() -> None:
    wanted = Counted({"data": {"size": "big"}})
    part, stands = Part(REF, wanted), _live("big")
    assert part.holds(stands)
    assert part.holds(stands)
    assert wanted.asked == 1
    assert part.holds(_live("big", resourceVersion="2"))
    assert not part.holds(_live("small"))
    assert part.holds(stands)


def test_what_does_not_hold_is_compared_each_time() -> None:
    wanted = Counted({"data": {"size": "big"}})
    part, wrong = Part(REF, wanted), _live("small")
    assert not part.holds(wrong)
    assert not part.holds(wrong)
    assert wanted.asked == 2


def test_what_is_not_there_or_is_going_never_holds() -> None:
    part = Part(REF, Counted({"data": {"size": "big"}}))
    assert not part.holds(None)
    assert not part.holds(_live("big", deletionTimestamp="2026-01-01T00:00:00Z"))
