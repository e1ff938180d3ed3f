"""Chunks under random schedules: every job is delivered once, whatever dies."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowadam.errors import FlowAdamError
from flowadam.outcome import Outcome, encode
from flowadam.plan import Cell, Group
from flowadam.sampling import Configuration
from flowadam.sweep import Stop, chunks
from flowadam.sweep.chunks import ATTEMPTS, Chunks
from flowadam.sweep.dealers import ListDealer
from flowadam.sweep.job import Job

Delivered = list[tuple[int, str]]


class Clock:
    """Stands for time.monotonic."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Bench:
    """Chunks of `count` jobs in two cells, their workers played by the test."""

    def __init__(self, count: int, workers: int = 2, limit: float | None = None) -> None:
        self.delivered: Delivered = []
        self.stop = Stop()
        groups = [
            Group("search", Cell("task", "fast" if i % 2 else "slow", 1), i, (0,))
            for i in range(count)
        ]
        dealer = ListDealer(groups, lambda group: Job(group, Configuration(group.config, {}, {})))
        self.chunks = Chunks(dealer, self.sink, self.stop, workers, limit)
        self.open: dict[str, list[Job]] = {}
        self.done: Counter[str] = Counter()
        self._names = iter(range(10**9))

    def sink(self, job: Job, outcomes: list[Outcome]) -> None:
        self.delivered.append((job.group.config, outcomes[0].status))

    def deal(self, *, begin: bool = True) -> bool:
        """Ask for a chunk as Tune does; False when there will be none any more."""
        name = f"t{next(self._names)}"
        jobs = self.chunks.deal(name)
        if jobs:
            self.open[name] = jobs
            if begin:
                self.chunks.begin(name)
        return jobs is not None

    def report(self, name: str) -> None:
        """Let a worker finish a group, and its chunk when it was the last or is to end."""
        number = self.done[name]
        outcome = Outcome(self.open[name][number].group.seeds[0], "ok", "cpu")
        self.chunks.report(name, number, encode([outcome]))
        self.done[name] += 1
        if self.done[name] == len(self.open[name]) or self.chunks.ends(name):
            self.chunks.end(name)
            del self.open[name]

    def kill(self, name: str) -> None:
        self.chunks.lose(name, "killed")
        del self.open[name]

    def finish(self, workers: int = 2) -> None:
        more = True
        while more or self.open:
            while more and len(self.open) < workers:
                before = len(self.open)
                more = self.deal()
                if len(self.open) == before:
                    break
            if self.open:
                self.report(next(iter(self.open)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(chunks, "time", fake)
    return fake


@given(count=st.integers(0, 60), moves=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3))))
def test_every_job_is_delivered_once_and_fails_only_when_it_lost_three_workers(
    count: int, moves: list[tuple[int, int]]
) -> None:
    bench = Bench(count, workers=3)
    deaths: Counter[int] = Counter()
    for kind, which in moves:
        if kind < 4 or not bench.open:
            bench.deal()
            continue
        name = list(bench.open)[which % len(bench.open)]
        if kind < 8:
            bench.report(name)
        else:
            deaths[bench.open[name][bench.done[name]].group.config] += 1
            bench.kill(name)
    bench.finish(3)
    assert bench.chunks.error is None
    assert sorted(config for config, _ in bench.delivered) == list(range(count))
    failed = {config for config, status in bench.delivered if status == "error"}
    assert failed == {config for config, n in deaths.items() if n == ATTEMPTS}


@given(count=st.integers(1, 60), moves=st.lists(st.integers(0, 3), max_size=80))
def test_at_the_deadline_what_is_done_is_a_prefix_of_the_plan(count: int, moves: list[int]) -> None:
    bench = Bench(count, workers=3)
    for which in moves:
        if len(bench.open) < 3:
            bench.deal()
        if bench.open:
            bench.report(list(bench.open)[which % len(bench.open)])
    bench.stop = bench.chunks._stop = Stop(-1.0)
    bench.finish(3)
    done = sorted(config for config, _ in bench.delivered)
    assert done == list(range(len(done)))
    assert bench.chunks.over


