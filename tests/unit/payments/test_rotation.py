"""A key that is rotated in its file is taken once it is seen to work, and not before."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.payments.domain import Identity
from services.payments.errors import KeyRefused, ProviderUnreachable
from services.payments.pinning import KeyState
from services.payments.ports import Provider
from services.payments.providers.stripe.settings import SharedKey
from services.payments.rotation import ASK_AGAIN, KeyFile
from tests.fakes.chassis import ManualClock
from tests.fakes.payments import PINNED, MemoryProvider
from tests.unit.payments.world import World

OLD, NEW = "sk_test_old", "sk_test_new"


@dataclass
class Keyed(MemoryProvider):
    """A provider that knows keys by what comes of them; one that it does not know it refuses."""

    secret_key: str = ""
    known: dict[str, Identity | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def identify(self) -> Identity:
        self.asked.append(self.secret_key)
        found = self.known.get(self.secret_key, KeyRefused("The key is not accepted."))
        if isinstance(found, Exception):
            raise found
        return found


class Bench:
    """A key in use, and the file that it came from."""

    def __init__(self, source: Path) -> None:
        self.source, self.clock = source, ManualClock()
        self.used: list[str] = []
        self.known: dict[str, Identity | Exception] = {}
        self.asked: list[str] = []
        self.state, self.key = KeyState(), SharedKey(OLD)
        self.key.follow(self.used.append)
        self.state.accept(PINNED)
        self.world = World()

    async def look(self, content: str | None = None, expected: str = "") -> None:
        """Have the file looked at, with other content if any is given."""
        if content is not None:
            self.source.write_text(f"{content}\n")
        if not hasattr(self, "file"):
            await self.world.tx.run(lambda store: store.pin("memory", PINNED))
            self.file = KeyFile(
                self.source,
                self.key,
                self.state,
                self.world.tx,
                self._open_with,
                expected=expected,
                clock=self.clock,
            )
        await self.file.look()

    def _open_with(self, secret_key: str) -> Provider:
        return Keyed(secret_key=secret_key, known=self.known, asked=self.asked)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "key")


async def test_a_rotated_key_that_fits_the_pin_is_used_from_then_on(bench: Bench) -> None:
    bench.known[NEW] = PINNED
    await bench.look(OLD)
    await bench.look()
    assert (bench.used, bench.asked) == ([], [])
    for _ in range(2):
        await bench.look(NEW)
    assert (bench.used, bench.asked, bench.key.secret_key) == ([NEW], [NEW], NEW)


@pytest.mark.parametrize(
    "found",
    [
        KeyRefused("The key is not accepted."),
        ProviderUnreachable("It is away."),
        Identity("acct_other", livemode=False),
    ],
)
async def test_a_key_that_does_not_fit_leaves_the_one_before_until_it_does(
    bench: Bench, found: Identity | Exception
) -> None:
    bench.known[NEW] = found
    for _ in range(3):
        await bench.look(NEW)
    assert (bench.used, bench.asked) == ([], [NEW])
    assert (bench.state.verified, bench.state.identity, bench.state.trouble) == (True, PINNED, "")
    bench.known[NEW] = PINNED
    bench.clock.advance(ASK_AGAIN)
    await bench.look()
    assert bench.used == [NEW]


@pytest.mark.parametrize("content", ["", "half a key", "sk_live_new"])
async def test_what_is_no_key_of_the_pinned_mode_is_not_even_tried(
    bench: Bench, content: str
) -> None:
    bench.known[content] = PINNED
    await bench.look(content)
    assert (bench.used, bench.asked) == ([], [])
    assert bench.state.verified


async def test_a_file_that_goes_leaves_the_key(bench: Bench) -> None:
    await bench.look()
    assert (bench.used, bench.state.verified) == ([], True)


async def test_a_good_key_puts_right_what_began_with_a_bad_one(bench: Bench) -> None:
    bench.state.refuse("The key is for live mode, but another is pinned.")
    bench.known[NEW] = PINNED
    await bench.look(NEW)
    assert (bench.used, bench.state.verified, bench.state.identity) == ([NEW], True, PINNED)
