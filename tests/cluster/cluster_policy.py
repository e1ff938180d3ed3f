"""What this project asks of a cluster file beyond Ray's own checks.

A rule takes the parsed file and yields one sentence per fault.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from click.core import ParameterSource
from cluster_launcher import Config, commands, start_context

TOKEN = "~/.ray/auth_token"

# EC2 instance type: (vCPUs, GPUs). Add the type you use from AWS's page of instance types.
INSTANCES = {
    "m7i.xlarge": (4, 0), "m7i.2xlarge": (8, 0), "m7i.4xlarge": (16, 0), "m7i.8xlarge": (32, 0),
    "c7i.xlarge": (4, 0), "c7i.2xlarge": (8, 0), "c7i.4xlarge": (16, 0), "c7i.8xlarge": (32, 0),
    "r7i.xlarge": (4, 0), "r7i.2xlarge": (8, 0), "r7i.4xlarge": (16, 0), "r7i.8xlarge": (32, 0),
    "g4dn.xlarge": (4, 1), "g4dn.2xlarge": (8, 1), "g4dn.12xlarge": (48, 4),
    "g5.xlarge": (4, 1), "g5.2xlarge": (8, 1), "g5.12xlarge": (48, 4), "g5.48xlarge": (192, 8),
    "g6.xlarge": (4, 1), "g6.2xlarge": (8, 1), "g6.12xlarge": (48, 4), "g6.48xlarge": (192, 8),
    "g6e.xlarge": (4, 1), "g6e.2xlarge": (8, 1), "g6e.12xlarge": (48, 4),
    "p4d.24xlarge": (96, 8), "p5.48xlarge": (192, 8),
}  # fmt: skip


def workers(config: Config) -> dict[str, Config]:
    """The node types that may run trials: all but the head's."""
    nodes = config["available_node_types"]
    return {name: node for name, node in nodes.items() if name != config["head_node_type"]}


def head_without_trials(config: Config) -> Iterator[str]:
    """The head offers no CPU and no GPU, and is not launched a second time as a worker."""
    head = config["available_node_types"][config["head_node_type"]]
    if head["resources"].get("CPU") != 0 or head["resources"].get("GPU", 0) != 0:
        yield f"the head must offer no trial a place, got resources {head['resources']}."
    if head["max_workers"] != 0:
        yield f"`max_workers` of the head must be 0, got {head['max_workers']}."


def worker_counts(config: Config) -> Iterator[str]:
    """Every node type starts at zero, and their sum fits below the cluster's limit."""
    for name, node in workers(config).items():
        if node["min_workers"] != 0:
            yield f"`min_workers` of `{name}` must be 0, got {node['min_workers']}."
        if node["max_workers"] < 1:
            yield f"`max_workers` of `{name}` must be at least 1, got {node['max_workers']}."
    total = sum(node["max_workers"] for node in workers(config).values())
    if total > config["max_workers"]:
        yield f"`max_workers` must be at least the node types' sum {total}."


def instance_resources(config: Config) -> Iterator[str]:
    """A worker offers all GPUs of its instance type and no CPU that it does not have."""
    for name, node in workers(config).items():
        instance = node["node_config"]["InstanceType"]
        if instance not in INSTANCES:
            yield f"`InstanceType` of `{name}` must stand in INSTANCES, got {instance!r}."
            continue
        cpus, gpus = INSTANCES[instance]
        asked = node["resources"]
        if not 1 <= asked.get("CPU", 0) <= cpus:
            yield f"`{name}` must offer 1 to {cpus} CPUs ({instance}), got {asked.get('CPU')}."
        if asked.get("GPU", 0) != gpus:
            yield f"`{name}` must offer {gpus} GPUs ({instance}), got {asked.get('GPU', 0)}."


def storage_shared(config: Config) -> Iterator[str]:
    """One storage URI; if it is a folder, every node mounts it."""
    storage = config.get("metadata", {}).get("storage", "")
    uri = urlsplit(storage)
    if uri.scheme not in ("file", "s3") or not (uri.netloc + uri.path).strip("/"):
        yield f"`metadata.storage` must be a file:// or s3:// URI, got {storage!r}."
    elif uri.scheme == "file":
        mount = re.compile(rf"\bmount -t .*\s{re.escape(uri.path)}$")
        if not any(mount.search(command) for command in config["setup_commands"]):
            yield f"`setup_commands` must mount {uri.path}, the storage of all nodes."


def authenticated(config: Config) -> Iterator[str]:
    """Token mode stands on every ray command and in every shell; the token is shipped, mode 600."""
    for key, command in commands(config):
        if re.search(r"(?<!RAY_AUTH_MODE=token )\bray [a-z]", command):
            yield f"every ray command must carry RAY_AUTH_MODE=token, got {command!r} in `{key}`."
    export = re.compile(r"export .*RAY_AUTH_MODE=token.*>> ~/\.bashrc")
    if not any(export.search(command) for command in config["setup_commands"]):
        yield "`setup_commands` must export RAY_AUTH_MODE=token in ~/.bashrc."
    if TOKEN not in config["file_mounts"]:
        yield f"`file_mounts` must ship the token as {TOKEN}."
    if f"chmod 600 {TOKEN}" not in config["initialization_commands"]:
        yield f"`initialization_commands` must run chmod 600 {TOKEN}."


def dashboard_on_loopback(config: Config) -> Iterator[str]:
    """The dashboard's address is written out and is a loopback address."""
    context = start_context(config, "head_start_ray_commands")
    host = context.params["dashboard_host"]
    written = context.get_parameter_source("dashboard_host") is ParameterSource.COMMANDLINE
    if not written or not ipaddress.ip_address(host).is_loopback:
        yield f"--dashboard-host must be written out as a loopback address, got {host}."


POLICY_RULES = (
    head_without_trials,
    worker_counts,
    instance_resources,
    storage_shared,
    authenticated,
    dashboard_on_loopback,
)
