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
from pathlib import Path

from analysis import report, table

ROOT = Path(__file__).resolve().parent.parent
RECORDED = ROOT / "studies" / "recorded"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "report.png"
PICTURE_SIZE = "1100,1180"


def render(text: str) -> str:
    """Return the README's text with every recorded block rendered anew."""
    for name, content in blocks().items():
        block = f"<!-- {name} -->\n```text\n{content}\n```\n<!-- /{name} -->"
        pattern = rf"<!-- {name} -->.*?<!-- /{name} -->"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
    return text


def blocks() -> dict[str, str]:
    """Return what each block holds: a study's table, or the text of a recorded benchmark."""
    studies = {p.name: table(p).text() for p in RECORDED.iterdir() if p.is_dir()}
    return studies | {p.stem: p.read_text().strip() for p in RECORDED.glob("*.txt")}


def photograph() -> None:
    """Take the picture of the quick start's report, where Chromium is installed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not installed: the picture stays as it is.")
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "quickstart"
        shutil.copytree(RECORDED / "quickstart", copy)
        page = report.build(copy)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        quiet = ["--disable-background-networking", "--disable-dev-shm-usage"]
        size = f"--window-size={PICTURE_SIZE}"
        command = [chromium, *flags, *quiet, size, f"--screenshot={PICTURE}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.parent.mkdir(exist_ok=True)
    photograph()
