"""Jobs in chunks, and what becomes of them when a worker dies."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field

from flowadam.errors import FlowAdamError
from flowadam.outcome import Outcome, Status, decode
from flowadam.plan import Cell, Group
from flowadam.sweep.job import Dealer, Job, Sink, failed
from flowadam.sweep.stop import Stop

ATTEMPTS = 3
HANGS = 2
CHUNK_SECONDS = 2.0
STARTING_SECONDS = 10.0
UNKNOWN_SECONDS = 1.0
WATCHDOG = 1.5


@dataclass
class _Chunk:
    """The jobs of one Tune trial, how many have reported, and since when the next one runs."""

    jobs: list[Job]
    started: bool = False
    reported: int = 0
    since: float = field(default_factory=time.monotonic)


@dataclass
class _Losses:
    """How often a group lost its worker, and how often so late that it must have hung."""

    deaths: int = 0
    hangs: int = 0


class Chunks:
    """Deals chunks to Tune's trials and takes back what their workers lost.

    Attributes:
        error: what made going on pointless; the engine raises it.
    """

    def __init__(
        self, dealer: Dealer, sink: Sink, stop: Stop, workers: int, limit: float | None
    ) -> None:
        self._dealer, self._sink, self._stop = dealer, sink, stop
        self.workers, self._limit = workers, limit
        self._again: deque[Job] = deque()
        self._losses: dict[Group, _Losses] = {}
        self._chunks: dict[str, _Chunk] = {}
        self._seconds: dict[Cell, float] = {}
        self._last = ""
        self._failed_starts = 0
        self.error: Exception | None = None

    def __reduce__(self) -> tuple[type, tuple[()]]:
        """Tune pickles its searcher into snapshots that nothing reads: leave the sweep out."""
        return object, ()

    def deal(self, trial_id: str) -> list[Job] | None:
        """Return the next chunk, [] when there is none at present, None when all is dealt."""
        if self._stop or self.error:
            return None
        jobs = self._next_jobs()
        if jobs:
            self._chunks[trial_id] = _Chunk(jobs)
            self._last = trial_id
            return jobs
        return None if self._dealer.exhausted and not self._chunks else []

    def begin(self, trial_id: str) -> None:
        """Note that a worker has taken up a chunk."""
        chunk = self._chunks[trial_id]
        chunk.started, chunk.since = True, time.monotonic()
        self._failed_starts = 0

    def report(self, trial_id: str, number: int, outcomes: str) -> None:
        """Take the outcomes of one group of a chunk; what is reported twice is dropped."""
        chunk = self._chunks.get(trial_id)
        if chunk is None or self.error or number != chunk.reported:
            return
        job, now = chunk.jobs[number], time.monotonic()
        before = self._seconds.get(job.group.cell, now - chunk.since)
        self._seconds[job.group.cell] = 0.8 * before + 0.2 * (now - chunk.since)
        chunk.reported, chunk.since = number + 1, now
        self._deliver(job, decode(outcomes))

    def end(self, trial_id: str) -> None:
        """Close a chunk; jobs that it did not come to are dealt again."""
        chunk = self._chunks.pop(trial_id, None)
        if chunk is not None:
            self._again.extendleft(reversed(chunk.jobs[chunk.reported :]))

    def lose(self, trial_id: str, reason: str, *, fatal: bool = False) -> None:
        """Close a chunk whose worker died.

        Args:
            reason: what Ray says about it.
            fatal: the program itself is at fault, so no worker will do better.
        """
        chunk = self._chunks[trial_id]
        if fatal:
            self._fail(FlowAdamError(f"A worker cannot start: {reason}"))
        elif chunk.started:
            self._lose(chunk, reason)
        else:
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS * self.workers:
                times = self._failed_starts
                self._fail(FlowAdamError(f"{times} workers in a row died at their start: {reason}"))
        self.end(trial_id)

    def ends(self, trial_id: str) -> bool:
        """Say whether a chunk ends now, with jobs left.

        When the user stops the sweep every chunk does. At the deadline only the one dealt last
        does: the jobs of the others come before its own, and what is done must stay balanced.
        """
        late = self._stop.late and trial_id == self._last
        return self._stop.interrupted or late or self.error is not None

    @property
    def over(self) -> bool:
        """Nothing is running and nothing more is to start; workers still awaited do not matter."""
        running = any(chunk.started for chunk in self._chunks.values())
        return not running and (bool(self._stop) or self.error is not None)

    def _next_jobs(self) -> list[Job]:
        """Return jobs for about two seconds, and no more than a worker's share of what is ready.

        A cell of unknown speed fills a chunk alone. While a worker is still starting, chunks are
        for ten seconds: Tune gives the trial that waits for it to the first worker that is free,
        and ends the one that starts, so with short chunks it would never come up.
        """
        share = math.ceil((len(self._again) + self._dealer.ready) / self.workers)
        starting = sum(chunk.started for chunk in self._chunks.values()) < self.workers
        wanted = STARTING_SECONDS if starting else CHUNK_SECONDS
        unknown = UNKNOWN_SECONDS if starting else CHUNK_SECONDS
        jobs: list[Job] = []
        seconds = 0.0
        while len(jobs) < share and seconds < wanted:
            job = self._again.popleft() if self._again else self._dealer.next_job()
            if job is None:
                break
            jobs.append(job)
            seconds += self._seconds.get(job.group.cell, unknown)
        return jobs

    def _lose(self, chunk: _Chunk, reason: str) -> None:
        """Leave the group in flight to be dealt again, or book it as failed the third time.

        Two deaths beyond the watchdog's time are a group that hangs; a single one may also be a
        lost node that was noticed late.
        """
        job = chunk.jobs[chunk.reported]
        losses = self._losses.setdefault(job.group, _Losses())
        losses.deaths += 1
        if self._limit and time.monotonic() - chunk.since >= WATCHDOG * self._limit:
            losses.hangs += 1
        status: Status = "error"
        message = f"The worker died {ATTEMPTS} times while it ran this group: {reason}"
        if losses.hangs >= HANGS:
            status, message = "timeout", f"The group hung beyond {WATCHDOG} x {self._limit:g} s."
        elif losses.deaths < ATTEMPTS:
            return
        chunk.reported += 1
        self._deliver(job, failed(job, status, message))

    def _deliver(self, job: Job, outcomes: list[Outcome]) -> None:
        try:
            self._sink(job, outcomes)
        except Exception as error:  # Tune would wrap it in a traceback of its own
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
