"""``flowadam sweep``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

import search_spaces
from flowadam.cli.catalog import make_catalog
from flowadam.cli.dry_run import print_plan
from flowadam.cli.engines import check_engine, opened_engine
from flowadam.cli.progress import ProgressLine
from flowadam.cli.registry import Registry, say_plugins
from flowadam.cli.report import build_and_print
from flowadam.cost import confirm_share, pilots
from flowadam.errors import FlowAdamError, InputError
from flowadam.plan import cells
from flowadam.study import Study, make_study, read_study
from flowadam.sweep import (
    Catalog,
    Stop,
    SweepResult,
    grown_study,
    open_store,
    sweep,
)
from flowadam.tracking import Mirror
from flowadam.trial import require_device

TRACKING = ("http", "https", "sqlite", "postgresql", "postgresql+psycopg2", "mysql", "databricks")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def run_sweep(
    path: Path | None,
    keys: Mapping[str, Any],
    *,
    out: Path | None,
    engine: str,
    address: str | None,
    workers: int | None,
    deadline: str | None,
    tracking_uri: str | None,
    dry_run: bool,
) -> None:
    """Read the study, run what is missing, report.

    Raises:
        typer.Exit: code 1 when runs are left or failed.
    """
    check_engine(engine, workers)
    if tracking_uri is not None:
        check_tracking_uri(tracking_uri)
    stop = Stop(parse_duration(deadline) if deadline else None)
    wanted = read_wanted(path, keys)
    if wanted.name in ("", ".", "..") or "/" in wanted.name:
        raise InputError(f"`name` must be the name of one folder, got '{wanted.name}'.")
    folder = (out or Path("results") / wanted.name).resolve()
    study = grown_study(folder, wanted)
    _check_columns(study, keys)
    registry = Registry(study.plugin)
    if path is None and "optimizer" not in keys:
        study = with_optimizers(study, registry.specs)
    catalog = make_catalog(study, registry)
    _check_machine(study, engine, address)
    if dry_run:
        print_plan(study, catalog, folder)
        return
    say_plugins(registry.plugins)
    if deadline and address is None:
        found = pilots(study, catalog.tasks, catalog.specs, cells(study, catalog.tasks))
        stop.confirm_share = confirm_share(found.values())
    with stop.on_interrupt():
        result = _run(study, catalog, folder, engine, address, workers, tracking_uri, stop)
    _say_left(result)
    if result.left or result.failed:
        raise typer.Exit(1)


def read_wanted(path: Path | None, keys: Mapping[str, Any]) -> Study:
    """Return the study of a file, with options on top, or of options alone."""
    if path is not None:
        return read_study(path, keys)
    defaults: dict[str, Any] = {"optimizer": search_spaces.names()}
    if "data" in keys:
        defaults["task"] = ["ratings"]
    if "task" not in {**defaults, **keys}:
        raise InputError("Name a study file, or at least one --task, or --data with ratings.")
    return make_study({**defaults, **keys})


def with_optimizers(study: Study, names: Iterable[str]) -> Study:
    """Return the study with the plugins' optimizers among all of them, the default."""
    return replace(study, optimizer=tuple(dict.fromkeys([*study.optimizer, *names])))


def _check_columns(study: Study, keys: Mapping[str, Any]) -> None:
    for key in ("user", "item", "rating"):
        if key in keys and study.data is None:
            raise InputError(f"--{key} names a column of your ratings: give their file by --data.")


def _check_machine(study: Study, engine: str, address: str | None) -> None:
    """Refuse what this machine cannot give; a cluster is asked when the sweep joins it."""
    if engine == "local":
        for option, value in (("gpu", study.gpu), ("address", address)):
            if value is not None:
                raise InputError(f"--{option} is for --engine ray; the local engine has no use.")
    if address is None:
        require_device(study.device)


def check_tracking_uri(uri: str) -> None:
    """Raise InputError unless MLflow knows the scheme."""
    scheme = uri.partition(":")[0]
    if scheme not in TRACKING:
        raise InputError(
            f"--tracking-uri must begin with one of {', '.join(TRACKING)}; got '{uri}'."
        )


def parse_duration(text: str) -> float:
    """Return the seconds of a duration like 90s, 30m, 8h or 2d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not match or float(match[1]) <= 0:
        raise InputError(f"--deadline must be a number and s, m, h or d, like 8h; got '{text}'.")
    return float(match[1]) * _UNITS[match[2]]


def _run(
    study: Study,
    catalog: Catalog,
    folder: Path,
    engine: str,
    address: str | None,
    workers: int | None,
    tracking_uri: str | None,
    stop: Stop,
) -> SweepResult:
    store = open_store(folder, study, catalog)
    mirror = Mirror(folder, tracking_uri)
    try:
        with opened_engine(engine, workers, address) as runner, ProgressLine() as line:
            result = sweep(study, catalog, store, runner, observer=line, stop=stop, mirror=mirror)
        build_and_print(store, mirror)
    except BrokenPipeError:  # whoever read our lines has gone
        raise
    except OSError as error:
        raise FlowAdamError(
            f"The disk refused a write below {folder} ({error.strerror}). Finished runs are safe; "
            "make room and run the same command again."
        ) from error
    finally:
        store.close()
    return result


def _say_left(result: SweepResult) -> None:
    if result.left:
        why = "You stopped it" if result.interrupted else "The deadline stopped it"
        more = ", and those of winners that are not elected yet" if result.searching else ""
        typer.echo(f"{why}: {result.left} runs are left{more}. The same command goes on with them.")
    if result.failed:
        typer.echo(f"{result.failed} runs failed (status error or timeout); see `flowadam status`.")
