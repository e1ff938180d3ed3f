"""What the completion tasks share: one metric, one problem, one way to be made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from flowadam.space import digest
from flowadam.task import Resources, Split
from trainables.cells import SplitCells, additive_baselines
from trainables.options import require_whole

if TYPE_CHECKING:
    from trainables.factorization import FactorizationProblem


@dataclass(frozen=True, kw_only=True)
class CompletionTask(ABC):
    """Complete a partly observed matrix by a product of two factors of rank `rank`.

    Args:
        rank: columns of the factors, at least 1.
        data_seed: fixes what is drawn of the data, and the split; at least 0.

    Raises:
        InputError: `rank` or `data_seed` is not a whole number in its range.
    """

    name: str
    summary: str
    budget: int
    rank: int
    data_seed: int

    metric = "rmse"
    resources = Resources()
    deterministic = True

    def __post_init__(self) -> None:
        require_whole("rank", self.rank, 1)
        require_whole("data_seed", self.data_seed, 0)

    @abstractmethod
    def data(self) -> SplitCells:
        """Return the training, validation and test cells."""

    @abstractmethod
    def content_hash(self) -> str:
        """Hash of the data themselves."""

    def fingerprint(self) -> str:
        """Hash of everything that fixes the problem: content, sizes, rank, split, data seed."""
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
    ) -> FactorizationProblem:
        """Return one replica per seed; see ``flowadam.task.Task.make``."""
        from trainables.factorization import FactorizationProblem
        from trainables.setup import Setup

        setup = Setup.check(
            seeds, penalty=penalty, test_unlocked=test_unlocked, device=device, dtype=dtype
        )
        return FactorizationProblem(self.data(), name=self.name, rank=self.rank, setup=setup)

    def trivial(self, split: Split) -> Mapping[str, float]:
        """Return the RMSE of the training mean, the row means and row + column biases."""
        return additive_baselines(self.data(), split, "row", "column")
