"""An embedded Ray that leaves nothing behind, or a connection to a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from flowadam.datasets.folder import VARIABLE, data_folder
from flowadam.errors import FlowAdamError, InputError
from flowadam.sweep.session_folder import session_folder

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # the raylet's own lines about dead workers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
KNOCK_SECONDS = 10.0
_LOGGERS = ("ray", "ray.tune", "ray.train", "ray.air", "ray._private")


@contextmanager
def ray_session(address: str | None, *, cpus: int | None = None) -> Iterator[Path]:
    """Start or join Ray, with an empty folder as working directory; yield the folder around it.

    Ray puts the driver's working directory first on its workers' import path, so a user's own
    ``analysis.py`` there would hide ours: the driver moves to an empty folder first and back at
    the end. Embedded Ray listens on all addresses; a token of its own, readable by this user
    alone, keeps others out.

    Args:
        address: None embeds Ray; "auto" or host:port joins a cluster.
        cpus: cores of the embedded Ray; None takes those this process may use.

    Raises:
        InputError: no cluster can be joined at the address.
        FlowAdamError: Ray cannot start here.
    """
    home, before = Path.cwd(), dict(os.environ)
    # The workers stand in a folder of their own, so a relative one would mean another there.
    data = {VARIABLE: str(data_folder())} if os.environ.get(VARIABLE) else {}
    with session_folder() as folder:
        work = folder / "work"
        work.mkdir()
        os.chdir(work)
        os.environ.update(_ENVIRONMENT | data)
        try:
            _connect(address, folder, cpus or len(os.sched_getaffinity(0)))
            yield folder
        finally:
            _disconnect()
            os.chdir(home)
            os.environ.clear()
            os.environ.update(before)
            _read_settings()


@contextmanager
def silenced() -> Iterator[None]:
    """Keep Ray's loggers quiet: what a user must know stands in the rows and in our messages."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _connect(address: str | None, folder: Path, cpus: int) -> None:
    if address is None:
        _set_token(folder / "token")
    import ray  # after the environment, which Ray reads while it is imported

    _read_settings()
    with silenced():
        if address is not None:
            _join(ray, address)
            return
        _start(ray, folder, cpus)


def _start(ray: ModuleType, folder: Path, cpus: int) -> None:
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=str(folder / "r"),
        )
    except Exception as error:  # too busy a machine, no ports, no shared memory
        raise FlowAdamError(
            f"Ray could not start on this machine ({_reason(error)}). Nothing is lost: run the "
            "same command again, or with --engine local."
        ) from error


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _join(ray: ModuleType, address: str) -> None:
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:  # refused, unreachable, another version, another token
        raise InputError(
            f"--address must name a Ray cluster that lets us in, got '{address}' "
            f"({_reason(error)}). "
            "A cluster with a token needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH."
        ) from error


def _knock(address: str) -> None:
    """Connect to host:port for a moment: Ray itself tries for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


def _set_token(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32))
    os.environ.pop("RAY_AUTH_TOKEN", None)  # it would win over the file
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(path)}


def _read_settings() -> None:
    """Let a Ray that was imported before read its environment, and the token, again."""
    raylet = import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def _disconnect() -> None:
    import ray

    with silenced():
        ray.shutdown()
