"""What is remembered is bounded by a number of things."""

from services.subscription.remembering import Remembered


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    known: Remembered[str, int] = Remembered(2)
    known.keep("a", 1)
    known.keep("b", 2)
    assert known.get("a") == 1
    known.keep("c", 3)
    assert [known.get(key) for key in "abc"] == [1, None, 3]
    known.keep("a", 4)
    assert [known.get(key) for key in "abc"] == [4, None, 3]
