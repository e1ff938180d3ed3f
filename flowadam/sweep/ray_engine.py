"""The engine on Ray Tune: one Tuner per phase, chunks of jobs as its trials."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune import Callback, Stopper
from ray.tune.search import Searcher

from flowadam.errors import FlowAdamError, InputError
from flowadam.origin import source_hash
from flowadam.outcome import Outcome, Status, decode
from flowadam.plan import Group
from flowadam.study import Study
from flowadam.sweep.job import Catalog, Dealer, Job, Sink, failed
from flowadam.sweep.ray_session import silenced
from flowadam.sweep.stop import Stop
from flowadam.task import Resources

ATTEMPTS = 3
CHUNK_SECONDS = 2.0
WATCHDOG = 1.5


class RayEngine:
    """Runs jobs as the trials of a Tuner on a running Ray cluster.

    Args:
        trainable: the class Trainable that runs ``config["jobs"]``.
        folder: an empty local folder for Tune's own files, which nothing ever reads again.
        workers: trials at a time; None takes what the cluster has room for.
        elastic: the cluster may grow, so a request that does not fit now may fit later.
    """

    def __init__(
        self,
        trainable: type[tune.Trainable],
        folder: Path,
        *,
        workers: int | None = None,
        elastic: bool = False,
    ) -> None:
        self._trainable, self._folder, self._elastic = trainable, folder, elastic
        self._wanted = workers
        self.workers = workers or 1

    def run(self, study: Study, catalog: Catalog, dealer: Dealer, sink: Sink, stop: Stop) -> None:
        resources = request(study, catalog)
        slots = check_room(resources, elastic=self._elastic)
        self.workers = self._wanted or slots
        chunks = _Chunks(dealer, sink, stop, self.workers, study.time_limit)
        trainable = tune.with_resources(
            tune.with_parameters(
                self._trainable,
                study=study,
                tasks=dict(catalog.tasks),
                specs=dict(catalog.specs),
                sources=source_hash(),
            ),
            {"cpu": resources.cpu, "gpu": resources.gpu},
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=_ChunkSearcher(chunks),
                num_samples=-1,
                max_concurrent_trials=self.workers,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=str(self._folder),
                verbose=0,
                stop=_StopWhen(stop),
                callbacks=[_Report(chunks)],
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        with silenced():
            tuner.fit()
        if chunks.error:
            raise chunks.error


def request(study: Study, catalog: Catalog) -> Resources:
    """Return what every trial of the study asks for: the largest request of its tasks."""
    wanted = [catalog.tasks[name].resources for name in study.task]
    gpu = max(r.gpu for r in wanted)
    if study.device == "cuda":
        gpu = max(gpu, 1.0) if study.gpu is None else study.gpu
    elif study.gpu is not None:
        gpu = study.gpu
    return Resources(cpu=max(r.cpu for r in wanted), gpu=gpu)


def check_room(resources: Resources, *, elastic: bool) -> int:
    """Return how many trials fit at a time.

    Raises:
        InputError: a GPU is asked for and the cluster has none, or one trial does not fit.
    """
    total = ray.cluster_resources()
    gpus, cpus = total.get("GPU", 0.0), total.get("CPU", 0.0)
    if resources.gpu > gpus and not elastic:
        raise InputError(
            f"A trial asks for {resources.gpu:g} GPU, and this machine offers {gpus:g}: "
            "use --device cpu, or --address of a cluster with GPUs."
        )
    if resources.cpu > cpus and not elastic:
        raise InputError(f"A trial asks for {resources.cpu:g} CPU cores, and there are {cpus:g}.")
    slots = int(cpus // resources.cpu) if resources.cpu else int(cpus)
    if resources.gpu:
        slots = min(slots, int(gpus / resources.gpu))
    return max(slots, 1)


@dataclass
class _Chunk:
    """The jobs of one Tune trial, how many have reported, and when the last one did."""

    jobs: list[Job]
    reported: int = 0
    since: float = field(default_factory=time.monotonic)


class _Chunks:
    """Deals chunks to Tune's trials and takes back what their workers lost."""

    def __init__(
        self, dealer: Dealer, sink: Sink, stop: Stop, workers: int, limit: float | None
    ) -> None:
        self._dealer, self._sink, self._stop = dealer, sink, stop
        self._workers, self._limit = workers, limit
        self._again: deque[Job] = deque()
        self._attempts: dict[Group, int] = {}
        self._chunks: dict[str, _Chunk] = {}
        self._seconds = CHUNK_SECONDS
        self.error: Exception | None = None

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


class _ChunkSearcher(Searcher):
    """Tune's view of the plan: every suggestion is a chunk of jobs."""

    def __init__(self, chunks: _Chunks) -> None:
        super().__init__(metric="job", mode="max")
        self._chunks = chunks

    def suggest(self, trial_id: str) -> Any:
        jobs = self._chunks.deal(trial_id)
        if jobs is None:
            return Searcher.FINISHED
        return {"jobs": jobs} if jobs else None

    def on_trial_complete(
        self, trial_id: str, result: dict | None = None, error: bool = False
    ) -> None:
        self._chunks.end(trial_id, lost=error)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the store is the record."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("A sweep resumes from its store, not from Tune's snapshot.")


class _Report(Callback):
    def __init__(self, chunks: _Chunks) -> None:
        self._chunks = chunks

    def on_trial_result(
        self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
    ) -> None:
        self._chunks.report(trial.trial_id, result)


class _StopWhen(Stopper):
    """Ends a chunk after the group in flight once the sweep is to stop."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def __call__(self, trial_id: str, result: dict) -> bool:
        return bool(self._stop)

    def stop_all(self) -> bool:
        return False
