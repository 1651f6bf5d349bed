"""kubectl and helm as a person would type them, in a namespace and a home folder of the test's."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.cluster.api import Api
from tests.cluster.programs import Program, find
from tests.cluster.settings import read_settings

_PATIENCE = 60


def find_client(program: Program) -> Path:
    """Where it was built; the test is skipped where it was not."""
    found = find(program, read_settings())
    if found is None:
        pytest.skip(f"{program.name} is not built: `python -m tests.cluster build`")
    return found


class Client:
    """One program against one plane."""

    def __init__(self, program: Path, kubeconfig: Path, folder: Path) -> None:
        self._program = program
        self.kubeconfig = kubeconfig
        self.folder = folder
        self.namespace = "default"

    def __call__(self, *words: str) -> str:
        """What it prints; it has to end well."""
        code, out, error = self.ended(*words)
        assert code == 0, f"{' '.join(words)}: {out}{error}"
        return out

    def fails(self, *words: str) -> str:
        """What it complains of; it has to end badly."""
        code, out, error = self.ended(*words)
        assert code != 0, out
        return error

    def ended(self, *words: str) -> tuple[int, str, str]:
        """Exit code, output and complaints."""
        command = [str(self._program), "--kubeconfig", str(self.kubeconfig)]
        # What was discovered of another plane at the same port must not be believed of this one.
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        done = subprocess.run(  # noqa: S603 - our own arguments
            [*command, "-n", self.namespace, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def file(self, *objects: object) -> str:
        """A file of objects to give to `-f`."""
        found = self.folder / f"{uuid4().hex}.yaml"
        found.write_text(yaml.safe_dump_all(objects))
        return str(found)

    @contextmanager
    def in_namespace(self, kubeconfig: Path) -> Iterator[str]:
        """Work in a fresh namespace, which goes with the block."""
        api, self.namespace = Api(kubeconfig), f"clients-{uuid4().hex[:8]}"
        body = {"metadata": {"name": self.namespace}}
        status, told = api.call("POST", "/api/v1/namespaces", body)
        assert status == 201, told
        yield self.namespace
        api.call("DELETE", f"/api/v1/namespaces/{self.namespace}")
