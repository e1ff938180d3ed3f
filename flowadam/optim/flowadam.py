"""The FlowAdam optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Literal, Self

import torch
from torch import Tensor
from torch.optim import Optimizer

from flowadam.optim import checks, detector, kernels
from flowadam.optim.adam import adam_update
from flowadam.optim.detector import Detector, Verdict
from flowadam.optim.evaluation import Evaluation, own
from flowadam.optim.field import Journey
from flowadam.optim.flow import follow
from flowadam.optim.gradients import Scratch
from flowadam.optim.hooks import profile_hook_step
from flowadam.optim.injection import inject
from flowadam.optim.kept_slopes import KeptSlopes
from flowadam.optim.lanes import Lane, gather
from flowadam.optim.masked import masked_step
from flowadam.optim.options import PUBLISHED, check_capturable, check_moves, check_shared, resolve
from flowadam.optim.record import Record, statistics
from flowadam.optim.refusals import refuse_loss_scale
from flowadam.optim.saved import check_shapes
from flowadam.optim.tally import Tally
from flowadam.optim.tensors import check_stack, check_whole


class FlowAdam(Optimizer):
    """Adam that follows the clipped gradient flow where the loss is flat or changes fast.

    With n = |g| the norm of the gradient, c = |g - g_previous| that of its change (over tensors
    that had a gradient before; c = n at the first step), and G, C their running averages
    (0.9 G + 0.1 n, 0.9 C + 0.1 c), a step from the twelfth on is a *flow step* if

        n < switch_sensitivity G   or   c > curvature_sensitivity C.

    It moves theta along d theta/dt = -K(grad L(theta)), K the clip, for the time
    h = lr * ode_t_scale and blends the velocity w = -displacement / lr into the momentum of each
    tensor, m <- (1 - gamma) m + gamma min(1, 5|m|/|w|) w. Second moments and step counters stay.
    Every other step is Adam's.

    Cost: Adam steps take one closure call. A flow step of the ladder takes one more, which checks
    the Euler step and, if `deterministic`, is the next step's gradient. The check is made for
    every closure, so that a flow step means the same everywhere and its price is counted. Where it
    fails, adaptive Heun takes two calls per substep, of which it tries 100. dopri5 takes six,
    "euler" none.
    State per parameter: three tensors shaped and typed like it, two moments and the previous
    gradient (not for detectors that compare none); after the first flow step two more as work
    memory, and two for the slope that `deterministic` keeps.

    Args:
        params: parameters or parameter groups. `lr`, `betas`, `eps`, `ode_t_scale`,
            `momentum_blend_gamma` and `clip_value` are each group's own; the other options span
            all groups and must be equal in them.
        lr: step size of Adam, and the unit of the flow's horizon, default 1e-3. 0 is legal; a
            tensor [] is if `capturable`, and is best kept where the parameters are.
        betas: decay rates of Adam's two moments, default (.9, .999).
        eps: added to Adam's denominator, default 1e-8.
        mode: presets of the next three: "A" .40, 3, 2; "B" (default) .90, .1, .5; "p" .50, 2, 1.
        switch_sensitivity: plateau threshold, default the preset's; 0 switches the test off.
        curvature_sensitivity: stiffness threshold, likewise; infinity switches the test off.
        ode_t_scale: horizon in units of `lr`, likewise.
        detector: what asks for a flow step. "gradient_norm" (default) as above; "second_moment" the
            same tests with n = |sqrt(v)| and c = |sqrt(2 max(v - m^2, 0))| of Adam's bias-corrected
            moments; "random" with probability `rate`; "periodic", every 1/`rate` steps; "never";
            or a function of a `Sight` that returns True to flow, which is not part of the state.
            No detector acts before the twelfth step.
        rate: share of flow steps of "random" and "periodic", default .5.
        detector_seed: seed of "random", default 0; all replicas share its draws.
        ode_method: "ladder" (default; Euler, else adaptive Heun), "euler" (one Euler step that
            nothing checks) or another method of torchdiffeq.
        ode_setup: "bounded" (default) keeps adaptive methods of torchdiffeq inside the horizon;
            "published" leaves them their own first step and rounds the horizon to float32.
        ode_tol: relative and absolute tolerance of the flow's end point, default 1e-4.
        momentum_blend_gamma: share of the velocity in the momentum after a flow step, default .5.
        clip_mode: "coordinate" (default) limits each coordinate of the slope to +-clip_value,
            "global_norm" its norm over all tensors to clip_value.
        clip_value: the limit, default 1; infinity does not clip. Equal in all groups for
            "global_norm".
        injection: "soft" (default) as above, "hard" (m <- w, no cap), "damped" (the momentum is
            scaled by 1 - gamma and nothing is added) or "none".
        moves: False leaves the parameters of a flow step where they are, so that the injection is
            all it does; for "euler" with the velocity "slope". Default True.
        velocity: "slope" (default) forms w exactly; "difference" from the parameters before and
            after in their dtype, as published, which in float32 loses most digits late in training.
        precond_power: p, Adam's anisotropy. 1 (default) is Adam; below 1 the denominator is
            (r + eps)^p (S + eps)^(1-p) + eps, r = sqrt(v / (1 - beta2^t)), and S one number for
            all tensors, so that at 0 the step is parallel to the momentum.
        precond_scalar: S is the root mean square of r ("rms", default) or its geometric mean
            ("geomean").
        eps_placement: at p = 1, "published" (default) adds eps to the uncorrected root,
            sqrt(v) + eps; "torch" to the corrected one, sqrt(v / (1 - beta2^t)) + eps. Without
            flow steps the latter is torch.optim.Adam, bit for bit its fused form.
        deterministic: promise that the closure is a function of the parameters alone, default
            False. Without it every flow step is one more call that batch statistics and random
            streams of the model see.
        capturable: decide by masks on the device, so that a step reads nothing back and a CUDA
            graph can hold it, default False, also on a GPU. Needs `ode_method` "euler" and a
            detector other than "random" and a function; takes the same decisions.
        stacked: the leading axis of every parameter counts R independent replicas, each with
            norms, decisions and counters of its own; default False.

    A step whose gradient is missing or not finite changes nothing (of that replica) and is not
    counted. A flow that cannot be followed is replaced by an Adam step with the gradient the step
    began with. An exception raised by the closure leaves parameters and state as they were.
    The optimizer never clears gradients before the first closure call of a step, and always before
    further ones; after the step they hold the gradient it began with.

    Host reads: one transfer of norms in each step, which a GPU cannot do without, since it is the
    host that calls the closure again or does not; flow steps of the ladder take a second one for
    their check. A `capturable` step takes none, but makes both updates whatever is decided, in
    about a hundred kernels and twenty for each tensor: worth it inside a CUDA graph, or where the
    queue of the device must not run dry. Its numbers are those of the other way up to rounding.
    `flow_stats` and `state_dict` read them when they are called.

    Known against its claims: with preset B on factorizations the stiffness test fires at every
    second step and the flow moves the parameters by less than a thousandth of what Adam does, so
    what acts is the damping of the momentum; in float32 the published velocity is mostly rounding.
    The published comparisons count steps instead of gradients, penalize unequally, and leave the
    baselines untuned.

    Raises:
        ValueError: an option outside its range, or unequal where it spans all groups; complex,
            sharded, or wrongly stacked parameters; `capturable` with options that need the host.

    Source: "FlowAdam: Implicit Regularization via Geometry-Aware Soft Momentum Injection",
    arXiv 2604.06652; `clip_mode` and the dial from arXiv 2608.05136; the ladder, the exact
    velocity, the kept slopes and the other detectors are this package's own.
    """

    # Makes torch's GradScaler leave its marks, so that a scaled loss can be refused.
    _step_supports_amp_scaling = True
    profile_hook_step = staticmethod(profile_hook_step)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        mode: Literal["A", "B", "p"] = "B",
        switch_sensitivity: float | None = None,
        curvature_sensitivity: float | None = None,
        ode_t_scale: float | None = None,
        detector: str | Detector = "gradient_norm",
        rate: float = 0.5,
        detector_seed: int = 0,
        ode_method: str = "ladder",
        ode_setup: Literal["bounded", "published"] = "bounded",
        ode_tol: float = 1e-4,
        momentum_blend_gamma: float = 0.5,
        clip_mode: Literal["coordinate", "global_norm"] = "coordinate",
        clip_value: float = 1.0,
        injection: Literal["soft", "hard", "none", "damped"] = "soft",
        moves: bool = True,
        velocity: Literal["slope", "difference"] = "slope",
        precond_power: float = 1.0,
        precond_scalar: Literal["rms", "geomean"] = "rms",
        eps_placement: Literal["published", "torch"] = "published",
        deterministic: bool = False,
        capturable: bool = False,
        stacked: bool = False,
    ) -> None:
        # A function stays out of the groups, which have to survive torch.load(weights_only=True).
        self._custom = detector if callable(detector) else None
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "mode": mode,
            "switch_sensitivity": switch_sensitivity,
            "curvature_sensitivity": curvature_sensitivity,
            "ode_t_scale": ode_t_scale,
            "detector": "custom" if callable(detector) else detector,
            "rate": rate,
            "detector_seed": detector_seed,
            "ode_method": ode_method,
            "ode_setup": ode_setup,
            "ode_tol": ode_tol,
            "momentum_blend_gamma": momentum_blend_gamma,
            "clip_mode": clip_mode,
            "clip_value": clip_value,
            "injection": injection,
            "moves": moves,
            "velocity": velocity,
            "precond_power": precond_power,
            "precond_scalar": precond_scalar,
            "eps_placement": eps_placement,
            "deterministic": deterministic,
            "capturable": capturable,
            "stacked": stacked,
        }
        super().__init__(params, options)
        self._records = [Record() for _ in range(self._replicas or 1)]
        self._scratch, self._slopes = Scratch(), KeptSlopes()
        self._tally: Tally | None = None

    @classmethod
    def published(cls, params: Iterable[Any], **options: Any) -> Self:
        """Return FlowAdam with the numbers of the published code, for its presets A and B.

        ``ode_method="dopri5"``, ``ode_setup="published"``, ``velocity="difference"`` and
        ``eps_placement="published"``; `options` are the constructor's and win. Other differences
        to the published code are its faults, which change no number: see the class.
        """
        return cls(params, **(PUBLISHED | options))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own; the constructor's stand in for missing ones.

        Raises:
            ValueError: see the class; also stacked parameters whose leading axes differ.
        """
        checks.known(param_group, self.defaults)
        group = resolve(self.defaults | param_group)
        if (group["detector"] == "custom") != (self._custom is not None):
            raise ValueError("A detector function is given to the constructor, for all groups.")
        check_shared(self.param_groups[0] if self.param_groups else group, group)
        check_moves(group)
        check_capturable(group)
        super().add_param_group(group)
        added = self.param_groups[-1]["params"]
        try:
            check_whole("FlowAdam", added)
            if self._options["stacked"]:
                check_stack(added, self._options["params"][0])
            for p in added:
                if not p.is_floating_point():
                    raise ValueError(f"FlowAdam needs real parameters, got {p.dtype}.")
        except ValueError:
            self.param_groups.pop()
            raise

    def step(self, closure: Callable[..., Any] | None = None) -> Any:
        """Make one update and return the closure's loss before it, without its graph.

        Args:
            closure: clears gradients, evaluates the loss, calls backward and returns the loss. If
                `stacked`: ``closure(active=None) -> losses [R]`` with `active` Bool[R] on the CPU;
                gradients and losses of inactive replicas may hold anything.

        Raises:
            RuntimeError: no closure, a sparse gradient, or a loss scaled by a GradScaler.
        """
        refuse_loss_scale(self)
        if closure is None:
            raise RuntimeError("`step` needs a closure that evaluates loss and gradient, got None.")
        # By the switch itself, as the context managers take as long as a small model's kernels.
        before = torch.is_grad_enabled()
        kernels.set_grad_enabled(False)
        try:
            return self._step(closure)
        finally:
            kernels.set_grad_enabled(before)

    def _step(self, closure: Callable[..., Any]) -> Any:
        params = [p for group in self.param_groups for p in group["params"]]
        evaluate = Evaluation(closure, self._replicas)
        loss = self._first_evaluation(params, evaluate)
        if self._options["capturable"]:
            self._tally = self._tally or Tally(self._records, params[0].device)
            masked_step(self.param_groups, self.state, self._tally)
            return loss
        lanes = self._gather()
        verdicts = self._judge(lanes)
        flowing = [r for r, verdict in verdicts.items() if verdict.flows]
        journeys: list[Journey] = []
        if flowing:
            loss = own(loss) if evaluate.calls and self._calls_again else loss
            journeys = follow(lanes, flowing, params, evaluate, self._scratch)
        # The closure is not called below, so a step is made as a whole or not at all.
        self._update(params, [lane for lane in lanes if lane.replica in verdicts], journeys, loss)
        self._count(verdicts, journeys)
        return loss

    def flow_stats(self) -> dict[str, Any]:
        """Return counts since the start: numbers, or tensors [R] if stacked.

        steps: updates made, of both kinds. flow_steps: those that followed the flow. field_evals:
        closure evaluations inside flows. fallbacks: flows that failed and became Adam steps.
        plateau_triggers, stiffness_triggers: flows that a test asked for; both may ask for one.
        capped_injections: tensors whose velocity was scaled down before it was injected.
        clipped_share: share of coordinates that the clip changed in the first slopes of flows.
        """
        return statistics(self._known_records(), stacked=self._options["stacked"])

    def state_dict(self) -> dict[str, Any]:
        """Return torch's state dictionary with one more entry, ``records``: one per replica."""
        return super().state_dict() | {"records": list(map(asdict, self._known_records()))}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a copy of `state_dict`; nothing is shared with it afterwards.

        Raises:
            ValueError: it is not FlowAdam's, has another number of replicas or tensors of other
                shapes, or was saved with a detector function that this optimizer lacks (or the
                other way round).
        """
        found = len(state_dict.get("records", ()))
        if found != len(self._records):
            raise ValueError(
                f"The state must hold the records of {len(self._records)} replicas, got {found}."
            )
        if any(
            (group["detector"] == "custom") != (self._custom is not None)
            for group in state_dict["param_groups"]
        ):
            raise ValueError(
                "A detector function is not part of the state: give the same one to the "
                "constructor before loading, or none if the state was saved without."
            )
        check_shapes(self, state_dict)
        copy = deepcopy(state_dict)
        super().load_state_dict(copy)
        self._records = [Record(**record) for record in copy["records"]]
        self._scratch, self._slopes, self._tally = Scratch(), KeptSlopes(), None

    def __getstate__(self) -> dict[str, Any]:
        own = {"_records": self._known_records(), "_tally": None, "_custom": self._custom}
        return super().__getstate__() | own | {"_scratch": Scratch(), "_slopes": KeptSlopes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # Of a state that is older than the option.
            group.setdefault("capturable", False)

    @property
    def _options(self) -> dict[str, Any]:
        """Options that are equal in all groups."""
        return self.param_groups[0]

    @property
    def _calls_again(self) -> bool:
        """A flow calls the closure, which may overwrite what its first call left."""
        return self._options["ode_method"] != "euler"

    def _known_records(self) -> list[Record]:
        """Return the records, read from the device if that is where they are."""
        return self._tally.records() if self._tally else self._records

    @property
    def _replicas(self) -> int | None:
        """R, or None when not stacked."""
        return self._options["params"][0].shape[0] if self._options["stacked"] else None

    def _first_evaluation(self, params: Sequence[Tensor], evaluate: Evaluation) -> Any:
        if not self._options["deterministic"]:
            return evaluate()
        stacked = self._options["stacked"]
        return self._slopes.first_evaluation(params, self.state, self._records, evaluate, stacked)

    def _gather(self) -> list[Lane]:
        options = self._options
        lanes = gather(self.param_groups, self.state, len(self._records), options["stacked"])
        if options["deterministic"] and detector.remembers(options["detector"]):
            self._slopes.tell(lanes)
        return lanes

    def _judge(self, lanes: Sequence[Lane]) -> dict[int, Verdict]:
        options, custom = self._options, self._custom
        sights = detector.measure(lanes, self._records, options["detector"]) if lanes else {}
        return {
            r: detector.judge(self._records[r], sight, options, custom)
            for r, sight in sights.items()
        }

    def _update(
        self, params: list[Tensor], lanes: list[Lane], journeys: list[Journey], loss: Any
    ) -> None:
        """Write what the step means for moments, quiet parameters and memory."""
        if not lanes:
            return
        options, first = self._options, lanes[0]
        self.state.update(zip(first.owners, first.states, strict=True))
        arrived = {journey.lane.replica for journey in journeys if journey.arrived}
        if options["deterministic"]:
            self._slopes.forget(self.state, self._records)
        adam_update([lane for lane in lanes if lane.replica not in arrived])
        inject(journeys, self._records)
        if options["deterministic"]:
            self._slopes.keep(journeys, self._records, loss, params)
        if detector.remembers(options["detector"]):
            held = journeys and self._calls_again
            detector.remember(lanes, self._scratch if held else None)

    def _count(self, verdicts: dict[int, Verdict], journeys: Sequence[Journey]) -> None:
        for r, verdict in verdicts.items():
            self._records[r].see(verdict)
        for journey in journeys:
            self._records[journey.lane.replica].travel(journey)