@given(count=st.integers(1, 60), moves=st.lists(st.integers(0, 1), max_size=40))
def test_after_ctrl_c_only_groups_in_flight_end(count: int, moves: list[int]) -> None:
    bench = Bench(count)
    for which in moves:
        if len(bench.open) < 2:
            bench.deal()
        if bench.open:
            bench.report(list(bench.open)[which % len(bench.open)])
    running, before = len(bench.open), len(bench.delivered)
    bench.stop.request()
    assert bench.chunks.over == (running == 0)
    bench.finish()
    assert len(bench.delivered) - before == running
    assert bench.chunks.over


def test_chunks_hold_two_seconds_of_each_cells_own_pace(clock: Clock) -> None:
    bench = Bench(10_000, workers=1)
    bench.deal()  # as many as fill ten seconds at a guess, while the worker starts
    sizes = [len(jobs) for jobs in bench.open.values()]
    for _ in range(5):
        (name,) = bench.open
        bench.deal(begin=False)  # waits while the worker is busy
        waiting = next(reversed(bench.open))
        sizes.append(len(bench.open[waiting]))
        for job in bench.open[name]:
            clock.now += 0.03 if job.group.cell.optimizer == "fast" else 0.5
            bench.report(name)
        bench.chunks.begin(waiting)
    assert sizes[:2] == [10, 1]  # neither pace is known
    assert sizes[2:] == [8, 8, 8, 8]  # 4 x 0.5 s + 4 x 0.03 s


def test_while_a_worker_starts_the_others_have_enough_to_do(clock: Clock) -> None:
    """A free one would be given what the starting one waits for."""
    bench = Bench(10_000, workers=3)
    for _ in range(2):
        bench.deal()
    name = next(iter(bench.open))
    for job in bench.open[name]:
        clock.now += 0.03 if job.group.cell.optimizer == "fast" else 0.5
        bench.report(name)
    for size in (38, 38, 8):  # 10 s, 10 s; then all three are busy
        bench.deal()
        assert len(bench.open[next(reversed(bench.open))]) in (size - 1, size)


def test_the_last_jobs_are_shared_among_the_workers(clock: Clock) -> None:
    bench = Bench(12, workers=4)
    sizes = []
    while bench.deal() and len(bench.open) < 8:
        sizes.append(len(bench.open[next(reversed(bench.open))]))
        if sum(sizes) == 12:
            break
    assert sizes[:4] == [3, 3, 2, 1]
    assert sum(sizes) == 12


def test_two_late_deaths_are_a_hang_and_one_is_not(clock: Clock) -> None:
    bench = Bench(2, workers=1, limit=10.0)
    for seconds in (15.0, 3.0, 15.0):
        bench.deal()
        clock.now += seconds
        bench.kill(next(iter(bench.open)))
    assert bench.delivered == [(0, "timeout")]
    bench.finish(1)
    assert bench.delivered == [(0, "timeout"), (1, "ok")]


def test_workers_that_never_start_stop_the_sweep() -> None:
    bench = Bench(50, workers=2)
    for number in range(2 * ATTEMPTS):
        assert bench.chunks.deal(str(number))
        bench.chunks.lose(str(number), "no memory")
    assert bench.delivered == []
    assert bench.chunks.deal("more") is None
    said = f"{2 * ATTEMPTS} workers in a row died at their start: no memory"
    assert isinstance(bench.chunks.error, FlowAdamError)
    assert str(bench.chunks.error) == said


def test_a_report_that_comes_twice_counts_once() -> None:
    bench = Bench(40, workers=1)
    bench.deal()
    text = encode([Outcome(0, "ok", "cpu")])
    for _ in range(2):
        bench.chunks.report("t0", 0, text)
    bench.chunks.end("t0")
    bench.chunks.report("t0", 0, text)
    assert bench.delivered == [(0, "ok")]


def test_a_store_that_fails_ends_the_sweep() -> None:
    bench = Bench(40)

    def full(job: Job, outcomes: list[Outcome]) -> None:
        raise OSError(28, "No space left on device")

    bench.chunks._sink = full
    bench.deal()
    bench.report("t0")
    assert isinstance(bench.chunks.error, OSError)
    assert not bench.deal()
    assert bench.chunks.over


def test_tune_may_pickle_chunks() -> None:
    assert type(pickle.loads(pickle.dumps(Bench(3).chunks))) is object
