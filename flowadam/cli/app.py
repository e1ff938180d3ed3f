"""The commands and their options. Heavy libraries are imported inside them."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Tune optimizers with equal, counted effort, and see what survives.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data", help="Real data sets: what there is, get one, where they are.")

rodflow_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(rodflow_app, name="rodflow", help="Continuous-time models of optimizers.")

Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", help="Python file with optimizers or tasks; repeatable."),
]
# Absolute: Ray moves this process to a folder of its own.
Out = Annotated[Path, typer.Option(help="Folder.", resolve_path=True)]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder.")]


def _version(wanted: bool) -> None:
    if wanted:
        from flowadam import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options that stand before or after any command."""


@app.command()
def sweep(
    study: Annotated[Path | None, typer.Argument(metavar="STUDY.toml")] = None,
    task: Annotated[list[str] | None, typer.Option(help="Task; repeatable.")] = None,
    optimizer: Annotated[
        list[str] | None,
        typer.Option(help="Optimizer; repeatable. Default: all built-in ones and --plugin's."),
    ] = None,
    plugin: Plugins = None,
    trials: Annotated[int | None, typer.Option(help="Configurations per optimizer.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Search seeds per configuration.")] = None,
    confirm_seeds: Annotated[int | None, typer.Option(help="Fresh seeds for winners.")] = None,
    substudies: Annotated[int | None, typer.Option(help="Parts that each elect a winner.")] = None,
    phase: Annotated[
        list[str] | None,
        typer.Option(help="search, confirm, sensitivity or timing; repeatable."),
    ] = None,
    budget: Annotated[
        list[int] | None, typer.Option(help="Gradient evaluations of a run; repeatable.")
    ] = None,
    sampler: Annotated[str | None, typer.Option(help="random, qmc, tpe, gp or cmaes.")] = None,
    batch: Annotated[int | None, typer.Option(help="Points asked at a time (tpe ...).")] = None,
    selection: Annotated[str | None, typer.Option(help="best (early stopping) or final.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, cosine, linear or wsd, over the used budget.")
    ] = None,
    warmup: Annotated[float | None, typer.Option(help="Warm-up, a share of the budget.")] = None,
    control: Annotated[
        list[str] | None, typer.Option(help="Optimizer outside all tests; repeatable.")
    ] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option(help="Optimizer of the phase sensitivity; repeatable.")
    ] = None,
    trajectories: Annotated[int | None, typer.Option(help="Morris trajectories.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Timed runs of each winner.")] = None,
    seed: Annotated[int | None, typer.Option(help="Root of all random streams.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float32 or float64.")] = None,
    data: Annotated[Path | None, typer.Option(help="Ratings: a Parquet or CSV file.")] = None,
    user: Annotated[str | None, typer.Option(help="Its column of users.")] = None,
    item: Annotated[str | None, typer.Option(help="Its column of items.")] = None,
    rating: Annotated[str | None, typer.Option(help="Its column of ratings.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    gpu: Annotated[float | None, typer.Option(help="GPUs per trial, may be a fraction.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds per group.")] = None,
    probe: Annotated[
        list[str] | None, typer.Option(help="Probe, see `flowadam probes`; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder. Default: results/<study>.")] = None,
    engine: Annotated[str, typer.Option(help="ray or local (this process).")] = "ray",
    address: Annotated[str | None, typer.Option(help="Ray cluster: auto or host:port.")] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at a time.")] = None,
    deadline: Annotated[str | None, typer.Option(help="Stop cleanly after 90s, 30m, 8h.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow server.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan, run nothing.")
    ] = False,
) -> None:
    """Tune, confirm on fresh seeds, report. The same command again runs only what is missing."""
    options = dict(locals())  # before there are other names
    from flowadam.cli.sweep import run_sweep
    from flowadam.plugins import absolute
    from flowadam.study import Study

    keys = {f.name: options.get(f.name) for f in fields(Study)}
    keys["plugin"] = [absolute(path) for path in plugin] if plugin else None
    keys["data"] = str(data.resolve()) if data else None
    run_sweep(
        study,
        {name: value for name, value in keys.items() if value is not None},
        out=out,
        engine=engine,
        address=address,
        workers=workers,
        deadline=deadline,
        tracking_uri=tracking_uri,
        dry_run=dry_run,
    )


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="STUDY.toml")] = Path("study.toml"),
) -> None:
    """Write a study file with a comment for every key."""
    from flowadam.cli.init import write_template

    write_template(path)


@app.command()
def status(folder: Folder) -> None:
    """Say what is done, missing and failed, by task and optimizer."""
    from flowadam.cli.status import show_status

    show_status(folder)


@app.command()
def report(folder: Folder) -> None:
    """Build report.html again from the store, and print the table."""
    from flowadam.cli.report import make_report

    make_report(folder)


@app.command()
def replay(
    folder: Folder,
    key: Annotated[str, typer.Argument(metavar="KEY", help="A row's key, or its beginning.")],
) -> None:
    """Run one row again in this process and say whether it agrees."""
    from flowadam.cli.replay import replay_row

    replay_row(folder, key)


@app.command()
def ui(
    folder: Folder,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
) -> None:
    """Open the MLflow UI on the study, on this machine only."""
    from flowadam.cli.ui import serve

    serve(folder, port)


@app.command()
def tasks(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show its options.")] = None,
    plugin: Plugins = None,
) -> None:
    """List the tasks, those of installed packages too, or the options of one."""
    from flowadam.cli.listing import list_tasks

    list_tasks(name, plugin or [])


