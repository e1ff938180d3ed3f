"""`cluster.yaml` passes every check, and every check fails on a file with its fault."""

from __future__ import annotations

import copy
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_launcher import (
    LAUNCHER_RULES,
    Config,
    known_keys,
    nodes_meet,
    nothing_inherited,
    ray_accepts,
    shell_reads,
)
from cluster_pins import CONSTRAINTS, PIN_RULES, ROOT, one_python, pinned, pins_fit
from cluster_policy import (
    POLICY_RULES,
    TOKEN,
    authenticated,
    dashboard_on_loopback,
    head_without_trials,
    instance_resources,
    storage_shared,
    worker_counts,
)
from ray.scripts.scripts import cli as ray_cli

Rule = Callable[[Config], Iterator[str]]
FILE = ROOT / "cluster.yaml"
TEXT = FILE.read_text()
CLUSTER: Config = yaml.safe_load(TEXT)
RULES: tuple[Rule, ...] = LAUNCHER_RULES + POLICY_RULES + PIN_RULES
HEAD = ("available_node_types", "head")
GPU = ("available_node_types", "gpu")


def put(*path: Any) -> Callable[[Config], None]:
    """The fault of setting the value at a path: `put("provider", "type", "aws")`."""

    def apply(config: Config) -> None:
        *keys, last, value = path
        for key in keys:
            config = config[key]
        config[last] = value

    return apply


def drop(*path: str) -> Callable[[Config], None]:
    """The fault of leaving the key at a path out."""

    def apply(config: Config) -> None:
        *keys, last = path
        for key in keys:
            config = config[key]
        del config[last]

    return apply


def swap(key: str, old: str, new: str) -> Callable[[Config], None]:
    """The fault of another text in the commands of `key`."""

    def apply(config: Config) -> None:
        changed = [command.replace(old, new) for command in config[key]]
        assert changed != config[key], f"{old!r} does not stand in {key}"
        config[key] = changed

    return apply


def also(key: str, command: str) -> Callable[[Config], None]:
    """The fault of one command more in `key`."""
    return lambda config: config[key].append(command)


