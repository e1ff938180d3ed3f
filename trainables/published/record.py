"""Runs of published scenarios, kept in one Parquet file."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import active_children, get_context, resource_tracker
from pathlib import Path

from flowadam.durable import write_atomic
from flowadam.errors import InputError
from trainables import published
from trainables.published.scenario import Run

Wanted = tuple[str, str, int]
"""Scenario, contender, seed."""

FILE = "published.parquet"


def wanted(names: Iterable[str], seeds: int | None) -> list[Wanted]:
    """Return what is to be run: every contender on the first `seeds` published seeds (None: all).

    Raises:
        InputError: an unknown scenario, or fewer than one seed.
    """
    if seeds is not None and seeds < 1:
        raise InputError(f"`seeds` must be a whole number of at least 1, got {seeds}.")
    scenarios = [published.get(name) for name in names]
    most = max((len(s.seeds) for s in scenarios), default=0)
    if seeds is not None and seeds > most > 0:
        raise InputError(
            f"`seeds` must be at most {most}, the number of published ones, got {seeds}."
        )
    return [(s.name, c, seed) for s in scenarios for c in s.contenders for seed in s.seeds[:seeds]]


class Record:
    """The finished runs of a folder; every new one is on the disk before the next is counted.

    Raises:
        InputError: the folder holds a file of that name which is none of ours.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.runs: list[Run] = read(self.path) if self.path.exists() else []

    def missing(self, runs: Iterable[Wanted]) -> list[Wanted]:
        """Return what is not there yet."""
        have = {(run.scenario, run.contender, run.seed) for run in self.runs}
        return [one for one in runs if one not in have]

    def fill(self, runs: Iterable[Wanted], jobs: int) -> Iterator[Run]:
        """Make runs in `jobs` processes of one thread each, and yield them as they are kept."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            others = set(active_children())
            try:
                with without_interrupts():
                    futures = [pool.submit(make, *one) for one in runs]
                for future in as_completed(futures):
                    self.add(future.result())
                    yield self.runs[-1]
            except BaseException:  # Ctrl-C too; what is under way has written nothing
                pool.shutdown(wait=False, cancel_futures=True)
                for process in set(active_children()) - others:
                    process.terminate()
                raise

    def add(self, run: Run) -> None:
        """Keep a run."""
        import pandas as pd

        self.runs.append(run)
        buffer = io.BytesIO()
        pd.DataFrame([asdict(one) for one in self.runs]).to_parquet(buffer, index=False)
        write_atomic(self.path, buffer.getvalue())


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back; processes begun meanwhile never get it, and print no traceback of theirs.

    A terminal sends it to the whole group, so that one which still loads its libraries would.
    """
    # It lifts the block when it begins, so it begins before.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def make(scenario: str, contender: str, seed: int) -> Run:
    """Make one run in this process, with one thread."""
    import torch

    torch.set_num_threads(1)
    return published.get(scenario).run(contender, seed)


def read(path: Path) -> list[Run]:
    """Return the runs of a file.

    Raises:
        InputError: it is not a record of runs.
    """
    import pandas as pd

    try:
        rows = pd.read_parquet(path).to_dict("records")
        return [Run(**{str(name): value for name, value in row.items()}) for row in rows]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no record of published runs: {error}") from error
