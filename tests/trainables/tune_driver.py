"""Runs two Tuners on one embedded Ray, in a process of its own, and prints what they reported.

Ray reads its environment when it is imported and warns when it is shut down, so it has no place in
the process of the tests.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from flowadam.sweep.ray_session import ray_session, silenced

BUDGET = 40
RATES = [3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e30]  # the best first, so that later ones are stopped
README = Path(__file__).resolve().parents[2] / "README.md"
HEADING = "## Any task in your own Ray Tune"


def readme_lines() -> str:
    """Return the first block of Python below the README's heading."""
    _, _, section = README.read_text(encoding="utf-8").partition(HEADING)
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None, f"README.md has no Python below '{HEADING}'"
    return found[1]


def tune_rates(**config: Any) -> dict[str, Any]:
    """Tune FlowAdam's learning rate over RATES; return requests, and results by learning rate."""
    from ray import tune

    import search_spaces
    import trainables

    requests: list[dict[str, float]] = []
    results: dict[float, list[Any]] = {rate: [] for rate in RATES}

    class Recorder(tune.Callback):
        def on_trial_start(
            self, iteration: int, trials: list[Any], trial: Any, **info: Any
        ) -> None:
            requests.append(trial.placement_group_factory.required_resources)

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict, **info: Any
        ) -> None:
            names = ("val", "val_best", "grad_evals", "fraction", "status", "pid")
            results[trial.config["opt.lr"]].append([result[name] for name in names])

    spec, task = search_spaces.get("flowadam"), trainables.get("digits_mlp").tiny()
    tuner = tune.Tuner(
        trainables.trainable(task, spec, budget=BUDGET),
        param_space={"opt.lr": tune.grid_search(RATES)},
        tune_config=tune.TuneConfig(metric="val", mode="min", **config),
        run_config=tune.RunConfig(verbose=0, callbacks=[Recorder()]),
    )
    errors = [str(error) for error in tuner.fit().errors]
    return {"errors": errors, "requests": requests, "results": list(results.items())}


def run_readme() -> dict[str, Any]:
    """Run the README's lines as they stand."""
    names: dict[str, Any] = {}
    with redirect_stdout(StringIO()) as printed:
        exec(compile(readme_lines(), str(README), "exec"), names)
    return {
        "iterations": [result.metrics["training_iteration"] for result in names["results"]],
        "best": names["best"].config,
        "val_best": names["best"].metrics["val_best"],
        "printed": printed.getvalue(),
    }


def main() -> None:
    with ray_session(None, cpus=2), silenced():
        from ray.tune.schedulers import ASHAScheduler

        halving = ASHAScheduler(max_t=10, grace_period=1, reduction_factor=2)
        rates = tune_rates(scheduler=halving, reuse_actors=True, max_concurrent_trials=1)
        found = {"rates": rates, "readme": run_readme()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
