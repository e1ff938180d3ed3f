"""Drawings: text stays text, colors follow the page, every run is there."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from synthetic_study import small_study, write_study

from analysis.card import Picture
from analysis.figures.parallel import parallel
from analysis.figures.style import COLORS, canvas, label, legend, picture
from analysis.frames import load
from analysis.ranges import Range

SVG = "{http://www.w3.org/2000/svg}"
KNOBS = (Range("opt.lr", 1e-4, 0.1, "log"), Range("opt.x<b>", 0.0, 1.0, "linear"))


def drawn(title: str, text: str = "") -> Picture:
    with canvas(100, 80) as figure:
        ax = figure.subplots()
        ax.plot([0, 1], [0, 1], color=COLORS[0], gid="run-7")
        ax.set_title(text)
        return picture(figure, title, tips={"run-7": "configuration 7: <b>"})


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("text", ["<script>", "$x_{<$", "a & b", "\\frac{", "最適化"])
def test_text_is_text_whatever_it_contains(text: str) -> None:
    svg = drawn("t", text).svg
    assert text in texts(svg)
    assert "<script>" not in svg


def test_colors_of_the_palette_become_variables_of_the_page() -> None:
    svg = drawn("t").svg
    assert "var(--c0)" in svg and "var(--ink)" in svg
    assert COLORS[0] not in svg


def test_every_variable_is_defined_for_light_and_dark() -> None:
    css = Path(__file__).parents[2].joinpath("analysis/templates/report.css").read_text()
    for name in re.findall(r"var\((--\w+)\)", drawn("t").svg) + [f"--c{i}" for i in range(7)]:
        assert len(re.findall(rf"{name}:", css)) == 2


def test_size_is_the_pages_business() -> None:
    root = ElementTree.fromstring(drawn("A < B").svg)
    assert "width" not in root.attrib and "height" not in root.attrib
    assert root.get("viewBox") == "0 0 100 80"
    assert (root.get("role"), root.get("aria-label")) == ("img", "A < B")


def test_tips_stand_in_the_line_they_belong_to() -> None:
    root = ElementTree.fromstring(drawn("t").svg)
    (line,) = [e for e in root.iter() if e.get("id", "").endswith("-run-7")]
    assert line[0].tag == f"{SVG}title" and line[0].text == "configuration 7: <b>"


def test_two_drawings_share_no_id() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', drawn("t", text).svg)) for text in ("a", "b")]
    assert not ids[0] & ids[1]


def test_the_same_drawing_is_the_same_text() -> None:
    assert drawn("t", "a") == drawn("t", "a")


def test_labels_are_cut_and_cleaned() -> None:
    assert label("a" * 40) == "a" * 21 + "…"
    assert label("a\x00\nb") == "a� b"


def test_the_legend_gives_every_optimizer_its_own_look() -> None:
    keys = legend([f"o{i}" for i in range(21)])
    assert len({(k.color, k.dash) for k in keys}) == 21
    assert keys[:3] == legend(["o0", "o1", "o2"])


def test_flowadam_has_the_first_color_wherever_it_stands(tmp_path: Path) -> None:
    study = small_study(optimizer=("adam", "flowadam"))
    frames = load(write_study(tmp_path, study, confirm=False))
    assert legend(frames.optimizers)[0].name == "flowadam"


def test_parallel_coordinates_show_every_configuration_once() -> None:
    units = np.random.default_rng(0).uniform(size=(5, 2))
    scores = np.array([3.0, 1.0, np.inf, 2.0, np.inf])
    found = parallel("t", KNOBS, [1, 2, 3, 4, 9], units, scores)
    assert found is not None and found.wide
    assert sorted(re.findall(r'id="f\w+-run-(\d+)"', found.svg)) == ["1", "2", "3", "4", "9"]
    tips = re.findall(r"<title>(configuration \d+: [^\n]*)", found.svg)
    assert set(tips) == {
        "configuration 2: rank 1, score 1",
        "configuration 4: rank 2, score 2",
        "configuration 1: rank 3, score 3",
        "configuration 3: failed",
        "configuration 9: failed",
    }
    assert {"best", "worst", "failed", "0.0001", "0.1"} <= set(texts(found.svg))


@pytest.mark.parametrize("scores", [[np.inf, np.inf], [1.0, 1.0], [1.0]])
def test_parallel_coordinates_of_odd_scores(scores: list[float]) -> None:
    n = len(scores)
    assert parallel("t", KNOBS, list(range(n)), np.full((n, 2), 0.5), np.array(scores))


def test_nothing_to_draw_is_no_drawing() -> None:
    assert parallel("t", KNOBS, [], np.empty((0, 2)), np.empty(0)) is None
    assert parallel("t", (), [1], np.empty((1, 0)), np.array([1.0])) is None
