"""The same seed is the same world, whatever the machine hashes strings to."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SEEDS, _PAYMENTS = 3, 12


def _digests(hash_seed: str) -> list[str]:
    arguments = ["--seeds", str(_SEEDS), "--payments", str(_PAYMENTS), "--digests"]
    done = subprocess.run(  # noqa: S603 - it runs this very program
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")]),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    lines = done.stdout.splitlines()
    assert len(lines) > _SEEDS, done.stdout + done.stderr
    return [line for line in lines if line[:1].isdigit() and len(line.split()) == 2]


def test_a_seed_takes_the_same_steps_three_times_under_different_hash_seeds() -> None:
    first = _digests("1")
    assert len(set(first)) == _SEEDS, "every seed is a world of its own"
    assert _digests("2") == first
    assert _digests("random") == first
