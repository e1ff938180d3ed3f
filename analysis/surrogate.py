"""A model of score over the unit cube, with the quality that says whether to believe it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

FEWEST = 12
FOLDS = 10


@dataclass(frozen=True)
class Surrogate:
    """The better of two regressors by cross-validation.

    Args:
        name: which one.
        model: fitted on all n points.
        r2: coefficient of determination of the out-of-fold predictions.
        rank_correlation: Spearman's, of the same predictions.
        folds, n: folds of the cross-validation, points.
    """

    name: str
    model: Any
    r2: float
    rank_correlation: float
    folds: int
    n: int


def fit_surrogate(units: np.ndarray, target: np.ndarray) -> Surrogate:
    """Fit a Gaussian process and extremely randomized trees; return the one that predicts better.

    Args:
        units: points of the unit cube, [n, d], n >= FEWEST.
        target: what is predicted, [n], not constant.
    """
    folds = min(FOLDS, len(target) // 2)
    splits = KFold(folds, shuffle=True, random_state=0)
    found: list[Surrogate] = []
    for name, model in _candidates(units.shape[1]).items():
        with _idle_knobs_allowed():
            predicted = np.asarray(cross_val_predict(model, units, target, cv=splits))
        r2, rank = float(r2_score(target, predicted)), _spearman(target, predicted)
        found.append(Surrogate(name, refit(model, units, target), r2, rank, folds, len(target)))
    return max(found, key=lambda s: s.r2)


def refit(model: Any, units: np.ndarray, target: np.ndarray) -> Any:
    """Fit the same kind of model, hyperparameters included, to other points."""
    fresh: Any = clone(model)
    with _idle_knobs_allowed():
        return fresh.fit(units, target)


@contextmanager
def _idle_knobs_allowed() -> Iterator[None]:
    """Keep quiet about length scales at their bound: that is how a Matern kernel says "idle"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _candidates(knobs: int) -> dict[str, Any]:
    scales: Any = np.ones(knobs)
    signal = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(scales, (5e-2, 1e2), nu=2.5)
    kernel = signal + WhiteKernel(1e-2, (1e-5, 1.0))
    return {
        "Gaussian process (Matern 5/2, ARD)": GaussianProcessRegressor(
            kernel, normalize_y=True, random_state=0
        ),
        "extremely randomized trees": ExtraTreesRegressor(64, random_state=0),
    }


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    if not (np.ptp(a) and np.ptp(b)):
        return 0.0
    result: Any = stats.spearmanr(a, b)
    return float(result.statistic)
