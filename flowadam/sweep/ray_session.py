"""An embedded Ray that leaves nothing behind, or a connection to a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "flowadam-"
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
_LOGGERS = ("ray", "ray.tune", "ray.train", "ray.air", "ray._private")


@contextmanager
def ray_session(address: str | None, *, cpus: int | None = None) -> Iterator[Path]:
    """Start or join Ray, with an empty folder as working directory; yield that folder.

    Ray puts the driver's working directory first on its workers' import path, so a user's own
    ``analysis.py`` there would hide ours: the driver moves to an empty folder first and back at
    the end. Embedded Ray listens on all addresses; a token of its own, readable by this user
    alone, keeps others out.

    Args:
        address: None or "local" embeds Ray; "auto" or host:port joins a cluster.
        cpus: cores of the embedded Ray; None takes those this process may use.
    """
    remove_stale_folders()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    home = Path.cwd()
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT)
    work = folder / "work"
    work.mkdir()
    os.chdir(work)
    try:
        _connect(address, folder, cpus or len(os.sched_getaffinity(0)))
        yield folder
    finally:
        _disconnect()
        os.chdir(home)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def remove_stale_folders() -> None:
    """Remove the folders of drivers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


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
    embedded = address in (None, "local")
    if embedded:
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    import ray  # after the environment, which Ray reads while it is imported

    with silenced():
        if embedded:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                _temp_dir=str(folder / "r"),
            )
        else:
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)


def _disconnect() -> None:
    import ray

    with silenced():
        ray.shutdown()
