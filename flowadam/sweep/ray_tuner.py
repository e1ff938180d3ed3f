"""One Tuner per phase, chunks of jobs as its trials. Imported once Ray's environment is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle, tune
from ray.exceptions import ActorDiedError
from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from flowadam.errors import InputError
from flowadam.origin import source_hash
from flowadam.study import Study
from flowadam.sweep.chunks import Chunks
from flowadam.sweep.job import Catalog
from flowadam.sweep.parcel import explained
from flowadam.sweep.ray_session import silenced
from flowadam.task import Resources


def run_tuner(
    trainable: type[tune.Trainable],
    study: Study,
    catalog: Catalog,
    chunks: Chunks,
    folder: Path,
    *,
    spare: bool,
) -> None:
    """Run chunks of jobs as the trials of one Tuner until none is dealt any more.

    Args:
        folder: local folder for Tune's own files, which nothing ever reads again.
        spare: let one more trial wait for room. Of actors that end at the same time Tune keeps as
            many as trials are waiting, and starts the others anew, which takes seconds each.
    """
    wanted = request(study, catalog)
    sources = [source_hash(), *map(str, catalog.plugins)]
    with explained(catalog):
        with_data = tune.with_parameters(trainable, study=study, catalog=catalog, sources=sources)
    tuner = tune.Tuner(
        tune.with_resources(with_data, {"cpu": wanted.cpu, "gpu": wanted.gpu}),
        tune_config=tune.TuneConfig(
            search_alg=_ChunkSearcher(chunks),
            num_samples=-1,
            max_concurrent_trials=chunks.workers + spare,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(folder),
            verbose=0,
            stop=_StopWhen(chunks),
            callbacks=[_ChunkCallback(chunks)],
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    with silenced():
        tuner.fit()


def request(study: Study, catalog: Catalog) -> Resources:
    """Return what every trial of the study asks for: the largest request of its tasks.

    Raises:
        InputError: a number of GPUs that Ray cannot give.
    """
    wanted = [catalog.tasks[name].resources for name in study.task]
    gpu = max(r.gpu for r in wanted)
    if study.device == "cuda":
        gpu = max(gpu, 1.0) if study.gpu is None else study.gpu
    elif study.gpu is not None:
        gpu = study.gpu
    if gpu > 1 and gpu != int(gpu):
        raise InputError(f"`gpu` must be whole above 1, got {gpu:g}.")
    return Resources(cpu=max(r.cpu for r in wanted), gpu=gpu)


def check_room(wanted: Resources, *, elastic: bool) -> int:
    """Return how many trials fit at a time.

    Args:
        elastic: the cluster may grow, so a trial that does not fit now may fit later.

    Raises:
        InputError: no trial fits, now or, in an elastic cluster, without a number of workers.
    """
    total = ray.cluster_resources()
    gpus, cpus = total.get("GPU", 0.0), total.get("CPU", 0.0)
    slots = _fit(cpus, wanted.cpu)
    if wanted.gpu:
        on_one = 1 if wanted.gpu > 1 else _fit(1.0, wanted.gpu)  # a fraction lies on one GPU
        slots = min(slots, on_one * _fit(gpus, max(wanted.gpu, 1.0)))
    if slots:
        return slots
    if elastic:
        raise InputError(
            f"The cluster has no room at present ({cpus:g} CPU, {gpus:g} GPU): if it grows on "
            "demand, say with --workers how many trials may run at a time."
        )
    if wanted.gpu > gpus:
        raise InputError(
            f"A trial asks for {wanted.gpu:g} GPU, and this machine offers {gpus:g}: "
            "use --device cpu, or --address of a cluster with GPUs."
        )
    raise InputError(f"A trial asks for {wanted.cpu:g} CPU cores, and there are {cpus:g}.")


def _fit(room: float, size: float) -> int:
    """Return how often `size` fits, in ten-thousandths as Ray counts."""
    return round(room * 10_000) // round(size * 10_000)


class _ChunkSearcher(Searcher):
    """Tune's view of the plan: every suggestion is a chunk of jobs."""

    def __init__(self, chunks: Chunks) -> None:
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
        """Nothing to learn: `_ChunkCallback` has it all, the last result and the error too."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the store is the record."""

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("A sweep resumes from its store, not from Tune's snapshot.")


class _ChunkCallback(Callback):
    """Tells the chunks what happens to Tune's trials."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        self._chunks.begin(trial.trial_id)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict, **_: Any
    ) -> None:
        # Taken out of the result, which Tune keeps in memory as long as the sweep runs.
        self._chunks.report(trial.trial_id, result["job"], result.pop("outcomes"))

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        self._chunks.end(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        error = _error(trial)
        at_start = isinstance(error, ActorDiedError) and error.actor_init_failed
        reason = str(error).strip().splitlines()[-1]
        self._chunks.lose(trial.trial_id, reason, fatal=at_start)


class _StopWhen(Stopper):
    """Ends chunks after the group in flight once the sweep is to stop."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    def __call__(self, trial_id: str, result: dict) -> bool:
        return self._chunks.ends(trial_id)

    def stop_all(self) -> bool:
        return self._chunks.over


def _error(trial: Trial) -> BaseException | str:
    """Return what ended a trial: the exception, which Tune has written to its local folder."""
    if trial.pickled_error_file is None:
        return Path(trial.error_file or "").read_text()
    with Path(trial.pickled_error_file).open("rb") as file:
        return cloudpickle.load(file)
