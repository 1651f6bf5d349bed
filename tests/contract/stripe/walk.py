"""`python -m tests.contract.stripe.walk`: the official library walks the whole sandbox.

Unchanged and only pointed at it, the library makes every call that the sandbox has; each object
that comes back is compared with the provider's public examples, where they are at hand, and with
the library's own types.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import stripe

from deploy.sandbox.stripe import SandboxStripe
from deploy.sandbox.stripe.app import ROUTES
from tests.contract.stripe import walk_pay, walk_time
from tests.contract.stripe.walk_shapes import Shapes
from tests.contract.stripe.walking import Walk, WatchedClient, begin

FLOWS = (*walk_time.FLOWS, *walk_pay.FLOWS, *walk_pay.LAST, *walk_time.LAST)


@dataclass(frozen=True, slots=True)
class Report:
    """What a walk saw. `wrong`: everything that is not as it should be."""

    calls: int
    shapes: Shapes
    wrong: Sequence[str]

    def text(self) -> str:
        """The report for a person."""
        shapes = self.shapes
        lines = [
            f"calls: {self.calls}, of {len(ROUTES)} kinds",
            f"shapes checked: {shapes.checked}, of {len(shapes.kinds)} kinds of object",
            f"exceptions: {len(shapes.exceptions)}",
            *(f"  {kind}.{name}: {why}" for (kind, name), why in shapes.exceptions.items()),
        ]
        if shapes.examples is None:
            lines.append(
                "no public examples at hand (STRIPE_FIXTURES): only the types were checked"
            )
        lines += [
            f"no public example of {kind}: only its type was checked"
            for kind in sorted(shapes.without_example)
        ]
        lines.append(f"wrong: {len(self.wrong)}")
        return "\n".join([*lines, *(f"  {at}" for at in self.wrong)])


async def walk(url: str, key: str) -> Report:
    """Walk the sandbox at `url`; it keeps what the walk made there."""
    http = WatchedClient()
    client = stripe.StripeClient(
        key, base_addresses={"api": url}, http_client=http, max_network_retries=0
    )
    try:
        under_way = await begin(client)
        for flow in FLOWS:
            under_way.flow = flow.__name__
            await flow(under_way)
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it
    return _report(under_way, http)


def _report(done: Walk, http: WatchedClient) -> Report:
    missing = [f"{call}: not walked" for call in _not_called(http.calls)]
    wrong = [*done.wrong, *missing, *sorted(http.shapes.wrong)]
    return Report(len(http.calls), http.shapes, wrong)


def _not_called(calls: Iterable[str]) -> list[str]:
    """The calls of the sandbox that were never made."""
    made = set()
    for call in calls:
        method, url, _ = call.split(" ")
        made.add(f"{method} {urlsplit(url).path}")
    known = [f"{route.method} {route.path}" for route in ROUTES]
    return [call for call in known if not any(_pattern(call).fullmatch(at) for at in made)]


def _pattern(call: str) -> re.Pattern[str]:
    """A call's route; its ids have an underscore, as no name of a call's last part does."""
    return re.compile(
        re.sub(r"\{\w+\}", r"(?:[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[A-Za-z0-9]{8})", call)
    )


async def main(arguments: Sequence[str]) -> int:
    """The process: 0 when all was as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract.stripe.walk")
    parser.add_argument("--url", help="a sandbox that runs; else one is started for the walk")
    parser.add_argument("--key", help="its secret key")
    options = parser.parse_args(arguments)
    async with AsyncExitStack() as stack:
        url, key = options.url, options.key
        if url is None:
            sandbox = await stack.enter_async_context(SandboxStripe())
            url, key = sandbox.url, sandbox.secret_key
        report = await walk(url, key or "")
    sys.stdout.write(f"{report.text()}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
