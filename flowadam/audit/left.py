"""What an audit still has to run, judged from its folder; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from flowadam.audit.claims import Claim
from flowadam.audit.forms import Protocol
from flowadam.audit.plan import protocols_of
from flowadam.audit.run import flow_shares
from flowadam.audit.studies import AuditBench, make_catalog, make_study
from flowadam.rows import Row
from flowadam.store import Store
from flowadam.sweep import missing, planned

UNKNOWN = 0.5
"""Stands for a share of flow steps that is not known yet: the number of runs is the same."""


def runs_left(claim: Claim, folder: Path, bench: AuditBench) -> int:
    """Return how many runs the studies of a claim lack below `folder`.

    Runs of winners count as soon as the search has elected one.
    """
    return sum(_left(claim, p, folder / p.name, bench) for p in protocols_of(claim))


def _left(claim: Claim, protocol: Protocol, folder: Path, bench: AuditBench) -> int:
    wanted = make_study(claim, protocol, bench.effort)
    rates: Mapping[str, float] = dict.fromkeys(claim.contenders, UNKNOWN)
    rows: list[Row] = []
    store = Store(folder) if (folder / "study.toml").exists() else None
    if store is not None:
        # A folder that has grown beyond this effort lacks nothing of it.
        wanted = replace(wanted, seed=store.study.seed)
        rows, rates = store.rows(), {**rates, **flow_shares(store, claim)}
    catalog = make_catalog(claim, protocol, wanted, bench, rates)
    plans = [planned(wanted, catalog, rows, name) for name in wanted.phase]
    if store is not None:
        plans = [missing(wanted, catalog, store, plan) for plan in plans]
    return sum(len(group.seeds) for plan in plans for group in plan)
