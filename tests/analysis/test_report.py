"""The page: self-contained, safe with any name, and built from whatever a store holds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from synthetic_study import Truth, bowl, small_study, write_study

from analysis import report
from analysis.card import Card, Group, Table, Tag
from analysis.frames import load
from analysis.report import CARDS, build, render
from analysis.terminal import table
from flowadam.errors import InputError
from flowadam.space import Float, Space

HOSTILE = '<script>alert("1")</script>&$x^{$</svg>'


class Page(HTMLParser):
    """Collects tags with their attributes, and the text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(folder: Path) -> Page:
    return Page(build(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with every kind of card filled."""
    study = small_study(optimizer=("adam", "flowadam", "lion"), trials=12, confirm_seeds=8)
    truth = Truth(offset={"lion": 0.1})
    where = tmp_path_factory.mktemp("study")
    return write_study(where, study, truth, inclusion=("flowadam", "adam"))


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return page_of(folder)


def test_every_card_is_there_with_its_method(page: Page) -> None:
    titles = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert titles == [f"card-{i}" for i in range(1, len(CARDS) + 1)]
    assert page.text.count("Method, and what this does not say") == len(CARDS)
    for words in ("sign-flip permutation test", "Student's", "N = 12", "n = 8 seeds"):
        assert words in page.text


def test_nothing_is_loaded_and_nothing_runs(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "img", "form")
        for name, value in attrs.items():
            assert not name.startswith("on")
            if name in ("href", "xlink:href", "src", "srcset", "action", "data"):
                assert (value or "").startswith("#")
            assert not re.search(r"url\((?!#)", value or "")


def test_the_policy_forbids_what_the_page_does_not_need(page: Page) -> None:
    (policy,) = [attrs["content"] for _, attrs in page.tags if "http-equiv" in attrs]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_ids_are_unique_over_all_drawings(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {
        value.removeprefix("#")
        for _, attrs in page.tags
        for name, value in attrs.items()
        if name in ("href", "xlink:href") and value
    }
    assert targets <= set(ids)


@pytest.mark.usefixtures("page")
def test_the_page_is_the_same_apart_from_its_date(folder: Path) -> None:
    dated = re.compile(r"<time>.*?</time>")
    first = folder.joinpath("report.html").read_text(encoding="utf-8")
    again = build(folder).read_text(encoding="utf-8")
    assert dated.sub("", first) == dated.sub("", again)


def test_no_name_can_execute(tmp_path: Path) -> None:
    space = Space((Float(f"opt.{HOSTILE}", 1e-4, 1e-1, "test", log=True),))
    study = small_study(
        name=HOSTILE, task=(HOSTILE,), optimizer=(HOSTILE, "flowadam"), data=HOSTILE, trials=12
    )

    def loss(task: str, optimizer: str, unit: Mapping[str, float]) -> float:
        u = next(iter(unit.values()))
        return math.inf if u > 0.9 else 1 + u

    truth = Truth(loss, spaces={HOSTILE: space, "flowadam": space})
    page = page_of(write_study(tmp_path, study, truth))
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count('<script>alert("1")</script>') > 10
    carriers = {n for _, attrs in page.tags for n, v in attrs.items() if "alert" in (v or "")}
    assert carriers <= {"aria-label"}


ODD = ("\x00\x1b[31m", "最適化器", "a" * 300, "$", "%(x)s {y}", " ")


def test_odd_names_are_drawn(tmp_path: Path) -> None:
    study = small_study(optimizer=("flowadam", *ODD), task=ODD[:2], trials=2)
    folder = write_study(tmp_path, study)
    html = build(folder).read_text(encoding="utf-8")
    assert "\x00" not in html and "\x1b" not in html
    assert all(name in html for name in ODD[1:])
    assert max(map(len, table(folder).text(70).splitlines())) <= 70


def only(optimizer: str) -> Callable[..., float]:
    """Return a loss that every other optimizer fails to reach."""

    def loss(task: str, name: str, unit: Mapping[str, float]) -> float:
        return bowl(task, name, unit) if name == optimizer else math.inf

    return loss


PARTIAL: dict[str, tuple[dict[str, Any], Truth, dict[str, Any], str]] = {
    "nothing": ({}, Truth(), {"keep": lambda g: False}, "No search run is in the store yet."),
    "default only": (
        {},
        Truth(),
        {"keep": lambda g: g.config == 0},
        "No verdict yet: the confirm phase has no pair of results to compare.",
    ),
    "search only": (
        {},
        Truth(),
        {"confirm": False},
        "No verdict yet: the confirm phase has no pair of results to compare.",
    ),
    "one optimizer": (
        {"optimizer": ("adam",)},
        Truth(),
        {},
        "adam is alone in its study: there is nothing to compare.",
    ),
    "a missing cell": (
        {"task": ("a", "b")},
        Truth(),
        {"keep": lambda g: (g.cell.task, g.cell.optimizer) != ("a", "adam")},
        "flowadam against 1 rival, 1 comparison on 1 task: ",
    ),
    "all diverged": (
        {},
        Truth(lambda *_: math.inf),
        {},
        "No verdict yet: the confirm phase has no pair of results to compare.",
    ),
    "one diverged": (
        {},
        Truth(only("flowadam")),
        {},
        "No verdict yet: the confirm phase has no pair of results to compare.",
    ),
    "ties": (
        {},
        Truth(lambda *_: 0.5, seed_sd=0.0, run_sd=0.0),
        {},
        "better in 0, worse in 0; no difference shown in 1.",
    ),
    "one seed": (
        {"confirm_seeds": 1},
        Truth(),
        {},
        "better in 0, worse in 0; not testable in 1.",
    ),
    "one configuration": (
        {"trials": 1},
        Truth(),
        {},
        "flowadam against 1 rival, 1 comparison on 1 task: ",
    ),
    "zero metric": (
        {},
        Truth(lambda *_: -0.01, seed_sd=0.0, run_sd=0.0, trivial=0.0),
        {},
        "better in 0, worse in 0; no difference shown in 1.",
    ),
}


@pytest.mark.parametrize("case", PARTIAL)
def test_a_partial_store_still_has_a_report(tmp_path: Path, case: str) -> None:
    changes, truth, how, verdict = PARTIAL[case]
    folder = write_study(tmp_path, small_study(**changes), truth, **how)
    page = page_of(folder)
    assert verdict in page.text
    assert verdict in " ".join(table(folder).text(200).split("\n"))
    assert "nan" not in re.findall(r"\w+", page.text.lower())


def test_two_budgets_of_a_task_stand_apart(tmp_path: Path) -> None:
    write_study(tmp_path, small_study(budget=200))
    write_study(tmp_path, small_study(budget=400))
    toml = tmp_path / "study.toml"
    lines = toml.read_text().splitlines(keepends=True)
    toml.write_text("".join(line for line in lines if not line.startswith("budget")))
    page = page_of(tmp_path)
    assert "bowl at 200 gradients" in page.text and "bowl at 400 gradients" in page.text
    assert "on 1 task at several budgets" in page.text


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no study"):
        build(tmp_path)


@pytest.mark.usefixtures("page")
def test_a_failed_build_leaves_the_old_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder.joinpath("report.html").read_bytes()

    def broken(frames: object) -> Card:
        raise RuntimeError

    monkeypatch.setattr(report, "CARDS", (*CARDS[:2], broken))
    with pytest.raises(RuntimeError):
        build(folder)
    assert (folder / "report.html").read_bytes() == before


def test_cards_render_text_and_marks_escaped(folder: Path) -> None:
    rows = ((HOSTILE, Tag(HOSTILE, "bad"), HOSTILE),)
    hostile_table = Table((HOSTILE,) * 3, (Group(HOSTILE, rows),))
    card = Card(HOSTILE, (HOSTILE, HOSTILE), None, hostile_table, HOSTILE)
    html = render(load(folder), [card])
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 10
