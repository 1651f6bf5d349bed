"""The commands: what they say when they cannot do what is asked."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.sandbox.stack.settings import ROOT
from tests.e2e.world import free_port


def run(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TOLLGATE_", "STRIPE_"))}
    return subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=clean | {"TOLLGATE_HOME": str(home)} | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_taken_port_is_said_in_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused = run(tmp_path, "deploy.sandbox", "up", TOLLGATE_PORT=port)
    assert refused.returncode == 1
    assert f"Port {port} of the gateway is taken" in refused.stderr
    assert "TOLLGATE_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("TOLLGATE_PORT", "eighty", "expected a port from 1 to 65535"),
        ("BILLING_PROVIDER", "paypal", "expected one of none, stripe"),
        ("KUBECONFIG", "/does/not/exist", "which is no file"),
        ("TOLLGATE_CATALOG", "/does/not/exist", "which does not exist"),
        ("STRIPE_SECRET_KEY", "sk_test_1", "STRIPE_WEBHOOK_SECRET"),
    ],
)
def test_a_bad_setting_is_named_with_what_it_should_be(
    tmp_path: Path, variable: str, value: str, expected: str
) -> None:
    refused = run(tmp_path, "deploy.sandbox", "up", **{variable: value})
    assert refused.returncode == 1
    assert variable in refused.stderr
    assert expected in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_database_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    url = "postgresql://ada:secret@127.0.0.1:1/tollgate"
    port = str(free_port())
    refused = run(tmp_path, "deploy.sandbox", "up", DATABASE_URL=url, TOLLGATE_PORT=port)
    assert refused.returncode == 1
    assert "DATABASE_URL: 127.0.0.1:1 cannot be reached" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "secret" not in refused.stderr


@pytest.mark.parametrize("service", ["pricing", "subscription", "payments", "provisioner"])
def test_a_service_without_settings_names_every_variable_that_is_missing(
    tmp_path: Path, service: str
) -> None:
    refused = run(tmp_path, f"services.{service}", "--validate")
    assert refused.returncode == 78
    for variable in ("DATABASE_URL", "TOLLGATE_PUBLIC_ADDRESS", "TOLLGATE_TLS_CERT"):
        assert variable in refused.stderr
    assert "postgresql://user:password@host:5432/database" in refused.stderr


def test_a_malformed_setting_says_what_it_should_be(tmp_path: Path) -> None:
    refused = run(tmp_path, "gateway", "--validate", TOLLGATE_HTTP_ADDRESS="abc")
    assert refused.returncode == 78
    assert 'TOLLGATE_HTTP_ADDRESS: "abc" is not an address' in refused.stderr


def test_every_process_explains_its_settings(tmp_path: Path) -> None:
    for module in ("gateway", "services.pricing", "services.payments"):
        told = run(tmp_path, module, "--help")
        assert told.returncode == 0
        assert "TOLLGATE_TLS_CERT" in told.stdout


def test_clean_removes_nothing_that_is_not_a_stack(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    refused = run(tmp_path, "deploy.sandbox", "clean")
    assert refused.returncode == 1
    assert (tmp_path / "precious.txt").exists()