# (the rule, the fault, words of its sentence)
MUTATIONS: list[tuple[Rule, Callable[[Config], None], str]] = [
    (ray_accepts, put("autoscaling_mode", "default"), "autoscaling_mode"),
    (ray_accepts, put(*GPU, "max_worker", 4), "max_worker"),
    (ray_accepts, put(*GPU, "resources", "GPU", 0.5), "0.5"),
    (ray_accepts, put("head_node_type", "haed"), "head_node_type"),
    (nothing_inherited, drop(*GPU, "min_workers"), "min_workers"),
    (nothing_inherited, drop(*GPU, "max_workers"), "max_workers"),
    (known_keys, put("provider", "regoin", "us-east-1"), "regoin"),
    (known_keys, put(*GPU, "node_config", "InstnceType", "g5.xlarge"), "InstnceType"),
    (known_keys, put(*GPU, "node_config", "InstanceMarketOptions", {"MarketTyp": "spot"}), "Typ"),
    (known_keys, put(*HEAD, "node_config", "SecurityGroupIds", "sg-1"), "SecurityGroupIds"),
    (known_keys, put(*GPU, "worker_setup_commands", []), "worker_setup_commands"),
    (shell_reads, also("setup_commands", "echo 'open"), "open"),
    (nodes_meet, swap("head_start_ray_commands", "--port", "--prot"), "--prot"),
    (nodes_meet, swap("head_start_ray_commands", "--port=6379", "--port=6380"), "6380"),
    (nodes_meet, swap("worker_start_ray_commands", "$RAY_HEAD_IP", "localhost"), "localhost"),
    (nodes_meet, swap("worker_start_ray_commands", "ray start", "ray stop"), "got 0"),
    (nodes_meet, swap("head_start_ray_commands", "--autoscaling-config", "--temp-dir"), "launched"),
    (head_without_trials, put(*HEAD, "resources", {}), "no trial"),
    (head_without_trials, put(*HEAD, "resources", {"CPU": 0, "GPU": 1}), "no trial"),
    (head_without_trials, put(*HEAD, "max_workers", 1), "got 1"),
    (worker_counts, put(*GPU, "max_workers", 99), "sum"),
    (worker_counts, put(*GPU, "min_workers", 1), "must be 0"),
    (worker_counts, put(*GPU, "max_workers", 0), "at least 1"),
    (instance_resources, put(*GPU, "resources", {"CPU": 8}), "1 GPUs"),
    (instance_resources, put(*GPU, "resources", {"CPU": 8, "GPU": 4}), "got 4"),
    (instance_resources, put(*GPU, "resources", {"CPU": 999, "GPU": 1}), "got 999"),
    (instance_resources, put(*GPU, "node_config", "InstanceType", "g6.huge"), "g6.huge"),
    (storage_shared, drop("metadata", "storage"), "got ''"),
    (storage_shared, put("metadata", "storage", "results"), "results"),
    (storage_shared, put("metadata", "storage", "s3://"), "s3://"),
    (storage_shared, put("metadata", "storage", "file:///home/me"), "/home/me"),
    (storage_shared, swap("setup_commands", "mount -t", "true"), "must mount"),
    (authenticated, swap("head_start_ray_commands", "RAY_AUTH_MODE=token ", ""), "ray stop"),
    (authenticated, swap("worker_start_ray_commands", "=token ray start", "=x ray start"), "start"),
    (authenticated, also("head_setup_commands", "ray status"), "ray status"),
    (authenticated, swap("setup_commands", "export RAY_AUTH_MODE=token", "export"), "export"),
    (authenticated, drop("file_mounts", TOKEN), "ship"),
    (authenticated, swap("initialization_commands", "chmod 600", "chmod 644"), "chmod 600"),
    (dashboard_on_loopback, swap("head_start_ray_commands", "127.0.0.1", "0.0.0.0"), "0.0.0.0"),
    (dashboard_on_loopback, swap("head_start_ray_commands", "--dashboard-host=127.0.0.1", ""), "w"),
    (pinned, swap("head_setup_commands", "boto3", "boto3==1.0.0"), "boto3==1.0.0"),
    (pinned, swap("head_setup_commands", "boto3", "leftpad"), "leftpad"),
    (pinned, swap("head_setup_commands", "-c ~/flowadam/constraints.txt", ""), "-c"),
    (pinned, put("file_mounts", "~/flowadam/constraints.txt", "other.txt"), "-c"),
    (pinned, swap("setup_commands", "flowadam-0.1.0", "flowadam-9.9.9"), "wheel must"),
    (pinned, swap("setup_commands", ".whl", ""), "install the project's wheel"),
    (pinned, also("setup_commands", "pip install -c ~/flowadam/constraints.txt a && b"), "'&&'"),
    (one_python, put(*GPU, "node_config", "ImageId", "ami-other"), "ami-other"),
    (one_python, swap("setup_commands", "python3.12 -m venv", "python3.10 -m venv"), "got 3.10"),
    (one_python, also("worker_setup_commands", "python3.13 -m venv ~/other"), "3.13"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_file_passes(rule: Rule) -> None:
    assert list(rule(copy.deepcopy(CLUSTER))) == []


@pytest.mark.parametrize(
    ("rule", "fault", "words"),
    MUTATIONS,
    ids=[f"{rule.__name__}-{n}" for n, (rule, _, _) in enumerate(MUTATIONS)],
)
def test_a_fault_is_named(rule: Rule, fault: Callable[[Config], None], words: str) -> None:
    config = copy.deepcopy(CLUSTER)
    fault(config)
    faults = list(rule(config))
    assert any(words in sentence for sentence in faults), faults


def test_every_rule_names_a_fault() -> None:
    # The faults of `pins_fit` are those of constraints.txt, tested below.
    assert {rule for rule, _, _ in MUTATIONS} | {pins_fit} == set(RULES)


@pytest.mark.parametrize("key", sorted(CLUSTER))
def test_no_key_may_be_left_out(key: str) -> None:
    config = {name: value for name, value in CLUSTER.items() if name != key}
    assert any(list(rule(config)) for rule in (ray_accepts, nothing_inherited, storage_shared))


@pytest.mark.parametrize(
    ("package", "version", "words"),
    [("torch", "2.13.0+cpu", "torch==2.13.0+cpu"), ("ray", "1.0", "got 1.0")],
)
def test_constraints_must_fit_every_node(
    package: str, version: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = re.sub(rf"(?m)^{package}==.*$", f"{package}=={version}", CONSTRAINTS.read_text())
    (tmp_path / CONSTRAINTS.name).write_text(pins)
    monkeypatch.setattr("cluster_pins.CONSTRAINTS", tmp_path / CONSTRAINTS.name)
    assert any(words in sentence for sentence in pins_fit(CLUSTER))


def test_missing_constraints_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_pins.CONSTRAINTS", tmp_path / "constraints.txt")
    with pytest.raises(AssertionError, match="must stand beside"):
        list(pins_fit(CLUSTER))


def test_the_shell_of_a_node_is_authenticated(tmp_path: Path) -> None:
    """The commands on the token and the shell do what they say, also when run twice."""
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    (tmp_path / ".bashrc").write_text("export BEFORE=1\n")
    lines = CLUSTER["initialization_commands"] + CLUSTER["setup_commands"]
    local = [line for line in lines if TOKEN in line or "~/.bashrc" in line]
    script = "; ".join([*local, *local, ". ~/.bashrc; echo $BEFORE $RAY_AUTH_MODE $PATH"])
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    result = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith(f"1 token {tmp_path}/flowadam/env/bin:")
    assert (tmp_path / ".bashrc").read_text().count("RAY_AUTH_MODE") == 1
    assert token.stat().st_mode & 0o777 == 0o600


def test_the_commands_in_the_comments_are_rays() -> None:
    joined = TEXT.replace("\\\n#", "")
    lines = [shlex.split(line) for line in re.findall(r"(?m)^#   ray (.*)$", joined)]
    assert {"up", "rsync-up", "exec", "down"} <= {name for name, *_ in lines}
    for name, *words in lines:
        assert FILE.name in words
        ray_cli.commands[name].make_context(name, words)
