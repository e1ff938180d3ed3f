"""Rod flow studies on the sweep: rates, runs, resume, report, refusals."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import search_spaces
import trainables
from analysis.edge.report import text, write_page, write_parquet
from analysis.edge.runs import read_runs
from analysis.edge.trace import trace_text, write_trace
from flowadam.cli.app import app
from flowadam.edge.catalogs import tracked
from flowadam.edge.problems import PROBLEMS, methods, task_name
from flowadam.edge.run import RATES, find_rate, run_problem, trace_problem
from flowadam.edge.studies import Extent
from flowadam.edge.suited import kinks_of
from flowadam.errors import InputError
from flowadam.meter import GradMeter
from flowadam.probes import TRACKING
from flowadam.sweep import Bench, LocalEngine, Stop
from flowadam.task import Task
from flowadam.tracking import Mirror
from flowadam.trial import run_seed, run_trial

EXTENT = Extent(seeds=2, steps=6)


class Silent:
    def phase(self, name: str, total: int, done: int) -> None: ...
    def rows(self, rows: list[Any]) -> None: ...


def tiny(name: str) -> Task:
    return trainables.get(name).tiny()


def bench() -> Bench:
    return Bench(tiny, search_spaces.get, LocalEngine(), Silent(), Stop(), lambda _: None)


def with_rates(folder: Path, **rates: float) -> Path:
    lines = [f"{name} = {lr}" for name, lr in rates.items()]
    folder.mkdir(exist_ok=True)
    (folder / RATES).write_text("\n".join(["[edge_mlp]", *lines]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_rates(tmp_path_factory.mktemp("rodflow"), gd=0.3, adam=0.05)
    assert run_problem("mlp", ["gd", "adam"], EXTENT, folder / "mlp", bench()) == 0
    return folder


def test_a_study_has_a_run_for_every_method_and_seed(studied: Path) -> None:
    runs = read_runs(studied / "mlp")
    assert [(run.optimizer, run.seed) for run in runs] == [
        (name, seed) for name in ("gd", "adam") for seed in (0, 1)
    ]
    assert {run.lr for run in runs} == {0.3, 0.05}
    assert {run.status for run in runs} == {"ok"}
    for run in runs:
        assert set(run.readings) == set(TRACKING)
        assert run.series("rod_error").steps[-1] == 6
        assert run.series("rod_error").last < 0.1


def test_the_same_command_runs_nothing_and_more_seeds_run_alone(studied: Path) -> None:
    before = (studied / "mlp" / "ledger.jsonl").read_text(encoding="utf-8")
    assert run_problem("mlp", ["gd", "adam"], EXTENT, studied / "mlp", bench()) == 0
    assert (studied / "mlp" / "ledger.jsonl").read_text(encoding="utf-8") == before


def test_runs_of_the_present_length_are_read(tmp_path: Path) -> None:
    folder = with_rates(tmp_path / "out", gd=0.3)
    for steps in (6, 4, 6):
        run_problem("mlp", ["gd"], replace(EXTENT, steps=steps), folder / "mlp", bench())
    runs = read_runs(folder / "mlp")
    assert [run.series("rod_error").steps[-1] for run in runs] == [6, 6]


def test_page_table_and_parquet(studied: Path, tmp_path: Path) -> None:
    runs = {"mlp": read_runs(studied / "mlp"), "cnn": []}
    write_page(tmp_path / "rodflow.html", runs)
    page = (tmp_path / "rodflow.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "adam on edge_mlp" in page
    write_parquet(tmp_path / "rodflow.parquet", runs)
    assert len(pd.read_parquet(tmp_path / "rodflow.parquet")) == 4
    lines = text(runs).splitlines()
    assert lines[0] == "mlp"
    assert [line.split()[0] for line in lines[2:4]] == ["gd", "adam"]


def test_optimizers_are_traced_with_the_probes_of_sweeps(studied: Path, tmp_path: Path) -> None:
    folder = with_rates(tmp_path / "out", adam=0.05)
    names = ["flowadam", "vradam", "dualadam"]
    assert trace_problem("mlp", names, EXTENT, folder / "mlp-trace", bench()) == 0
    runs = {"mlp": read_runs(folder / "mlp-trace")}
    assert [line.split()[0] for line in trace_text(runs).splitlines()[2:]] == names
    write_trace(folder / "trace.html", runs)
    page = (folder / "trace.html").read_text(encoding="utf-8")
    assert "dualadam on edge_mlp" in page and "mixing weight" in page


def test_the_rate_on_a_quadratic_is_just_below_its_threshold() -> None:
    """Eigenvalues 3, 3, 1, 1: the sharpness never changes, so no rate comes to the edge."""
    assert find_rate(tiny("rotated_quadratic"), "gd") == pytest.approx(0.93 * 2 / 3, rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gd", "rmsprop", "adam"])
def test_the_usual_rate_comes_to_the_edge_and_the_rod_stays_closer(name: str) -> None:
    task = trainables.get("edge_mlp")
    catalog = tracked(task, {name: find_rate(task, name)})
    spec, seed, probes = catalog.specs[name], run_seed(0, 0), ["onset", "rod_mean", "stable_mean"]
    run = catalog.tasks["edge_mlp"], spec, spec.defaults, [seed], 160
    (outcome,) = run_trial(*run, dtype="float64", probes=probes)
    last = {p.probe: p.value for p in outcome.probes if p.fraction == 1}
    assert last["onset"] < 160
    assert last["rod_mean"] < 0.25 * last["stable_mean"]


def test_several_points_at_once_are_charged_and_equal_single_ones() -> None:
    for name in ("edge_mlp", "edge_cnn", "edge_transformer"):
        problem = tiny(name).make([0, 1], dtype="float64")
        meter = GradMeter(problem)
        points = [torch.stack([p.detach()[1], 0.5 * p.detach()[1]]) for p in problem.params]
        losses, gradients = meter.at_points(1, points)
        assert meter.used.tolist() == [0, 2]
        for k in range(2):
            with torch.no_grad():
                for p, point in zip(problem.params, points, strict=True):
                    p[1] = point[k]
            torch.testing.assert_close(meter.closure()[1], losses[k])
            for p, gradient in zip(problem.params, gradients, strict=True):
                assert p.grad is not None
                torch.testing.assert_close(p.grad[1], gradient[k])


def test_a_diverging_method_is_an_outcome() -> None:
    spec = tracked(tiny("edge_mlp"), {"nag": 1e6}).specs["nag"]
    (outcome,) = run_trial(tiny("edge_mlp"), spec, spec.defaults, [0], 8, dtype="float64")
    assert outcome.status == "diverged"


def test_tasks_that_draw_batches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="full batch; the task 'char_transformer' draws"):
        run_problem("char_transformer", ["gd"], EXTENT, tmp_path / "c", bench())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "found"), [("edge_mlp", ()), ("edge_cnn", ()), ("link_prediction_small", ("Relu",))]
)
def test_kinks_of_a_task_are_named(name: str, found: tuple[str, ...]) -> None:
    assert kinks_of(tiny(name)) == found


def test_a_stopped_search_for_a_rate_leaves_runs_and_no_rate(tmp_path: Path) -> None:
    stopped = replace(bench(), stop=Stop())
    stopped.stop.request()
    assert run_problem("mlp", ["gd", "adam"], EXTENT, tmp_path / "mlp", stopped) == 2 * EXTENT.seeds
    assert not (tmp_path / "mlp").exists()


def test_unknown_problems_and_traced_names_are_told_before_anything_runs(tmp_path: Path) -> None:
    words = ["rodflow", "--out", str(tmp_path / "o"), "--problem", "nope"]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, InputError) and "Short names: mlp, cnn" in str(error)
    words = ["rodflow", "--out", str(tmp_path / "o"), "--tracking-uri", "foo://x"]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, InputError) and "must begin with one of" in str(error)
    with pytest.raises(InputError, match="Unknown optimizer 'gd'"):
        trace_problem("mlp", ["gd"], EXTENT, tmp_path / "o" / "mlp-trace", bench())
    assert not (tmp_path / "o").exists()


def test_other_scales_and_problems_keep_their_pages(studied: Path) -> None:
    tables = CliRunner().invoke(app, ["rodflow", "--table", "--out", str(studied)])
    first = (studied / "rodflow.html").read_text()
    assert tables.exit_code == 0
    shutil.copytree(studied / "mlp", studied / "mlp-0.5")
    words = ["rodflow", "--table", "--scale", "0.5", "--out", str(studied)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "mlp at 0.5 of the usual rates" in done.output
    assert (studied / "rodflow.html").read_text() == first
    assert "0.5 of the usual rates" in (studied / "rodflow-0.5.html").read_text()


@pytest.mark.slow
def test_a_study_and_its_page_come_to_mlflow(studied: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    folder = tmp_path / "mlp"
    shutil.copytree(studied / "mlp", folder)
    write_page(folder / "report.html", {"mlp": read_runs(folder)})
    assert Mirror(folder).log_report(folder / "report.html") is None
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = (e for e in client.search_experiments() if e.name != "Default")
    runs = client.search_runs([experiment.experiment_id])
    named = {run.info.run_name for run in runs}
    assert any("adam" in str(name) for name in named) and len(runs) >= 3
    logged = [file.path for run in runs for file in client.list_artifacts(run.info.run_id)]
    assert "report.html" in logged


@pytest.mark.slow
def test_on_ray_the_readings_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's driver works in a folder of its own; the one that is asked for is the caller's."""
    monkeypatch.chdir(tmp_path)
    words = ["rodflow", "--problem", "quadratic", "--optimizer", "gd", "--optimizer", "adam"]
    words += ["--seeds", "2", "--steps", "20"]
    for engine in ("ray", "local"):
        done = CliRunner().invoke(app, [*words, "--engine", engine, "--out", f"by_{engine}"])
        assert done.exit_code == 0, done.output
    one, other = (read_runs(tmp_path / f"by_{e}" / "quadratic") for e in ("ray", "local"))
    assert len(one) == 4
    for a, b in zip(one, other, strict=True):
        assert repr(a) == repr(b)


