"""What ``flowadam check`` prints, and its exit code."""

from __future__ import annotations

import pytest

from flowadam.cli import main
from flowadam.contract import OPTIMIZER_CHECKS, suite
from flowadam.contract.result import CheckSkipped, ContractBroken

LINES = """\
ok      builds_from_defaults
FAILED  is_deterministic  Two runs differ.
exempt  splits_into_groups  """


def _differs(_: object) -> None:
    raise ContractBroken("Two runs differ.")


def _skipped(_: object) -> None:
    raise CheckSkipped("There is no such thing here.")


@pytest.mark.parametrize("fails", [True, False])
def test_every_status_is_printed_and_failures_end_with_1(
    fails: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = OPTIMIZER_CHECKS["builds_from_defaults"]
    checks = {
        "builds_from_defaults": real,
        "is_deterministic": _differs if fails else real,
        "splits_into_groups": _differs,  # L-BFGS takes one group
        "agrees_on_gpu": _skipped,
    }
    monkeypatch.setitem(suite._TABLES, "optimizer", checks)
    monkeypatch.setitem(suite._TABLES, "pair", {})
    with pytest.raises(SystemExit) as end:
        main(["check", "lbfgs"])
    assert int(end.value.code or 0) == int(fails)
    printed = capsys.readouterr().out
    assert printed.startswith(LINES) == fails
    assert "skipped agrees_on_gpu  There is no such thing here.\n" in printed
