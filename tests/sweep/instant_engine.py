"""An engine whose groups take no time, for tests of what the driver does with their rows."""

from __future__ import annotations

from flowadam.outcome import Cost, Outcome, Scores
from flowadam.sweep.job import Work


class Instant:
    """Every run says that it took a tenth of a second, and scores by its configuration.

    Attributes:
        reserves: what was kept of the deadline after each group.
    """

    workers = 1

    def __init__(self) -> None:
        self.reserves: list[float] = []

    def run(self, work: Work) -> None:
        while (job := work.dealer.next_job()) is not None:
            scores = Scores(1.0 / (1 + job.group.config), 1.0)
            cost = Cost(10, 10, 0.1, 1.0)
            work.sink(job, [Outcome(s, "ok", "cpu", scores, cost) for s in job.group.seeds])
            self.reserves.append(work.stop.reserve)
