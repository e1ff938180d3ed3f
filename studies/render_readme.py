"""Write the README's figures from the recorded studies: ``make readme``.

Every block between ``<!-- NAME -->`` and ``<!-- /NAME -->`` that names a recorded study or
benchmark is replaced by that study's result table or the benchmark's text; the picture is a
screenshot of the quick start's report.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import textwrap
from pathlib import Path

from analysis import report, table
from analysis.audit.short import read_findings, short
from analysis.card import Tag, Value
from analysis.cards.across import across_card
from analysis.edge.report import text as rodflow_text
from analysis.edge.runs import read_runs
from analysis.edge.trace import trace_text
from analysis.frames import load
from analysis.text import aligned
from flowadam.audit.read import read_claims
from flowadam.edge.problems import PROBLEMS

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "studies" / "recorded"
AUDITS = ROOT / "studies" / "audits"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "report.png"
PICTURE_SIZE = "1100,1180"
FLAGSHIP = RECORDED / "flagship"
FLAGSHIP_PICTURE = ROOT / "docs" / "flagship.png"
FLAGSHIP_SIZE = "1100,1250"
RODFLOW = RECORDED / "rodflow"
SCALES = ("0.5", "0.7", "1.5")
COLUMNS = (0, 1, 2, 5, 6, 8)
"""Of the table across tasks: rival, verdict, median difference, Holm's p, practically,
P(improvement)."""
UNITS = (
    "Differences: of mean test metrics, in units of a task's room, from the best known result to "
    "the median configuration of AdamW's search; above 0 flowadam is behind. Practically: the "
    "Bayesian signed-rank test with a region of 1 % of the room."
)


def render(text: str) -> str:
    """Return the README's text with every recorded block rendered anew."""
    for name, content in blocks().items():
        block = f"<!-- {name} -->\n```text\n{content}\n```\n<!-- /{name} -->"
        pattern = rf"<!-- {name} -->.*?<!-- /{name} -->"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
    return text


def blocks() -> dict[str, str]:
    """Return what each block holds: a study's table, or the text of a recorded benchmark."""
    folders = [p for p in RECORDED.iterdir() if p.is_dir() and p != RODFLOW]
    studies = {p.name: across_text(p) if p == FLAGSHIP else table(p).text() for p in folders}
    audits = {f"audit {p.stem}": audit_text(p) for p in sorted(AUDITS.glob("*.parquet"))}
    texts = {p.stem: p.read_text().strip() for p in RECORDED.glob("*.txt")}
    return studies | audits | rodflow_blocks() | texts


def audit_text(path: Path) -> str:
    """Return an audit's verdicts, recorded under the name of its claims."""
    return short(read_claims(path.stem), read_findings(path))


def rodflow_blocks() -> dict[str, str]:
    """Return the tables of the recorded rod flow studies, at other rates too, and traces."""
    runs = {name: read_runs(RODFLOW / name) for name in PROBLEMS}
    traces = {name: read_runs(RODFLOW / f"{name}-trace") for name in PROBLEMS}
    scaled = {
        f"{name} at {scale} of the usual rates": read_runs(RODFLOW / f"{name}-{scale}")
        for name in PROBLEMS
        for scale in SCALES
    }
    return {
        "rodflow": rodflow_text(runs),
        "rodflow_scale": rodflow_text(scaled),
        "rodflow_trace": trace_text(traces),
    }


def across_text(folder: Path) -> str:
    """Return a study's verdict across tasks as text."""
    card = across_card(load(folder))
    told = [textwrap.fill(line, 100) for line in card.verdict]
    if card.table is None:
        return "\n".join(told)
    rows = [[_word(row[i]) for i in COLUMNS] for group in card.table.groups for row in group.rows]
    head = [card.table.head[i] for i in COLUMNS]
    return "\n".join([*told, "", *aligned([head, *rows]), "", textwrap.fill(UNITS, 100)])


def _word(value: Value) -> str:
    return value.text if isinstance(value, Tag) else value


def photograph() -> None:
    """Take the pictures of the recorded studies, where Chromium is installed.

    The report of the flagship study is kept beside its store, and so written anew too.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "quickstart"
        shutil.copytree(RECORDED / "quickstart", copy)
        shoot(report.build(copy), PICTURE, PICTURE_SIZE)
        if FLAGSHIP.exists():
            report.build(FLAGSHIP)
            frames, page = load(FLAGSHIP), Path(folder) / "flagship.html"
            page.write_text(report.render(frames, [across_card(frames)]), encoding="utf-8")
            shoot(page, FLAGSHIP_PICTURE, FLAGSHIP_SIZE)


def shoot(page: Path, picture: Path, size: str) -> None:
    """Take a picture of the top of a page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print(f"chromium is not installed: {picture.name} stays as it is.")
        return
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    quiet = ["--disable-background-networking", "--disable-dev-shm-usage"]
    shown = f"--window-size={size}", f"--screenshot={picture}"
    command = [chromium, *flags, *quiet, *shown, page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.parent.mkdir(exist_ok=True)
    photograph()
