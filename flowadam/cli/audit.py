"""``flowadam audit``: published claims, corrected one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer

from analysis.audit.collect import findings_of, not_testable
from analysis.audit.findings import Finding
from analysis.audit.page import write_page
from analysis.audit.readings import Reading
from analysis.audit.table import text, write_parquet
from analysis.text import WIDE
from flowadam.audit.claims import Claim
from flowadam.audit.left import runs_left
from flowadam.audit.read import Claims, read_claims
from flowadam.audit.run import check_claim, run_claim
from flowadam.audit.studies import AuditBench, Effort
from flowadam.cli.engines import check_engine, opened_engine
from flowadam.cli.progress import ProgressLine
from flowadam.cli.registry import Registry
from flowadam.cli.width import columns
from flowadam.errors import InputError
from flowadam.sweep import LocalEngine, Stop
from trainables.published.record import Record, wanted

DEFAULT = "flowadam"


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Args:
        only: keys of claims to measure and to print, empty for all.
        measure: False reads what the folder holds and runs nothing.
        jobs: processes of the published runs.
    """

    out: Path
    effort: Effort
    only: Sequence[str] = ()
    engine: str = "local"
    workers: int | None = None
    jobs: int | None = None
    measure: bool = True


def run_audit(name: str, options: Options) -> None:
    """Run what is missing of a file of claims, then write table, page and Parquet.

    Raises:
        typer.Exit: code 1 when runs are left.
    """
    check_engine(options.engine, options.workers)
    if not options.measure and not options.out.is_dir():
        raise InputError(f"{options.out} holds no audit: leave --table out to run one.")
    whole = read_claims(name)
    claims = whole.only(options.only) if options.only else whole
    stop, left = Stop(), 0
    hindered = {claim.key: why for claim in claims.claims if (why := _hindrance(claim, options))}
    if options.measure:
        with stop.on_interrupt():
            left = _measure(claims, hindered, options, stop)
    kept = whole.only([*_keys(claims), *_measured(whole, options.out)])
    findings = _findings(kept, hindered, options.out)
    write_parquet(options.out, findings)
    path = write_page(options.out, kept, findings)
    mine = [f for f in findings if f.claim in _keys(claims)]
    typer.echo(text(claims, mine, columns(WIDE)))
    typer.echo(f"page: {path}")
    if not options.measure:
        _say_left(claims, hindered, options)
    if left:
        typer.echo(f"{left} runs are left. The same command goes on with them.")
        raise typer.Exit(1)


def _keys(claims: Claims) -> list[str]:
    return [claim.key for claim in claims.claims]


def _measured(claims: Claims, out: Path) -> list[str]:
    """Return the claims that `out` holds runs of: page and Parquet keep them, asked for or not."""
    return [key for key in _keys(claims) if (out / key).is_dir()]


def _measure(claims: Claims, hindered: dict[str, str], options: Options, stop: Stop) -> int:
    """Run what the folder lacks; return how many runs are left."""
    possible = [claim for claim in claims.claims if claim.key not in hindered]
    registry, left = Registry(), 0
    with ExitStack() as stack:
        engine = stack.enter_context(opened_engine(options.engine, options.workers))
        line = stack.enter_context(ProgressLine())
        bench = AuditBench(registry.task, registry.spec, engine, line, stop, _say, options.effort)
        for claim in possible:
            check_claim(claim, bench)
        for claim in possible:
            left += _as_published(claim, options, stop)
            left += run_claim(claim, options.out / claim.key, bench)
    return left


def _say_left(claims: Claims, hindered: dict[str, str], options: Options) -> None:
    """Say by claim what the audit itself would run."""
    registry = Registry()
    bench = AuditBench(
        registry.task, registry.spec, LocalEngine(), ProgressLine(), Stop(), _say, options.effort
    )
    possible = [claim for claim in claims.claims if claim.key not in hindered]
    left = {claim.key: runs_left(claim, options.out / claim.key, bench) for claim in possible}
    found = [f"{key} {n}" for key, n in left.items() if n]
    typer.echo(f"runs left: {', '.join(found) or 'none'}")


def _as_published(claim: Claim, options: Options, stop: Stop) -> int:
    """Make the missing runs of a claim's published form; return how many are left."""
    if not claim.scenario or stop:
        return 0
    record = Record(options.out / "published")
    missing = record.missing(_wanted(claim))
    jobs = min(options.jobs or 1, len(missing) or 1)
    for done, _ in enumerate(record.fill(missing, jobs) if missing else (), 1):
        _say(f"{claim.key}: as published, {done}/{len(missing)}")
        if stop:
            return len(missing) - done
    return 0


def _wanted(claim: Claim) -> list[tuple[str, str, int]]:
    """Return the published runs of a claim's contenders, those that the scenario has."""
    names = {claim.contenders[name].published for name in claim.names}
    return [one for one in wanted([claim.scenario], None) if one[1] in names]


def _published(claim: Claim, folder: Path) -> Iterator[Reading]:
    """Return the published runs of a claim as readings, a score turned into an error."""
    if not claim.scenario:
        return
    names = {c.published: c.name for c in claim.contenders.values()}
    for run in Record(folder / "published").runs:
        if run.scenario == claim.scenario and run.contender in names:
            value = 1 - run.value / claim.ceiling if claim.ceiling else run.value
            yield Reading(
                claim.task, names[run.contender], run.seed, value, run.gradients, 0, run.flow_steps
            )


def _findings(claims: Claims, hindered: dict[str, str], out: Path) -> list[Finding]:
    found: list[Finding] = []
    for claim in claims.claims:
        if why := hindered.get(claim.key):
            found += not_testable(claim, why)
        else:
            found += findings_of(claim, out / claim.key, list(_published(claim, out)))
    return found


def _hindrance(claim: Claim, options: Options) -> str:
    """Say what this machine lacks for a claim: a GPU, or data."""
    if claim.gpu and options.effort.device == "cpu":
        return "It needs a GPU: run it with --device cuda."
    registry = Registry()
    try:
        for name in claim.tasks:
            registry.task(name)
    except InputError as error:
        if "flowadam data get" in str(error):
            return str(error)
        raise
    return ""


def _say(words: str) -> None:
    typer.echo(words, err=True)
