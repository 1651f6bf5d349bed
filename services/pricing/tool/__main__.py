"""Starts the tool with this process's arguments, environment and streams."""

import sys

from services.chassis.config import environment
from services.pricing.tool.commands import Streams, run


def main() -> None:
    """Run the command and exit with its code."""
    sys.exit(run(sys.argv[1:], environment(), Streams(sys.stdin, sys.stdout, sys.stderr)))


if __name__ == "__main__":
    main()
