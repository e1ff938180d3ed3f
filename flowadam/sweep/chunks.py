"""Jobs in chunks, and what becomes of them when a worker dies."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from flowadam.errors import FlowAdamError
from flowadam.outcome import Outcome, Status, decode
from flowadam.plan import Group
from flowadam.sweep.job import Dealer, Job, Sink, failed
from flowadam.sweep.stop import Stop

ATTEMPTS = 3
CHUNK_SECONDS = 2.0
WATCHDOG = 1.5


@dataclass
class _Chunk:
    """The jobs of one Tune trial, how many have reported, and when the last one did."""

    jobs: list[Job]
    reported: int = 0
    since: float = field(default_factory=time.monotonic)


class Chunks:
    """Deals chunks to Tune's trials and takes back what their workers lost."""

    def __init__(
        self, dealer: Dealer, sink: Sink, stop: Stop, workers: int, limit: float | None
    ) -> None:
        self._dealer, self._sink, self._stop = dealer, sink, stop
        self.workers, self._limit = workers, limit
        self._again: deque[Job] = deque()
        self._attempts: dict[Group, int] = {}
        self._chunks: dict[str, _Chunk] = {}
        self._seconds = CHUNK_SECONDS
        self.error: Exception | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Tune pickles its searcher into snapshots that nothing reads: leave the sweep out."""
        return object, ()

    def deal(self, trial_id: str) -> list[Job] | None:
        """Return the next chunk, [] when there is none at present, None when all is dealt."""
        if self._stop or self.error:
            return None
        jobs = []
        while len(jobs) < max(1, int(CHUNK_SECONDS / self._seconds)):
            job = self._again.popleft() if self._again else self._dealer.next_job()
            if job is None:
                break
            jobs.append(job)
        if jobs:
            self._chunks[trial_id] = _Chunk(jobs)
            return jobs
        return None if self._dealer.exhausted and not self._chunks else []

    def report(self, trial_id: str, result: dict[str, Any]) -> None:
        """Take one group's outcomes; what a chunk reports twice is dropped."""
        chunk = self._chunks.get(trial_id)
        if chunk is None or self.error or result.get("job") != chunk.reported:
            return
        now = time.monotonic()
        self._seconds = 0.8 * self._seconds + 0.2 * max(now - chunk.since, 1e-3)
        chunk.reported, chunk.since = chunk.reported + 1, now
        self._deliver(chunk.jobs[result["job"]], decode(result["outcomes"]))

    def end(self, trial_id: str, *, lost: bool) -> None:
        """Close a chunk; jobs behind the one that was lost are dealt again."""
        chunk = self._chunks.pop(trial_id, None)
        if chunk is None:
            return
        rest = chunk.jobs[chunk.reported :]
        if lost and rest and not self.error:
            self._lose(rest.pop(0), time.monotonic() - chunk.since)
        self._again.extendleft(reversed(rest))

    def _lose(self, job: Job, seconds: float) -> None:
        """Deal a job again whose worker died, or book it as failed the third time."""
        attempts = self._attempts.get(job.group, 0) + 1
        self._attempts[job.group] = attempts
        status: Status = "error"
        message = f"The worker died {ATTEMPTS} times while it ran this group."
        if self._limit and seconds >= WATCHDOG * self._limit:
            status, message = "timeout", f"The group hung beyond {WATCHDOG} x {self._limit:g} s."
        elif attempts < ATTEMPTS:
            self._again.appendleft(job)
            return
        self._deliver(job, failed(job, status, message))

    def _deliver(self, job: Job, outcomes: list[Outcome]) -> None:
        try:
            self._sink(job, outcomes)
        except (OSError, FlowAdamError) as error:  # Tune would swallow it; the sweep must end
            self.error = error
