"""The engine without a cluster: one job after another, in this process."""

from __future__ import annotations

from flowadam.sweep.job import Work
from flowadam.trial import require_device, run_group


class LocalEngine:
    """Runs every group with the same ``run_group`` that the workers of a cluster call."""

    workers = 1

    def run(self, work: Work) -> None:
        require_device(work.study.device)
        while not work.stop and (job := work.dealer.next_job()) is not None:
            cell, values = job.group.cell, job.configuration.values
            task, spec = work.catalog.tasks[cell.task], work.catalog.specs[cell.optimizer]
            work.sink(job, run_group(work.study, task, spec, job.group, values))
