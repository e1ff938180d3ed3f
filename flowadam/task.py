"""What the framework asks of a benchmark task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

from flowadam.errors import FlowAdamError

if TYPE_CHECKING:
    import torch

Split = Literal["val", "test"]
SPLITS: tuple[Split, ...] = ("val", "test")


class TestSplitLocked(FlowAdamError):
    """The test part was asked for outside the confirm phase."""

    __test__ = False


@dataclass(frozen=True)
class Resources:
    """What one run asks of a cluster: CPU cores and (fractions of) GPUs."""

    cpu: float = 1.0
    gpu: float = 0.0


@runtime_checkable
class Problem(Protocol):
    """R replicas of one training problem, stacked along the leading axis of every parameter.

    Attributes:
        params: leaf tensors of shape [R, ...]; replica r belongs to seed r of ``Task.make``.
    """

    params: list[torch.Tensor]

    def closure(self, active: torch.Tensor | None = None) -> torch.Tensor:
        """Fill ``p.grad`` with the gradients of the active replicas and return losses [R].

        Args:
            active: Bool[R] on the CPU; ``None`` means all. Slices and losses of inactive replicas
                hold anything.
        """
        ...

    def begin_step(self, k: int) -> None:
        """Fix batch and dropout of optimizer step k, a function of (seed, k) alone."""
        ...

    def evaluate(self, split: Split) -> Mapping[str, torch.Tensor]:
        """Return each metric as a tensor [R]; lower is better.

        Raises:
            TestSplitLocked: `split` is "test" and the problem was made without `test_unlocked`.
        """
        ...


@runtime_checkable
class DifferentiableProblem(Problem, Protocol):
    """A problem whose loss can be differentiated more than once, by autograd.

    Optimizers with ``needs_graph`` and curvature probes need it; its values and gradients are
    those of the closure.
    """

    def losses(self, params: Sequence[torch.Tensor], replicas: Sequence[int]) -> torch.Tensor:
        """Return the losses [n] of n replicas at `params`, on the batch of the current step.

        Args:
            params: tensors [n, ...] in the order of ``Problem.params``; entry i belongs to
                replica ``replicas[i]``. The live parameters are not read.
        """
        ...


@runtime_checkable
class Task(Protocol):
    """A named data set, model and metric. One data seed in the task fixes data and split.

    Attributes:
        name: the name users type.
        summary: one line for ``flowadam tasks``.
        metric: the key of ``Problem.evaluate`` that is minimized.
        budget: default number of gradient evaluations of a run.
        resources: default request.
        deterministic: the closure is a function of the parameters alone (full batch, no dropout).
    """

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def budget(self) -> int: ...
    @property
    def resources(self) -> Resources: ...
    @property
    def deterministic(self) -> bool: ...

    def fingerprint(self) -> str:
        """Hash of everything that fixes the data: content, sizes, split and data seed."""
        ...

    def tiny(self) -> Self:
        """Return the same task in a size that contract tests can run in milliseconds."""
        ...

    def make(
        self,
        seeds: Sequence[int],
        *,
        penalty: float = 0.0,
        test_unlocked: bool = False,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> Problem:
        """Return one replica per seed; a seed drives initialization and order only.

        Args:
            penalty: weight w of the L2 term ``w * sum(theta^2)`` in the loss (gradient 2 w theta).
        """
        ...

    def trivial(self, split: Split) -> Mapping[str, float]:
        """Return the metric of each constant predictor by name."""
        ...
