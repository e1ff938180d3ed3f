"""The public names load on first use and are what their docstrings say."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import flowadam

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", flowadam.__all__)
def test_every_public_name_loads(name: str) -> None:
    assert getattr(flowadam, name) is not None


def test_every_lazy_name_is_public() -> None:
    assert set(flowadam._HOMES) | {"__version__"} == set(flowadam.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="FlowAdan"):
        _ = flowadam.FlowAdan


def test_importing_flowadam_loads_no_torch() -> None:
    code = "import sys, flowadam, search_spaces, trainables; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == flowadam.__version__


def test_every_dependency_is_pinned() -> None:
    """The environment is made from the pins, which carry no local version labels."""
    pins = (ROOT / "constraints.txt").read_text().split()
    names = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    for line in wanted:
        name = line.split("[")[0].split("=")[0].split(">")[0].split("<")[0].split("~")[0]
        assert name.lower().replace("_", "-") in names, line
    assert all("==" in pin and "+" not in pin for pin in pins)
