"""Continuous-time models of optimizers at the edge of stability: stable flow and rod flow.

    method = rodflow.method("adam", lr=0.01)
    loss, start = rodflow.flattened(module, lambda net: mse_loss(net(X), y))
    tracking = rodflow.track(loss, start, method, steps=400)
    tracking.ratio("rod flow (alternating)")

Time is measured in optimizer steps, cost in gradients: a Hessian- or Jacobian-vector product counts
as one.
"""

from __future__ import annotations

from flowadam.rodflow.alternating import AlternatingRod as AlternatingRod
from flowadam.rodflow.flows import Flow as Flow
from flowadam.rodflow.gradients import Count as Count
from flowadam.rodflow.gradients import Gradients as Gradients
from flowadam.rodflow.integrators import Corrected as Corrected
from flowadam.rodflow.integrators import Fitted as Fitted
from flowadam.rodflow.matrix import MatrixRod as MatrixRod
from flowadam.rodflow.method import Method as Method
from flowadam.rodflow.method import method as method
from flowadam.rodflow.modules import flattened as flattened
from flowadam.rodflow.optimizers import OPTIMIZERS as OPTIMIZERS
from flowadam.rodflow.optimizers import Optimizer as Optimizer
from flowadam.rodflow.sharpness import preconditioned_sharpness as preconditioned_sharpness
from flowadam.rodflow.stable import StableFlow as StableFlow
from flowadam.rodflow.states import State as State
from flowadam.rodflow.step import start as start
from flowadam.rodflow.step import step as step
from flowadam.rodflow.threshold import eos_threshold as eos_threshold
from flowadam.rodflow.track import track as track
from flowadam.rodflow.tracker import Tracker as Tracker
from flowadam.rodflow.tracking import Tracking as Tracking
