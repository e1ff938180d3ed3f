"""PED-ANOVA, Optuna's own, on unit coordinates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna

from flowadam.optuna_bridge import distributions
from flowadam.space import Float, Space

# Below this the best tenth holds fewer than five configurations.
FEWEST = 50
QUANTILE = 0.1


def ped_anova(names: Sequence[str], units: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Return each knob's share in reaching the best tenth of the configurations; they sum to 1.

    Args:
        names: knobs, [d].
        units: unit coordinates, [n, d], n >= FEWEST.
        target: what is minimized, [n].

    Source: Watanabe, Bansal and Hutter (2023), "PED-ANOVA".
    """
    space = distributions(Space(tuple(Float(name, 0.0, 1.0, "unit cube") for name in names)))
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    finally:
        optuna.logging.set_verbosity(verbosity)
    for point, value in zip(units.tolist(), target.tolist(), strict=True):
        params = dict(zip(names, point, strict=True))
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=value))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(
        target_quantile=QUANTILE, evaluate_on_local=False
    )
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
