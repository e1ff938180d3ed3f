"""An audit as one line a comparison, from its Parquet file."""

from __future__ import annotations

from pathlib import Path

import audit_tools
from test_kinds import ratio, readings

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
    assert line[at("equal penalty") : at("early stopping")].strip() == ""


def test_a_claim_without_a_pair_has_no_line(tmp_path: Path) -> None:
    claim = audit_tools.claim()
    found = judge(claim, "fair data", [])
    assert len(short(Claims("mine", "Mine", (claim,)), found).splitlines()) == 3
