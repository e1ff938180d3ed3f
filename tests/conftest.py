"""What holds for every test: one thread, equal examples, Ctrl-C as a terminal gives it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Small products in several threads wait for each other, and beside other tests for long: a fit of
# three seconds took twenty. Read when numpy and torch are loaded, here and in processes of tests.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("flowadam", deadline=None, derandomize=True)
settings.load_profile("flowadam")

# A shell starts its background jobs with SIGINT ignored, and the processes that tests start and
# interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests of real processes first: the last file of one worker must not keep the other idle.

    pytest-xdist would put the files with the fewest tests last, which are the longest ones.
    """
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] not in ("sweep", "cli"))
