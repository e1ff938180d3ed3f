"""What a cluster file installs: this project's wheel, the pins of constraints.txt, one Python.

A rule takes the parsed file and yields one sentence per fault.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from cluster_launcher import Config, commands
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"


def project() -> dict[str, Any]:
    """The `[project]` table of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def constraints() -> dict[str, str]:
    """The pins of constraints.txt: canonical name to version."""
    assert CONSTRAINTS.exists(), "constraints.txt must stand beside cluster.yaml."
    lines = (line.strip() for line in CONSTRAINTS.read_text().splitlines())
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def pins_fit(config: Config) -> Iterator[str]:
    """The pins name no build of a package, and the Ray that checks this file."""
    pins = constraints()
    for name, version in pins.items():
        if "+" in version:
            yield f"a pin must carry no local version label, got {name}=={version}."
    if pins.get("ray") != ray.__version__:
        yield f"constraints.txt must pin ray=={ray.__version__}, got {pins.get('ray')}."


def pinned(config: Config) -> Iterator[str]:
    """All that pip installs is this project's wheel or a pin of constraints.txt."""
    mounts = config["file_mounts"]
    lines = [command for _, command in commands(config) if "pip install" in command]
    if not any(".whl" in line for line in lines):
        yield "a command must install the project's wheel."
    for line in lines:
        flag, path, *words = [*shlex.split(line.partition("pip install")[2]), "", ""]
        if flag != "-c" or mounts.get(path) != CONSTRAINTS.name:
            yield f"pip must install with -c and the mounted constraints.txt, got {line!r}."
        for word in words:
            if word.endswith(".whl"):
                yield from _wheel_faults(word, mounts)
            elif word and not word.startswith("-"):
                yield from _requirement_faults(word)


def _wheel_faults(word: str, mounts: dict[str, str]) -> Iterator[str]:
    name, version, _, _ = parse_wheel_filename(Path(mounts.get(word, word)).name)
    wanted = (project()["name"], project()["version"])
    if word not in mounts or (name, str(version)) != wanted:
        yield f"the wheel must be mounted and be {' '.join(wanted)}, got {word!r}."


def _requirement_faults(word: str) -> Iterator[str]:
    try:
        wanted = Requirement(word)
    except InvalidRequirement:
        yield f"pip may install the wheel and names of packages only, got {word!r}."
        return
    pin = constraints().get(canonicalize_name(wanted.name))
    if pin is None or wanted.url or str(wanted.specifier) not in ("", f"=={pin}"):
        yield f"pip may install pins of constraints.txt only ({wanted.name}: {pin}), got {word!r}."


def one_python(config: Config) -> Iterator[str]:
    """One image and one Python make the environment of all nodes, one the project supports."""
    nodes = config["available_node_types"].values()
    images = sorted({node["node_config"]["ImageId"] for node in nodes})
    if len(images) != 1:
        yield f"all node types must share one ImageId, got {images}."
    made = [command for _, command in commands(config) if "-m venv" in command]
    versions = re.findall(r"\bpython(\d+\.\d+) -m venv", " ".join(config["setup_commands"]))
    if len(made) != 1 or len(versions) != 1:
        yield f"one command of `setup_commands` must make the environment, got {made}."
    elif versions[0] not in SpecifierSet(project()["requires-python"]):
        yield f"Python must be {project()['requires-python']}, got {versions[0]}."


PIN_RULES = (pins_fit, pinned, one_python)
