"""Running what an audit lacks: one study after another, on the machinery of every sweep."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from flowadam.audit.claims import Claim, Contender
from flowadam.audit.forms import Protocol
from flowadam.audit.plan import protocols_of
from flowadam.audit.studies import AuditBench, make_catalog, make_study
from flowadam.durable import write_atomic
from flowadam.errors import InputError
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep import Catalog, grown_study

FILE = "claim.toml"
_FIXED = ("kind", "task", "steps", "budget", "charged", "metric", "fresh", "probe")


def check_claim(claim: Claim, bench: AuditBench) -> None:
    """Build everything that a claim needs, without a run.

    Raises:
        InputError: an unknown task, optimizer or option; data that are not here.
    """
    rates = dict.fromkeys(claim.contenders, 0.5)
    for protocol in protocols_of(claim):
        study = make_study(claim, protocol, bench.effort)
        make_catalog(claim, protocol, study, bench, rates)


def run_claim(claim: Claim, folder: Path, bench: AuditBench) -> int:
    """Run what the studies of a claim lack below `folder`; return how many runs are left.

    Raises:
        InputError: the folder holds runs of other settings.
    """
    left = 0
    keep_settings(claim, folder)
    for protocol in protocols_of(claim):
        if not bench.stop:
            bench.say(f"{claim.key}: {protocol.name}")
        left += _run(claim, protocol, folder / protocol.name, bench)
    return left


def _run(claim: Claim, protocol: Protocol, folder: Path, bench: AuditBench) -> int:
    wanted = make_study(claim, protocol, bench.effort)
    first = make_catalog(claim, protocol, wanted, bench, {})
    if len(first.specs) == len(wanted.optimizer):
        return _sweep(wanted, first, folder, bench)
    # The shares of flow steps that others are matched to are known once these have run.
    some = replace(wanted, optimizer=tuple(first.specs))
    left = _sweep(some, first, folder, bench)
    if left:
        return left
    rates = flow_shares(Store(folder), claim)
    whole = make_catalog(claim, protocol, wanted, bench, rates)
    return _sweep(wanted, whole, folder, bench)


def _sweep(wanted: Study, catalog: Catalog, folder: Path, bench: AuditBench) -> int:
    if (folder / "study.toml").exists():
        wanted = _not_smaller(wanted, Store(folder).study)
    return bench.run(grown_study(folder, wanted), catalog, folder).left


def _not_smaller(wanted: Study, stored: Study) -> Study:
    """Return `wanted` with the numbers of a folder that has grown beyond it: it lacks nothing."""
    grown = {
        name: max(getattr(wanted, name), getattr(stored, name))
        for name in ("trials", "seeds", "confirm_seeds")
    }
    return replace(wanted, **grown)


def flow_shares(store: Store, claim: Claim) -> Mapping[str, float]:
    """Return the share of flow steps of every contender in the default's search runs.

    These runs are the same however many seeds the audit grows to. Shares are rounded to 1e-3.
    """
    rows = store.trials()
    rows = rows.loc[(rows["phase"] == "search") & (rows["config"] == 0) & (rows["steps"] > 0)]
    shares = (rows["flow_steps"] / rows["steps"]).groupby(rows["optimizer"]).mean()
    return {name: round(float(shares.get(name, 0.0)), 3) for name in claim.contenders}


def keep_settings(claim: Claim, folder: Path) -> None:
    """Write what fixes a claim's runs into its folder, or compare with what stands there.

    Contenders may join; what has run must not change.

    Raises:
        InputError: it has changed: the runs there are of other settings.
    """
    path, now = folder / FILE, _settings(claim)
    was = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for part, old in was.items():
        for name, value in old.items() if part in now else ():
            if now[part].get(name) != value:
                raise InputError(
                    f"{folder} holds runs of the claim '{claim.key}' with `{name}` = {value!r} "
                    f"({part}), this one has {now[part].get(name)!r}: choose another --out."
                )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, tomli_w.dumps({**was, **now}))


def _settings(claim: Claim) -> dict[str, dict[str, Any]]:
    """Return tables of what fixes runs: of the claim, and of each contender."""
    tables = {"claim": {name: getattr(claim, name) for name in _FIXED}}
    tables |= {name: _flat(contender) for name, contender in claim.contenders.items()}
    return {
        part: {k: v for k, v in table.items() if v is not None} for part, table in tables.items()
    }


def _flat(contender: Contender) -> dict[str, Any]:
    options = {f"options.{k}": v for k, v in contender.options.items()}
    corrected = {f"corrected.{k}": v for k, v in contender.corrected.items()}
    ranges = {f"ranges.{k}": list(v) for k, v in contender.ranges.items()}
    own = {name: getattr(contender, name) for name in ("optimizer", "penalty", "matched")}
    return own | options | corrected | ranges
