"""A miniature audit, end to end, of a claim whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import audit_tools
import pytest

from analysis.audit.collect import findings_of
from analysis.audit.findings import Finding
from analysis.audit.notes import worse_than_untuned
from analysis.audit.page import write_page
from analysis.audit.readings import Reading
from analysis.audit.table import text, write_parquet
from flowadam.audit.claims import Claim
from flowadam.audit.read import Claims
from flowadam.audit.run import run_claim
from flowadam.errors import InputError
from flowadam.store import Store

KNOWN = {
    "fair data": "holds",  # the penalty pulls
    "equal penalty": "holds",  # the rate is left
    "equal gradients": "holds",  # a third of the steps, and the penalty still pulls
    "early stopping": "holds",
    "tuned": "holds",  # rates are equal, penalties are not
    "all": "holds",  # its published settings are a candidate, and their penalty pulls
}


def run(claim: Claim, folder: Path, after: int | None = None, **effort: int) -> tuple[int, int]:
    """Run an audit; return the runs that are left, and those made."""
    bench, watcher = audit_tools.bench(after, **effort)
    return run_claim(claim, folder, bench), watcher.count


def words(findings: Sequence[Finding]) -> dict[str, str]:
    return {f.variant: f.verdict for f in findings if f.verdict}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit")
    assert run(audit_tools.claim(), path / "made-up")[0] == 0
    return path


def test_the_truth_is_found(folder: Path) -> None:
    assert words(findings_of(audit_tools.claim(), folder / "made-up", [])) == KNOWN


def test_each_correction_changes_what_it_says(folder: Path) -> None:
    """Equal gradients cost a third of the steps; equal penalties touch the rival alone."""
    found = findings_of(audit_tools.claim(), folder / "made-up", [])
    cost = {(f.variant, f.optimizer): f.gradients for f in found if f.quantity == "metric"}
    assert cost["fair data", "greedy"] == 72 and cost["fair data", "plain"] == 24
    assert cost["equal gradients", "greedy"] == 24 == cost["all", "greedy"]
    rows = Store(folder / "made-up" / "penalty").trials()
    assert set(rows.loc[rows["phase"] == "confirm", "optimizer"]) == {"plain"}
    assert set(rows.loc[rows["phase"] == "confirm", "p.task.penalty"]) == {0.3}
    tuned = Store(folder / "made-up" / "protocol").trials()
    assert set(tuned.loc[tuned["optimizer"] == "greedy", "p.task.penalty"]) == {0.3}
    everything = Store(folder / "made-up" / "all").trials()
    assert everything.loc[everything["config"] > 0, "p.task.penalty"].max() < 1e-7


def test_all_corrections_together(tmp_path: Path) -> None:
    """Without a penalty that pulls, equal rates leave it a third of the steps."""
    greedy = {"optimizer": "spender", "options": {"lr": 0.3, "calls": 3}}
    claim = audit_tools.claim(contender={"greedy": greedy}, forms=["fair data", "all"])
    assert run(claim, tmp_path)[0] == 0
    found = findings_of(claim, tmp_path, [])
    assert words(found) == {"fair data": "holds", "all": "reverses"}


def test_published_settings_are_a_candidate_of_the_search(tmp_path: Path) -> None:
    """A search in a poor range leaves nobody worse than it found it."""
    plain = {"optimizer": "spender", "options": {"lr": 0.25}, "ranges": {"lr": [0.001, 0.002]}}
    claim = audit_tools.claim(forms=["tuned"], contender={"plain": plain})
    assert run(claim, tmp_path)[0] == 0
    found = findings_of(claim, tmp_path, [])
    own = {f.quantity: f.mean for f in found if f.optimizer == "plain"}
    assert own["metric"] == own["untuned"]
    assert not list(worse_than_untuned(claim, found))


def test_no_difference_is_found_where_there_is_none(tmp_path: Path) -> None:
    same = {"optimizer": "spender", "options": {"lr": 0.3}}
    forms = ["fair data", "equal gradients", "early stopping"]
    claim = audit_tools.claim(contender={"greedy": same, "plain": same}, forms=forms)
    assert run(claim, tmp_path)[0] == 0
    assert words(findings_of(claim, tmp_path, [])) == dict.fromkeys(forms, "vanishes")


def test_the_second_time_nothing_runs(folder: Path) -> None:
    assert run(audit_tools.claim(), folder / "made-up") == (0, 0)


def test_an_interrupted_audit_goes_on(folder: Path, tmp_path: Path) -> None:
    claim = audit_tools.claim(forms=["equal penalty", "equal gradients"])
    assert run(claim, tmp_path, after=9)[0] > 0
    assert run(claim, tmp_path)[0] == 0
    for name in ("penalty", "gradients"):
        rows = Store(tmp_path / name).trials()["key"]
        assert rows.is_unique
        assert set(rows) == set(Store(folder / "made-up" / name).trials()["key"])


def test_more_seeds_run_the_difference(tmp_path: Path) -> None:
    claim = audit_tools.claim(forms=["equal gradients"])
    assert run(claim, tmp_path, seeds=5) == (0, 2 + 2 * 5)
    assert run(claim, tmp_path, seeds=8) == (0, 2 * 3)
    assert {f.n for f in findings_of(claim, tmp_path, []) if f.quantity == "metric"} == {8}


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"steps": 30}, "`steps` = 24 (claim), this one has 30"),
        (
            {"contender": {"plain": {**audit_tools.CONTENDERS["plain"], "penalty": 0.2}}},
            "`penalty` = 0.0 (plain), this one has 0.2",
        ),
        (
            {"contender": {"plain": {"optimizer": "spender", "options": {"lr": 0.2}}}},
            "(plain), this one has",
        ),
    ],
)
def test_other_settings_want_another_folder(
    keys: dict[str, Any], sentence: str, folder: Path
) -> None:
    with pytest.raises(InputError) as caught:
        run(audit_tools.claim(**keys), folder / "made-up")
    assert sentence in str(caught.value)


def test_output(folder: Path, tmp_path: Path) -> None:
    """Table, page and Parquet hold the same verdicts."""
    import pandas as pd

    claim = audit_tools.claim(words="<b>bold</b>")
    published = [
        Reading(claim.task, name, seed, value, 24.0)
        for seed in range(5)
        for name, value in (("greedy", 1.0 + 0.01 * seed), ("plain", 1.1 + 0.01 * seed))
    ]
    found = findings_of(claim, folder / "made-up", published)
    claims = Claims("tests", "Tests", (claim,))
    frame = pd.read_parquet(write_parquet(tmp_path, found))
    wanted = ["claim", "task", "optimizer", "variant", "mean", "low", "high", "n", "gradients"]
    assert {*wanted, "verdict"} <= set(frame.columns)
    gains = frame[frame["verdict"] != ""]
    assert dict(zip(gains["variant"], gains["verdict"], strict=True)) == {
        **KNOWN,
        "as published": "holds",
    }
    page = write_page(tmp_path, claims, found).read_text()
    assert "<b>bold" not in page and "&lt;b&gt;bold" in page and "<script" not in page
    assert page.count("holds") > 6 and "holds" in text(claims, found)
    narrow = text(claims, found, 40)
    assert max(map(len, narrow.splitlines())) <= 40
    assert all(f.verdict in narrow and f.variant in narrow for f in found if f.verdict)


def test_a_claim_may_give_a_search_its_range(tmp_path: Path) -> None:
    """The registry's range of the rate is .45 to .5."""
    plain = {"optimizer": "spender", "options": {"lr": 0.25}, "ranges": {"lr": [0.01, 0.02]}}
    claim = audit_tools.claim(forms=["tuned"], contender={"plain": plain})
    run_claim(claim, tmp_path, audit_tools.bench()[0])
    rows = Store(tmp_path / "protocol").trials()
    searched = rows.loc[(rows["phase"] == "search") & (rows["config"] > 0)]
    rates = searched.groupby("optimizer")["p.opt.lr"].agg(["min", "max"])
    assert 0.01 <= rates.loc["plain", "min"] <= rates.loc["plain", "max"] <= 0.02
    assert rates.loc["greedy", "min"] >= 0.45


def test_diverged_runs_are_not_tested(tmp_path: Path) -> None:
    wild = {"optimizer": "spender", "options": {"lr": 1e6}}
    claim = audit_tools.claim(contender={"plain": wild}, forms=["fair data"])
    assert run(claim, tmp_path)[0] == 0
    (found,) = [f for f in findings_of(claim, tmp_path, []) if f.verdict]
    assert found.verdict == "not testable"
    assert found.sentence.startswith("5 of 5 runs of plain did not end well (The loss")


def test_early_stopping_scores_the_best_state(tmp_path: Path) -> None:
    """At a rate above 2 the loss falls before it grows without end."""
    wild = {"optimizer": "spender", "options": {"lr": 2.04}}
    claim = audit_tools.claim(contender={"plain": wild}, forms=["fair data", "early stopping"])
    assert run(claim, tmp_path)[0] == 0
    found = findings_of(claim, tmp_path, [])
    mean = {f.variant: f.mean for f in found if (f.quantity, f.optimizer) == ("metric", "plain")}
    assert mean["early stopping"] < 0.9 * mean["fair data"]
