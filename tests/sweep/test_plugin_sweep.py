"""A user's own code on the workers of a real Ray, which have never seen its files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sweep_driver import TRAINABLE, SearchOnRay, Talker
from sweep_tools import contents, environment, eventually, workers_of

from flowadam.cli.catalog import make_catalog
from flowadam.cli.registry import Registry
from flowadam.errors import FlowAdamError
from flowadam.plugins import read_plugin
from flowadam.store import Store
from flowadam.study import read_study
from flowadam.sweep import (
    Engine,
    LocalEngine,
    RayEngine,
    Stop,
    SweepResult,
    grown_study,
    open_store,
    sweep,
)

OPT = """
import torch
from flowadam import OptimizerSpec, Space
from search_spaces.shared import LR, PENALTY

class Own(torch.optim.SGD):
    def step(self, closure=None):
        loss = super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(1 - 0.01 * group["lr"])
        return loss

def make(params, *, lr: float):
    return Own(params, lr=lr)

def spec(name, factory):
    defaults = {"opt.lr": 0.1, "task.penalty": 1e-5}
    return OptimizerSpec(name, factory, Space((LR, PENALTY)), defaults, "test")

FIRST = spec("named", make)
SECOND = spec("nameless", lambda params, *, lr: Own(params, lr=lr))
"""
TASK = """
import os
import time
from dataclasses import dataclass
from flowadam.contract.faults import Counting
from flowadam.contract.quadratic import QuadraticTask

@dataclass(frozen=True)
class Pace:
    variable: str

class Slow(Counting):
    pace = Pace("")

    def closure(self, active=None):
        time.sleep(float(os.environ.get(self.pace.variable, 0)))
        return super().closure(active)

@dataclass(frozen=True)
class Own(QuadraticTask):
    name: str = "own_task"
    budget: int = 10
    pace: Pace = Pace("PACE")

    def make(self, *args, **options):
        problem = Slow(super().make(*args, **options))
        problem.pace = self.pace
        return problem

TASK = Own()
"""
DRIVER_ONLY = OPT + 'import os\nassert "RAY_RAYLET_PID" not in os.environ, "not at home"\n'
STUDY = """
task = "own_task"
optimizer = ["named", "nameless", "packaged", "adam"]
trials = 2
confirm_seeds = 1
substudies = 1
"""
PLUGINS = {"my own-opt.v2.py": OPT, "task": TASK}


def write_study(folder: Path, plugins: dict[str, str], keys: str = STUDY) -> Path:
    """Write a study, and its plugins into a folder that is on nobody's import path."""
    (folder / "code").mkdir(parents=True)
    for name, text in plugins.items():
        (folder / "code" / name).write_text(text)
    paths = [f"code/{name}" for name in plugins]
    (folder / "study.toml").write_text(f"plugin = {paths}\n{keys}")
    return folder / "study.toml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an installed package that offers an optimizer, on the path of all processes."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "afarpkg-0.3.dist-info"
    info.mkdir()
    (folder / "afarpkg.py").write_text(OPT.replace('"named"', '"packaged"'))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: afarpkg\nVersion: 0.3\n")
    points = "[flowadam.optimizers]\npackaged = afarpkg:FIRST\n"
    (info / "entry_points.txt").write_text(points)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        patch.setenv("PACE", "0.03")
        patch.syspath_prepend(str(folder))
        yield folder


@pytest.fixture(scope="module")
def ray(site: Path) -> Iterator[RayEngine]:
    with RayEngine(TRAINABLE, workers=1) as engine:
        yield engine


def run(path: Path, engine: Engine) -> SweepResult:
    """Sweep a study file into the folder `out` beside it."""
    out = path.parent / "out"
    study = grown_study(out, read_study(path))
    catalog = make_catalog(study, Registry(study.plugin))
    store = open_store(out, study, catalog)
    try:
        talker, stop = Talker(), Stop()
        return sweep(
            study, catalog, store, engine, observer=talker, stop=stop, mirror=lambda store: None
        )
    finally:
        store.close()


def kill_one(driver: int, killed: list[int]) -> None:
    """Kill a worker in the middle of a group."""
    worker = eventually(lambda: next(iter(running(driver)), None))
    time.sleep(0.3)
    worker.kill()
    killed.append(worker.pid)


def running(driver: int) -> list[psutil.Process]:
    return [w for w in workers_of(driver) if "train" in " ".join(w.cmdline())]


def check(tmp_path: Path, swept: Path) -> None:
    """The study was swept as one without Ray is, and its rows name the code they ran with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PACE")
        run(write_study(tmp_path / "calm", PLUGINS), LocalEngine())
    assert contents(swept) == contents(tmp_path / "calm" / "out")
    files = " ".join(str(read_plugin(tmp_path / "calm" / "code" / name)) for name in PLUGINS)
    for row in Store(swept).rows():
        packages = " packaged@afarpkg==0.3" if row["optimizer"] == "packaged" else ""
        assert (row["status"], row["plugins"]) == ("ok", files + packages)


def test_plugins_reach_the_workers_and_a_killed_one_costs_nothing(
    tmp_path: Path, ray: RayEngine
) -> None:
    killed: list[int] = []
    killer = threading.Thread(target=kill_one, args=(os.getpid(), killed))
    killer.start()
    result = run(write_study(tmp_path / "ray", PLUGINS), SearchOnRay(ray))
    killer.join()
    assert len(killed) == 1 and result.left == 0
    check(tmp_path, tmp_path / "ray" / "out")


def test_a_plugin_that_a_worker_cannot_import_stops_the_sweep_with_a_sentence(
    tmp_path: Path, ray: RayEngine
) -> None:
    keys = 'task = "digits_mlp"\noptimizer = "named"\n'
    path = write_study(tmp_path, {"my.py": DRIVER_ONLY}, keys)
    with pytest.raises(FlowAdamError) as error:
        run(path, ray)
    said = "The plugin my.py cannot be imported (line 25): AssertionError: not at home."
    assert str(error.value).startswith("A worker cannot start: ") and said in str(error.value)
    assert Store(tmp_path / "out").rows() == []


@pytest.mark.slow
def test_the_command_in_a_folder_of_its_own(tmp_path: Path, site: Path) -> None:
    path = write_study(tmp_path / "ray", PLUGINS)
    program, out = str(Path(sys.executable).with_name("flowadam")), tmp_path / "ray" / "out"
    (tmp_path / "empty").mkdir()
    with subprocess.Popen(
        [program, "sweep", str(path), "--workers", "2", "--out", str(out)],
        cwd=tmp_path / "empty",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as driver:
        kill_one(driver.pid, [])
        printed, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, printed
    assert not list((tmp_path / "empty").iterdir())
    check(tmp_path, out)
