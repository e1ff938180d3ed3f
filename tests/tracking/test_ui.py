"""MLflow's real server over a study's folder: its interface shows the report, its API is used."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as seen
from selenium.webdriver.support.ui import WebDriverWait
from study_folder import QUIET, client_of, dump, write_study

from flowadam.store import Store
from flowadam.tracking import Mirror, ui_command, ui_environment
from flowadam.tracking.database import database

pytestmark = QUIET
CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
REPORT = """<!doctype html><meta charset="utf-8"><title>report</title>
<style>h1 { color: rgb(0, 100, 0) }</style>
<h1>Adam beats Lion</h1><p id="script">no script ran</p>
<svg width="300" height="60"><rect width="300" height="60" fill="orange"/></svg>
<script>document.getElementById("script").textContent = "inline script ran"</script>
"""


@dataclass(frozen=True)
class Served:
    """A running server over one study, and a mirror of another that was called before it ran."""

    url: str
    link: str
    mirror: Mirror
    store: Store
    warning: str | None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Served]:
    folder, other = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("other")
    shutil.copy(empty_database, database(folder))
    write_study(folder)
    (folder / "report.html").write_text(REPORT)
    own = Mirror(folder)
    assert own.log_report(folder / "report.html") is None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    link = own.report_link(url)
    assert link is not None
    mirror, store = Mirror(other, url), write_study(other)
    warning = mirror(store)
    with serving(folder, port):
        yield Served(url, link, mirror, store, warning)


@contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    command, environment = ui_command(folder, port), ui_environment()
    log = (folder / "server.log").open("w")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            for _ in range(600):
                if server.poll() is not None or is_up(port):
                    break
                time.sleep(0.2)
            assert server.poll() is None, (folder / "server.log").read_text()
            yield
        finally:
            server.terminate()
            assert server.wait(30) == 0


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def test_a_server_that_came_up_is_caught_up(served: Served, empty_database: Path) -> None:
    assert served.warning is not None and "is behind" in served.warning
    assert served.mirror(served.store) is None
    assert served.mirror(served.store) is None
    report = served.store.folder / "report.html"
    report.write_text(REPORT)
    assert served.mirror.log_report(report) is None
    shutil.copy(empty_database, database(served.store.folder))
    local = Mirror(served.store.folder)
    assert local(served.store) is None
    here, there = dump(client_of(served.store.folder)), dump(MlflowClient(served.url))
    assert {key: there[key] for key in here} == here


@pytest.mark.browser
@pytest.mark.skipif(
    not (CHROMIUM.exists() and DRIVER.exists()), reason="needs Debian's chromium, chromium-driver"
)
def test_the_report_opens_in_the_artifact_view(served: Served, tmp_path: Path) -> None:
    with browser(tmp_path) as page:
        page.get(served.link)
        WebDriverWait(page, 60).until(
            seen.frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe"))
        )
        heading = WebDriverWait(page, 30).until(
            seen.visibility_of_element_located((By.TAG_NAME, "h1"))
        )
        assert heading.text == "Adam beats Lion"
        assert heading.value_of_css_property("color") == "rgba(0, 100, 0, 1)"
        assert page.find_element(By.ID, "script").text == "inline script ran"
        page.switch_to.default_content()
        page.save_screenshot(str(tmp_path / "report_in_mlflow.png"))


@contextmanager
def browser(folder: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--window-size=1500,1000",
        f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(flag)
    page = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield page
    finally:
        page.quit()
