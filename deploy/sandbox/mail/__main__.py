"""`python -m deploy.sandbox.mail`: the mail server as a process, until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
from pathlib import Path

from deploy.sandbox.mail.server import MailSink


async def serve(options: argparse.Namespace) -> None:
    """Serve until a signal."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with MailSink(options.folder, options.port):
        await ended.wait()


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox.mail")
    parser.add_argument("--folder", type=Path, required=True, help="where the mails are kept")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
