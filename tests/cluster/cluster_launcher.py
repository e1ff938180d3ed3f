"""What Ray's launcher and AWS say about a cluster file, asked without credentials or network.

A rule takes the parsed file and yields one sentence per fault.
"""

from __future__ import annotations

import copy
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import botocore.session
import click
import jsonschema
from botocore.validate import ParamValidator
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start as ray_start

Config = dict[str, Any]

COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)
# Keys that Ray's AWS provider reads; Ray itself lets any other key pass unread.
PROVIDER_KEYS = {
    "type",
    "region",
    "availability_zone",
    "cache_stopped_nodes",
    "use_internal_ips",
    "use_external_head_ip",
    "security_group",
    "key_pair",
}
# Commands and images of a single node type are left out: they would replace the common ones.
NODE_TYPE_KEYS = {"resources", "labels", "min_workers", "max_workers", "node_config"}


def ray_accepts(config: Config) -> Iterator[str]:
    """Ray prepares and validates the file, and again what it prepared, as the head node does."""
    try:
        prepared = prepare_config(copy.deepcopy(config))
        validate_config(prepared)
        validate_config(prepare_config(prepared))
    except KeyError as missing:
        yield f"Ray needs the key {missing}."
    except (ValueError, RuntimeError, jsonschema.ValidationError) as error:
        yield f"Ray refuses the file: {str(error).splitlines()[0]}"


def nothing_inherited(config: Config) -> Iterator[str]:
    """What Ray would run is what the file says: no default of the provider is merged in."""
    prepared = prepare_config(copy.deepcopy(config))
    for key in sorted(prepared.keys() - config.keys()):
        yield f"`{key}` must be written out, Ray would fill in {prepared[key]!r}."
    for name, node in config["available_node_types"].items():
        for key in sorted(prepared["available_node_types"][name].keys() - node.keys()):
            yield f"`{key}` of node type `{name}` must be written out."


def known_keys(config: Config) -> Iterator[str]:
    """Keys that Ray hands on unread are keys its AWS provider or EC2's RunInstances knows."""
    for key in sorted(config["provider"].keys() - PROVIDER_KEYS):
        yield f"`provider` must hold known keys only, got `{key}`."
    for name, node in config["available_node_types"].items():
        for key in sorted(node.keys() - NODE_TYPE_KEYS):
            yield f"node type `{name}` must hold known keys only, got `{key}`."
        yield from _ec2_faults(name, node["node_config"])


def _ec2_faults(name: str, node_config: Config) -> Iterator[str]:
    service = botocore.session.get_session().get_service_model("ec2")
    shape = service.operation_model("RunInstances").input_shape
    # Ray sets the counts itself and picks one of its own key `SubnetIds`.
    request = {key: value for key, value in node_config.items() if key != "SubnetIds"}
    report = ParamValidator().validate({**request, "MinCount": 1, "MaxCount": 1}, shape)
    if report.has_errors():
        yield f"node_config of `{name}`: {report.generate_report()}"


def commands(config: Config) -> list[tuple[str, str]]:
    """Every shell command of the file as (key, command), in the order Ray runs them."""
    return [(key, command) for key in COMMANDS for command in config[key]]


def shell_reads(config: Config) -> Iterator[str]:
    """Every command parses in bash."""
    for key, command in commands(config):
        check = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
        if check.returncode:
            yield f"`{key}` holds a command bash cannot read: {command!r}"


def start_context(config: Config, key: str) -> click.Context:
    """The options of the one `ray start` in `config[key]`, read by Ray's own command line.

    Errors: `click.UsageError` for an option `ray start` does not have, `ValueError` unless
    exactly one command starts Ray.
    """
    lines = [command for command in config[key] if "ray start" in command]
    if len(lines) != 1:
        raise ValueError(f"`{key}` must start Ray once, got {len(lines)} such commands.")
    words = shlex.split(lines[0].partition("ray start")[2])
    return ray_start.make_context("ray start", words)


def nodes_meet(config: Config) -> Iterator[str]:
    """Head and workers start Ray with options it has, and the workers find the head's port."""
    try:
        head = start_context(config, "head_start_ray_commands").params
        worker = start_context(config, "worker_start_ray_commands").params
    except (click.UsageError, ValueError) as error:
        yield str(error)
        return
    if not head["head"] or head["autoscaling_config"] is None:
        yield "the head must start with --head and --autoscaling-config, or no worker is launched."
    if worker["address"] != f"$RAY_HEAD_IP:{head['port']}":
        yield f"workers must join $RAY_HEAD_IP:{head['port']}, got {worker['address']}."


LAUNCHER_RULES = (ray_accepts, nothing_inherited, known_keys, shell_reads, nodes_meet)
