"""`python -m deploy.sandbox.postgres`: prepares the data folder and becomes the server by exec.

There is nothing between the supervisor and the postmaster: the process id stays the same. That it
is ready is to be seen with `lockfile.is_ready`, since nobody is left to tell. Stop it with SIGINT.
"""

import argparse
import sys
from pathlib import Path

from deploy.sandbox.postgres.binaries import BinariesNotFound, find_binaries
from deploy.sandbox.postgres.cluster import Cluster, InitFailed
from deploy.sandbox.postgres.identity import NoIdentity
from deploy.sandbox.postgres.lockfile import DataInUse


def main() -> None:
    """Parses the command line and serves; a refusal is one sentence on stderr and code 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.sandbox.postgres")
    parser.add_argument("--home", type=Path, required=True, help="folder for data and password")
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--pgbin", help="folder of postgres and initdb, if not to be looked for")
    parser.add_argument("--throwaway", action="store_true", help="no fsync: for tests only")
    options = parser.parse_args()
    try:
        binaries = find_binaries(options.pgbin)
        cluster = Cluster(options.home.absolute(), binaries, durable=not options.throwaway)
        cluster.serve(options.port)
    except (BinariesNotFound, DataInUse, InitFailed, NoIdentity) as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
