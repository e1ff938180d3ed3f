"""The engine without a cluster: one job after another, in this process."""

from __future__ import annotations

from flowadam.study import Study
from flowadam.sweep.job import Catalog, Dealer, Sink
from flowadam.sweep.stop import Stop
from flowadam.trial import require_device, run_group


class LocalEngine:
    """Runs every group with the same ``run_group`` that the workers of a cluster call."""

    workers = 1

    def run(
        self,
        study: Study,
        catalog: Catalog,
        dealer: Dealer,
        sink: Sink,
        stop: Stop,
        *,
        alone: bool = False,
    ) -> None:
        require_device(study.device)
        while not stop and (job := dealer.next_job()) is not None:
            cell = job.group.cell
            task, spec = catalog.tasks[cell.task], catalog.specs[cell.optimizer]
            sink(job, run_group(study, task, spec, job.group, job.configuration.values))
