"""`python -m deploy.sandbox.stripe`: the sandbox as a process; SIGTERM and Ctrl-C stop it."""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from deploy.sandbox.stripe.catalog import CatalogError, import_settings
from deploy.sandbox.stripe.context import API_VERSION, WebhookTarget
from deploy.sandbox.stripe.delivery import RETRY_SCHEDULE
from deploy.sandbox.stripe.journal import JournalBusyError
from deploy.sandbox.stripe.server import DEFAULT_ACCOUNT, DEFAULT_KEY, SandboxStripe


def webhook(text: str) -> WebhookTarget:
    """`URL=SECRET[,SECRET…]` as a target; the URL may have `=` in it, a secret may not."""
    url, _, secrets = text.rpartition("=")
    names = tuple(secret for secret in secrets.split(",") if secret)
    if not url.startswith(("http://", "https://")) or not names:
        raise argparse.ArgumentTypeError(f"{text!r} is not URL=SECRET[,SECRET]")
    return WebhookTarget(url, names)


def schedule(text: str) -> tuple[float, ...]:
    """`0.1,1,10` as seconds."""
    try:
        seconds = tuple(float(part) for part in text.split(","))
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of seconds") from wrong
    if not all(0 < value < float("inf") for value in seconds):
        raise argparse.ArgumentTypeError("each wait must be a positive number of seconds")
    return seconds


def named_price(text: str) -> tuple[str, str]:
    """`STRIPE_PRICE_DEV_POOL=price_1` as a pair."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not STRIPE_PRICE_<ID>=PRICE")
    return name, value


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="the port is written here once it listens")
    parser.add_argument("--data", type=Path, help="folder for the journal; none keeps nothing")
    parser.add_argument("--account", default=DEFAULT_ACCOUNT)
    parser.add_argument("--secret-key", default=DEFAULT_KEY)
    parser.add_argument("--catalog", type=Path, action="append", default=[], help="file or folder")
    parser.add_argument(
        "--imports", type=Path, help="what catalogs of other forms are read with, as pricing's"
    )
    parser.add_argument(
        "--price", type=named_price, action="append", default=[], metavar="STRIPE_PRICE_<ID>=PRICE"
    )
    parser.add_argument(
        "--webhook", type=webhook, action="append", default=[], metavar="URL=SECRET[,SECRET]"
    )
    parser.add_argument(
        "--webhook-events",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="TYPE[,TYPE]",
        help="the event types that those endpoints ask for; all by default",
    )
    parser.add_argument("--api-version", default=API_VERSION)
    parser.add_argument(
        "--retry-schedule",
        type=schedule,
        default=RETRY_SCHEDULE,
        metavar="SECONDS[,SECONDS]",
        help="waits between attempts to deliver an event; the last repeats",
    )
    return parser.parse_args(arguments)


async def serve(options: argparse.Namespace) -> None:
    """Run until a signal comes or the sandbox fails."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sandbox = SandboxStripe(
        host=options.host,
        port=options.port,
        data=options.data,
        account=options.account,
        secret_key=options.secret_key,
        catalogs=options.catalog,
        imports=import_settings(options.imports, dict(options.price)),
        webhooks=[replace(target, events=options.webhook_events) for target in options.webhook],
        api_version=options.api_version,
        retry_schedule=options.retry_schedule,
    )
    async with sandbox:
        _announce(sandbox, options.port_file)
        ended = asyncio.ensure_future(sandbox.wait())
        asked = asyncio.ensure_future(stop.wait())
        await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        ended.cancel()


def _announce(sandbox: SandboxStripe, port_file: Path | None) -> None:
    if port_file is not None:
        # Renamed into place, so that nobody reads half a number.
        fresh = port_file.with_name(f"{port_file.name}.new")
        fresh.write_text(sandbox.url.rpartition(":")[2])
        fresh.replace(port_file)
    sys.stdout.write(f"sandbox stripe {sandbox.account} on {sandbox.url}\n")
    sys.stdout.flush()


def main() -> int:
    """The process: 0 when it was asked to stop, 1 when it could not start."""
    # What is kept are trees without cycles, by the ten thousand: looking for some is in vain.
    gc.set_threshold(50_000, 50, 100)
    try:
        uvloop.run(serve(parse(sys.argv[1:])))
    except (CatalogError, JournalBusyError, OSError) as problem:
        sys.stderr.write(f"sandbox stripe: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
