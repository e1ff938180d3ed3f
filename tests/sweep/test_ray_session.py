"""The embedded Ray: who may talk to it, and what it leaves behind."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

from flowadam.datasets.folder import VARIABLE, data_folder
from flowadam.errors import FlowAdamError, InputError
from flowadam.sweep.ray_session import ray_session

CLIENT = """
import ray, sys
try:
    ray.init(address=sys.argv[1], logging_level="CRITICAL")
except ConnectionError as error:
    sys.exit("refused")
print(ray.get(ray.remote(lambda: "let in").remote()))
"""


def client(address: str, **extra: str) -> subprocess.Popen[str]:
    """Start a second process that knocks at the address, with this environment."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT, address],
        env={**plain, "HOME": "/nonexistent", "RAY_NUM_REDIS_GET_RETRIES": "2", **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> str:
    return "".join(process.communicate(timeout=180)).strip().splitlines()[-1]


def test_strangers_are_refused_even_where_ray_was_imported_before() -> None:
    import ray

    home, before = Path.cwd(), dict(os.environ)
    with ray_session(None) as folder:
        address = ray.get_runtime_context().gcs_address
        token = folder / "token"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert not list(Path.cwd().iterdir())
        mode = {"RAY_AUTH_MODE": "token"}
        without = client(address)
        wrong = client(address, **mode, RAY_AUTH_TOKEN="0" * 64)
        right = client(address, **mode, RAY_AUTH_TOKEN_PATH=str(token))
        assert answer(without) == "refused"
        assert answer(wrong) == "refused"
        assert answer(right) == "let in"
    assert (Path.cwd(), dict(os.environ)) == (home, before)
    assert not folder.exists()


def test_workers_look_for_data_where_the_caller_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "mine")
    monkeypatch.setattr("ray.init", lambda **_: None)
    with ray_session(None):
        assert os.environ[VARIABLE] == str(data_folder()) == str(tmp_path / "mine")
    assert os.environ[VARIABLE] == "mine"


@pytest.mark.slow
def test_a_second_session_of_one_process_has_a_token_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))  # too long a name for Ray's sockets
    monkeypatch.setenv("RAY_AUTH_TOKEN", "1" * 64)
    with ray_session(None):
        import ray

        assert ray.get(ray.remote(lambda: 7).remote()) == 7
        assert "RAY_AUTH_TOKEN" not in os.environ
    assert os.environ["RAY_AUTH_TOKEN"] == "1" * 64


def test_a_ray_that_cannot_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise RuntimeError("The node timed out during startup.\nA second line.")

    monkeypatch.setattr("ray.init", fails)
    said = r"could not start on this machine \(The node timed out during startup\.\)\. Nothing is"
    with pytest.raises(FlowAdamError, match=said), ray_session(None):
        raise AssertionError("started")


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "nowhere.invalid:6379", "nonsense"])
def test_no_cluster_at_the_address(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests that run beside this one have clusters, of which "auto" would take one.
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", cache(lambda: set[str]()))
    said = f"--address must name a Ray cluster that lets us in, got '{address}'"
    with pytest.raises(InputError, match=said), ray_session(address):
        raise AssertionError("joined a cluster that is not there")
