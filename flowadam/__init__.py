"""Distributed hyperparameter search that compares optimizers under equal, counted budgets.

Names load on first use (PEP 562), so ``import flowadam`` costs nothing and loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowadam.optim import DualAdam as DualAdam
    from flowadam.optim import FlowAdam as FlowAdam
    from flowadam.optim import InvAdam as InvAdam
    from flowadam.optim import VRAdam as VRAdam
    from flowadam.space import Choice as Choice
    from flowadam.space import Float as Float
    from flowadam.space import Int as Int
    from flowadam.space import Space as Space
    from flowadam.spec import OptimizerSpec as OptimizerSpec
    from flowadam.store import Store as Store
    from flowadam.study import Study as Study
    from flowadam.task import Problem as Problem
    from flowadam.task import Task as Task
    from flowadam.trial import run_trial as run_trial

__version__ = "0.1.0"

_HOMES = {
    "FlowAdam": "flowadam.optim",
    "VRAdam": "flowadam.optim",
    "InvAdam": "flowadam.optim",
    "DualAdam": "flowadam.optim",
    "Float": "flowadam.space",
    "Int": "flowadam.space",
    "Choice": "flowadam.space",
    "Space": "flowadam.space",
    "OptimizerSpec": "flowadam.spec",
    "Task": "flowadam.task",
    "Problem": "flowadam.task",
    "Study": "flowadam.study",
    "Store": "flowadam.store",
    "run_trial": "flowadam.trial",
}
__all__ = [
    "Choice",
    "DualAdam",
    "Float",
    "FlowAdam",
    "Int",
    "InvAdam",
    "OptimizerSpec",
    "Problem",
    "Space",
    "Store",
    "Study",
    "Task",
    "VRAdam",
    "__version__",
    "run_trial",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'flowadam' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