def test_names() -> None:
    assert methods(["all"])[:3] == ["gd", "hb", "nag"]
    assert methods(["adam", "gd"]) == ["gd", "adam"]
    assert [task_name(name) for name in (*PROBLEMS, "digits_mlp")] == [
        *PROBLEMS.values(),
        "digits_mlp",
    ]
    with pytest.raises(InputError, match=r"Unknown optimizer 'adan'\. Did you mean 'adam'\?"):
        methods(["adan"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"seeds": 0}, "`seeds` must be at least 1, got 0"),
        ({"steps": 0}, "`steps` must be at least 4, got 0"),
        ({"steps": 3}, "`steps` must be at least 4, got 3"),
        ({"scale": 0.0}, "`scale` must be a positive finite number, got 0.0"),
    ],
)
def test_extents_are_checked(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(EXTENT, **options)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--steps", "0"], "`steps` must be at least 4, got 0"),
        (["--engine", "ray", "--workers", "0"], "`workers` must be at least 1, got 0"),
        (["--workers", "2"], "--workers is for --engine ray"),
    ],
)
def test_wrong_words_run_nothing(words: list[str], sentence: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rodflow", *words, "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, InputError) and sentence in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_the_command_prints_a_table_of_what_is_there(studied: Path) -> None:
    done = CliRunner().invoke(app, ["rodflow", "--table", "--out", str(studied)])
    assert done.exit_code == 0, done.output
    assert "alternating / stable" in done.output
    assert json.dumps(str(studied / "rodflow.html"))[1:-1] in done.output.replace("\n", "")


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["rodflow", "--table", "--out", str(tmp_path)])
    assert isinstance(done.exception, InputError)
    assert "must hold runs of mlp, it has none" in str(done.exception)
