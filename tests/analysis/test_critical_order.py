"""The critical-difference diagram is the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import hashlib
import pandas as pd
from analysis.figures.critical import critical
names = [f"optimizer {i}" for i in range(6)]
p = pd.DataFrame(0.001, index=names, columns=names)
for a in range(6):
    for b in range(6):
        p.iloc[a, b] = 0.9 if abs(a - b) <= 2 else 0.001
ranks = {name: 1.0 + 0.8 * i for i, name in enumerate(names)}
svg = critical("ranks", ranks, p, {name: i for i, name in enumerate(names)}).svg
print(hashlib.sha256(svg.encode()).hexdigest())
"""


def test_no_order_of_a_set_is_seen() -> None:
    """Text has another hash, and so another place in a set, in every process."""
    seen = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "2")
    }
    assert len(seen) == 1 and len(seen.pop()) == 65
