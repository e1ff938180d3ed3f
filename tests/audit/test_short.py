"""An audit as one line a comparison, from its Parquet file."""

from __future__ import annotations

import math
from pathlib import Path

import audit_tools
import pytest
from test_kinds import dial, ratio, readings

from analysis.audit.judge import judge
from analysis.audit.short import read_findings, short
from analysis.audit.table import write_parquet
from flowadam.audit.read import Claims


def test_words_with_their_intervals_come_back_from_the_file(tmp_path: Path) -> None:
    claim = audit_tools.claim(claimed={"plain": 0.5})
    claims = Claims("mine", "Mine", (claim,))
    found = [
        *judge(claim, "fair data", readings(claim, claim.names, ratio(0.9))),
        *judge(claim, "tuned", readings(claim, claim.names, ratio(1.0, 0.1), seeds=7)),
        *judge(claim, "all", readings(claim, claim.names, ratio(0.9), seeds=3)),
    ]
    path = write_parquet(tmp_path, found)
    head, line, fair, every = short(claims, read_findings(path)).splitlines()
    assert fair == "fair data: 1 comparison: 1 shrinks"
    assert every == "all: 1 comparison: 1 not testable"
    assert head.split()[:4] == ["claim", "against", "n", "claimed"]
    assert line.startswith(f"{claim.key}") and "  plain    3-10  +50\u00a0%" in line
    at = head.index
    assert line[at("fair data") :].startswith("shrinks +9.8")
    assert line[at("tuned") :].startswith("vanishes  ") and "[" not in line[at("tuned") :]
    assert line[head.rindex("all") :] == "not testable"
    assert "equal penalty" not in head and "as published" not in head


@pytest.mark.parametrize(("shift", "behind"), [(0.0, False), (-9.0, True)])
def test_slopes_stand_below_with_the_control(shift: float, behind: bool) -> None:
    keys = {"dial": "coupling", "values": [0.0, 0.5, 1.0], "control": "control", "claimed": None}
    claim = audit_tools.claim(kind="dial", contender={"control": {"optimizer": "spender"}}, **keys)
    base = dial(1.0)

    def law(task: str, name: str, z: float) -> float:
        return base(task, name, z) * math.exp(-shift if name == "greedy" else 0)

    found = judge(claim, "fair data", readings(claim, claim.names, law))
    _, line, _, control, slope = short(Claims("mine", "Mine", (claim,)), found).splitlines()
    assert "holds +" in line
    assert "the log metric of control changes by" in control
    assert slope.endswith("(n = 10), and is negative all along it." if behind else "(n = 10).")


def test_a_claim_without_a_pair_has_no_line(tmp_path: Path) -> None:
    claim = audit_tools.claim()
    found = judge(claim, "fair data", [])
    assert len(short(Claims("mine", "Mine", (claim,)), found).splitlines()) == 1
