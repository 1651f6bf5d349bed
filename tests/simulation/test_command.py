"""The command that plays worlds says no to what it does not know."""

import pytest

from tests.simulation.__main__ import main
from tests.simulation.faults import FAULTS


def test_a_fault_that_is_not_known_is_refused_and_those_that_are_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--seed", "1", "--faults", "crashes,lost comits"])
    assert refused.value.code == 2
    said = capsys.readouterr().err
    assert "no fault is called lost comits" in said
    assert all(fault.name in said for fault in FAULTS)


def test_a_fault_that_only_worlds_on_postgresql_have_is_refused_in_memory(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--seed", "1", "--faults", "slow ledger"])
    assert main(["--faults", "list"]) == 0
    assert "slow ledger" not in capsys.readouterr().out
