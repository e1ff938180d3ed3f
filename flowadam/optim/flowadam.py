"""The FlowAdam optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from flowadam.optim import detector, kept_slopes
from flowadam.optim.adam import adam_update, new_state
from flowadam.optim.evaluation import Evaluation
from flowadam.optim.field import Arrival, Leg
from flowadam.optim.flow import Journey, blend, follow
from flowadam.optim.options import check_shared, resolve
from flowadam.optim.record import COUNTERS, Record
from flowadam.optim.slots import Slot, rows


class FlowAdam(Optimizer):
    """Adam that follows the clipped gradient flow where the loss is flat or changes fast.

    With n = |g| the norm of the gradient, c = |g - g_previous| that of its change (over tensors
    that had a gradient before; c = n at the first step), and G, C their running averages
    (0.9 G + 0.1 n, 0.9 C + 0.1 c), a step from the twelfth on is a *flow step* if

        n < switch_sensitivity G   or   c > curvature_sensitivity C.

    It moves theta along d theta/dt = -clip(grad L(theta), +-clip_value) for the time
    h = lr * ode_t_scale and blends the velocity w = -displacement / lr into the momentum of each
    tensor, m <- (1 - gamma) m + gamma min(1, 5|m|/|w|) w. Second moments and step counters stay.
    Every other step is Adam's.

    Cost: Adam steps take one closure call. A flow step of the ladder takes one more, which checks
    the Euler step and, if `deterministic`, is the next step's gradient. The check is made for
    every closure, so that a flow step means the same everywhere and its price is counted. Where it
    fails, adaptive Heun takes two calls per substep, of which it tries 100. dopri5 takes six.

    Args:
        params: parameters or parameter groups. `lr`, `betas`, `eps`, `ode_t_scale`,
            `momentum_blend_gamma` and `clip_value` are each group's own; the other options span
            all groups and must be equal in them.
        lr: step size of Adam, and the unit of the flow's horizon. 0 is legal, a tensor is not.
        betas: decay rates of Adam's two moments.
        eps: added to Adam's denominator.
        mode: presets of the next three: "A" .40, 3, 2; "B" .90, .1, .5.
        switch_sensitivity: plateau threshold; 0 switches the test off.
        curvature_sensitivity: stiffness threshold; infinity switches the test off.
        ode_t_scale: horizon in units of `lr`.
        ode_method: "ladder" (Euler, else adaptive Heun) or a method of torchdiffeq. The latter
            are kept inside the horizon too.
        ode_tol: relative and absolute tolerance of the flow's end point.
        momentum_blend_gamma: share of the velocity in the momentum after a flow step.
        clip_value: largest coordinate of the flow's slope; infinity does not clip.
        injection: "soft" as above, "hard" (m <- w, no cap) or "none".
        velocity: "slope" forms w exactly; "difference" from the parameters before and after in
            their dtype, as published, which in float32 loses most digits late in training.
        eps_placement: "published" adds eps to the uncorrected root, sqrt(v) + eps; "torch" to the
            corrected one, sqrt(v / (1 - beta2^t)) + eps. Without flow steps the latter is
            torch.optim.Adam, bit for bit its fused form.
        deterministic: promise that the closure is a function of the parameters alone.
        stacked: the leading axis of every parameter counts R independent replicas, each with
            norms, decisions and counters of its own.

    A step whose gradient is missing or not finite changes nothing (of that replica) and is not
    counted. A flow that cannot be followed is replaced by an Adam step with the gradient the step
    began with. An exception raised by the closure leaves parameters and state as they were.
    The optimizer never clears gradients before the first closure call of a step, and always before
    further ones; after the step they hold the gradient it began with.

    Raises:
        ValueError: an option outside its range, or unequal where it spans all groups.

    Source: "FlowAdam: Implicit Regularization via Geometry-Aware Soft Momentum Injection",
    arXiv 2604.06652; the ladder, the exact velocity and the kept slopes are this package's own.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        mode: Literal["A", "B"] = "B",
        switch_sensitivity: float | None = None,
        curvature_sensitivity: float | None = None,
        ode_t_scale: float | None = None,
        ode_method: str = "ladder",
        ode_tol: float = 1e-4,
        momentum_blend_gamma: float = 0.5,
        clip_value: float = 1.0,
        injection: Literal["soft", "hard", "none"] = "soft",
        velocity: Literal["slope", "difference"] = "slope",
        eps_placement: Literal["published", "torch"] = "published",
        deterministic: bool = False,
        stacked: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "mode": mode,
            "switch_sensitivity": switch_sensitivity,
            "curvature_sensitivity": curvature_sensitivity,
            "ode_t_scale": ode_t_scale,
            "ode_method": ode_method,
            "ode_tol": ode_tol,
            "momentum_blend_gamma": momentum_blend_gamma,
            "clip_value": clip_value,
            "injection": injection,
            "velocity": velocity,
            "eps_placement": eps_placement,
            "deterministic": deterministic,
            "stacked": stacked,
        }
        super().__init__(params, options)
        self._records = [Record() for _ in range(self._replicas or 1)]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; the constructor's stand in for missing ones.

        Raises:
            ValueError: see the class; also complex parameters, and stacked ones whose leading axes
                differ.
        """
        group = resolve(self.defaults | param_group)
        check_shared(self.param_groups[0] if self.param_groups else group, group)
        super().add_param_group(group)
        try:
            self._check_tensors(self.param_groups[-1]["params"])
        except ValueError:
            self.param_groups.pop()
            raise

    @torch.no_grad()
    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        """Make one update and return the loss before it.

        Args:
            closure: clears gradients, evaluates the loss, calls backward and returns the loss. If
                `stacked`: ``closure(active=None) -> losses [R]`` with `active` Bool[R] on the CPU;
                gradients and losses of inactive replicas may hold anything.

        Raises:
            RuntimeError: no closure.
        """
        if closure is None:
            raise RuntimeError("`step` needs a closure that evaluates loss and gradient, got None.")
        params = self._params()
        evaluate = Evaluation(closure, self._replicas)
        loss = self._first_evaluation(params, evaluate)
        slots = self._gather()
        verdicts = self._judge(slots)
        flowing = [r for r, verdict in verdicts.items() if verdict.flows]
        journeys = follow(slots, flowing, params, evaluate) if flowing else {}
        # The closure is not called below, so a step is made as a whole or not at all.
        self._update([slot for slot in slots if slot.replica in verdicts], journeys, loss)
        self._count(verdicts, journeys)
        return loss

    def flow_stats(self) -> dict[str, Any]:
        """Return counts since the start: ints, or int64 [R] if stacked.

        steps: updates made, of both kinds. flow_steps: those that followed the flow. field_evals:
        closure evaluations inside flows. fallbacks: flows that failed and became Adam steps.
        """
        if self._replicas is None:
            return {name: getattr(self._records[0], name) for name in COUNTERS}
        return {
            name: torch.tensor([getattr(record, name) for record in self._records])
            for name in COUNTERS
        }

    def state_dict(self) -> dict[str, Any]:
        """Return torch's state dictionary with one more entry, ``records``: one per replica."""
        return super().state_dict() | {"records": [asdict(record) for record in self._records]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a copy of `state_dict`; nothing is shared with it afterwards.

        Raises:
            ValueError: it is not FlowAdam's, or has another number of replicas.
        """
        found = len(state_dict.get("records", ()))
        if found != len(self._records):
            raise ValueError(
                f"The state must hold the records of {len(self._records)} replicas, got {found}."
            )
        copy = deepcopy(state_dict)
        super().load_state_dict(copy)
        self._records = [Record(**record) for record in copy["records"]]

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_records": self._records}

    @property
    def _options(self) -> dict[str, Any]:
        """Options that are equal in all groups."""
        return self.param_groups[0]

    @property
    def _replicas(self) -> int | None:
        """R, or None when not stacked."""
        return self._options["params"][0].shape[0] if self._options["stacked"] else None

    def _check_tensors(self, params: Sequence[Tensor]) -> None:
        first = self._options["params"][0]
        for p in params:
            if p.is_complex():
                raise ValueError(f"FlowAdam needs real parameters, got {p.dtype}.")
            if not self._options["stacked"]:
                continue
            if p.dim() == 0 or p.shape[0] == 0 or p.shape[0] != first.shape[0]:
                raise ValueError(
                    "Stacked parameters must share a leading axis of at least one replica, "
                    f"got shapes {tuple(first.shape)} and {tuple(p.shape)}."
                )

    def _first_evaluation(self, params: Sequence[Tensor], evaluate: Evaluation) -> Any:
        if not self._options["deterministic"]:
            return evaluate()
        stacked = self._options["stacked"]
        return kept_slopes.first_evaluation(params, self.state, self._records, evaluate, stacked)

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _gather(self) -> list[Slot]:
        stacked = self._options["stacked"]
        slots = []
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.is_sparse:
                    raise RuntimeError("FlowAdam needs dense gradients, got a sparse one.")
                state = self.state[p] if p in self.state else new_state(p, len(self._records))
                tensors = zip(rows(p, stacked), rows(p.grad, stacked), strict=True)
                slots += [Slot(p, r, group, state, *pair) for r, pair in enumerate(tensors)]
        return slots

    def _judge(self, slots: Sequence[Slot]) -> dict[int, detector.Verdict]:
        sigma = self._options["switch_sensitivity"]
        kappa = self._options["curvature_sensitivity"]
        sights = detector.measure(slots, self._records) if slots else {}
        return {
            r: detector.judge(self._records[r], sight, sigma, kappa) for r, sight in sights.items()
        }

    def _update(
        self,
        slots: Sequence[Slot],
        journeys: dict[int, Journey],
        loss: Any,
    ) -> None:
        """Write what the step means for moments, quiet parameters and memory."""
        for slot in slots:
            self.state[slot.owner] = slot.state
        if self._options["deterministic"]:
            kept_slopes.forget(self.state, self._records)
        arrivals = {r: journey.arrival for r, journey in journeys.items() if journey.arrival}
        adam_update([slot for slot in slots if slot.replica not in arrivals])
        blend(journeys.values())
        if self._options["deterministic"]:
            for r, arrival in arrivals.items():
                self._keep(r, journeys[r].legs, arrival, loss)
        detector.remember(slots, own=bool(journeys))

    def _keep(self, replica: int, legs: Sequence[Leg], arrival: Arrival, loss: Any) -> None:
        end_loss = arrival.end_loss
        like = loss.new_full((), end_loss) if isinstance(loss, Tensor) else end_loss
        trainable = [p.requires_grad for p in self._params()]
        kept_slopes.keep(legs, arrival, self._records[replica], like, trainable)

    def _count(self, verdicts: dict[int, detector.Verdict], journeys: dict[int, Journey]) -> None:
        for r, verdict in verdicts.items():
            record = self._records[r]
            record.steps += 1
            record.grad_ema, record.change_ema = verdict.grad_ema, verdict.change_ema
        for r, journey in journeys.items():
            self._records[r].field_evals += journey.evals
            self._records[r].flow_steps += journey.arrival is not None
            self._records[r].fallbacks += journey.arrival is None
