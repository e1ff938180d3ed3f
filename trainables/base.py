"""What the tasks share: checked arguments, one fingerprint, one way to be made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Self

from flowadam.errors import require_known
from flowadam.space import digest
from flowadam.task import SPLITS, Problem, Resources, Split
from trainables.options import require_whole

if TYPE_CHECKING:
    from trainables.setup import Setup


@dataclass(frozen=True, kw_only=True)
class BenchmarkTask(ABC):
    """A frozen description; data are drawn or read, and torch is imported, when a run begins.

    Args:
        budget: default number of gradient evaluations of a run.
        data_seed: fixes what is drawn of the data, and the split; at least 0.

    Raises:
        InputError: `data_seed` is not a whole number in its range.
    """

    name: str
    summary: str
    budget: int
    data_seed: int = 0

    metric: ClassVar[str]
    resources: ClassVar[Resources] = Resources()
    deterministic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_whole("data_seed", self.data_seed, 0)

    @abstractmethod
    def problem(self, setup: Setup) -> Problem:
        """Return the problem, one replica per seed of `setup`; see ``flowadam.task.Task.make``."""

    @abstractmethod
    def content_hash(self) -> str:
        """Hash of the data themselves."""

    @abstractmethod
    def tiny(self) -> Self:
        """Return the same task in a size that contract tests can run in milliseconds."""

    @abstractmethod
    def constants(self, split: Split) -> Mapping[str, float]:
        """Return the metric of each constant predictor on a known split."""

    def trivial(self, split: Split) -> Mapping[str, float]:
        """Return the metric of each constant predictor by name.

        Raises:
            InputError: `split` is neither "val" nor "test".
        """
        require_known("split", split, SPLITS)
        return self.constants(split)

    def fingerprint(self) -> str:
        """Hash of everything that fixes the problem: content, sizes, split, data seed."""
        kept = [f.name for f in fields(self) if f.compare and f.name not in ("summary", "budget")]
        options = {name: getattr(self, name) for name in kept}
        return digest(options | {"content": self.content_hash()})

    def make(
        self,
        seeds: Sequence[int],
        *,
        penalty: float = 0.0,
        test_unlocked: bool = False,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> Problem:
        """Return one replica per seed; see ``flowadam.task.Task.make``."""
        from trainables.setup import Setup

        setup = Setup.check(
            seeds, penalty=penalty, test_unlocked=test_unlocked, device=device, dtype=dtype
        )
        return self.problem(setup)