@app.command()
def optimizers(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show its space.")] = None,
    plugin: Plugins = None,
) -> None:
    """List the optimizers, or one's search space with the source of every range.

    Those of installed packages stand there too.
    """
    from flowadam.cli.listing import list_optimizers

    list_optimizers(name, plugin or [])


@app.command()
def probes() -> None:
    """List the probes, which look into runs at the marks of their curves."""
    from flowadam.cli.listing import list_probes

    list_probes()


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A task or an optimizer.")],
    plugin: Plugins = None,
) -> None:
    """Run the contract suite for one optimizer or task."""
    from flowadam.cli.check import check_name

    check_name(name, plugin or [])


@app.command()
def published(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Scenarios. Default: all.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="How many of the published seeds.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes. Default: all cores.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the record.")] = Path("results/published"),
    table: Annotated[bool, typer.Option("--table", help="Run nothing, print the table.")] = False,
    claimed: Annotated[
        bool, typer.Option("--claimed", help="Print only what has a published number.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
) -> None:
    """Run the papers' experiments as published, beside the numbers they claim."""
    from flowadam.cli.published import list_published, run_published

    if listed:
        list_published()
        return
    run_published(names or [], out, seeds=seeds, jobs=jobs, measure=not table, claimed=claimed)


@app.command()
def audit(
    claims: Annotated[
        str,
        typer.Argument(metavar="[CLAIMS]", help="A file of claims, or the name of ours."),
    ] = "flowadam",
    only: Annotated[list[str] | None, typer.Option(help="Claim; repeatable. Default: all.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds of every comparison.")] = 10,
    trials: Annotated[int, typer.Option(help="Configurations where everybody is tuned.")] = 16,
    out: Out = Path("results/audit"),
    engine: Annotated[str, typer.Option(help="local (this process) or ray.")] = "local",
    workers: Annotated[int | None, typer.Option(help="Trials at a time (ray).")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    time_limit: Annotated[float, typer.Option(help="Wall seconds of a run.")] = 600.0,
    table: Annotated[bool, typer.Option("--table", help="Run nothing, print the table.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the claims.")] = False,
) -> None:
    """Put published claims to the test: as published, and with each correction."""
    from flowadam.audit.studies import Effort
    from flowadam.cli.audit import Options, run_audit
    from flowadam.cli.claim_list import list_claims

    if listed:
        list_claims(claims)
        return
    effort = Effort(trials=trials, seeds=seeds, device=device, time_limit=time_limit)
    run_audit(claims, Options(out, effort, only or [], engine, workers, measure=not table))


@data_app.command("list")
def data_list() -> None:
    """List the data sets: content, size, terms, and whether they are here."""
    from flowadam.cli.data import list_data

    list_data()


@data_app.command("get")
def data_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="See `flowadam data list`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Agree to the terms, for scripts.")] = False,
    url: Annotated[
        str | None,
        typer.Option(help="Another address of the file (or, of several, of their folder)."),
    ] = None,
) -> None:
    """Show the terms, ask, then download, check and parse. The same command again goes on."""
    from flowadam.cli.data import get_data

    get_data(name, yes=yes, url=url)


@data_app.command("where")
def data_where() -> None:
    """Print the folder of the data sets, and the files that are there."""
    from flowadam.cli.data import show_folder

    show_folder()


@rodflow_app.callback()
def rodflow_root(
    context: typer.Context,
    problem: Annotated[
        list[str] | None,
        typer.Option(help="mlp, cnn, transformer, quadratic or a task; repeatable. Default: mlp."),
    ] = None,
    optimizer: Annotated[
        list[str] | None,
        typer.Option(help="gd, hb, ... or all; with --trace a registered one. Repeatable."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Starts of every optimizer.")] = 5,
    steps: Annotated[
        int | None,
        typer.Option(help="Optimizer steps from near the edge. Default: 200, of --trace 3000."),
    ] = None,
    scale: Annotated[float, typer.Option(help="Factor of the usual rates.")] = 1.0,
    out: Out = Path("results/rodflow"),
    engine: Annotated[str, typer.Option(help="local (this process) or ray.")] = "local",
    workers: Annotated[int | None, typer.Option(help="Trials at a time (ray).")] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="FlowAdam, VRAdam, DualAdam at the edge, no flows.")
    ] = False,
    table: Annotated[bool, typer.Option("--table", help="Run nothing, print the table.")] = False,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow server.")] = None,
) -> None:
    """Continuous-time models of optimizers: stable flow and rod flow beside the optimizer."""
    if context.invoked_subcommand is not None:
        return
    from flowadam.cli.track import Options, run_tracking
    from flowadam.edge.studies import Extent

    usual = 3000 if trace else 200
    extent = Extent(seeds, usual if steps is None else steps, scale)
    chosen = list(dict.fromkeys(problem or ["mlp"])), optimizer or []
    shown = trace, not table, tracking_uri
    run_tracking(Options(*chosen, extent, out, engine, workers, *shown))


@rodflow_app.command("verify")
def rodflow_verify(
    path: Annotated[Path, typer.Argument(metavar="FILE.npz", help="A recorded problem.")],
    max_ratio: Annotated[
        float | None,
        typer.Option(help="Largest error over the stable flow's. Default: 0.25, of hb 0.6."),
    ] = None,
) -> None:
    """Measure every flow on a recorded problem; exit 0 when the alternating rod keeps to it."""
    from flowadam.cli.rodflow import verify_file

    verify_file(path, max_ratio)
