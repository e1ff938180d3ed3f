"""Linear regression on scikit-learn's diabetes table: 442 patients, ten measurements."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.datasets import load_diabetes

from flowadam.task import Resources
from trainables.cells import hash_arrays
from trainables.problem import FullBatchProblem
from trainables.setup import Setup


class Regression(FullBatchProblem):
    def __init__(self, data, setup):
        parts = {split: [setup.tensor(array) for array in data[split]] for split in data}
        start = setup.stacked_normal("diabetes", ((10,), 0.1))  # one replica per seed
        super().__init__(start, {split: parts[split] for split in setup.splits()})
        self._train, self._penalty = parts["train"], setup.penalty

    def _score(self, weights, part):
        return {"mse": (part[0] @ weights[0] - part[1]).square().mean()}

    def _loss(self, weights):
        return self._score(weights, self._train)["mse"] + self._penalty * weights[0].square().sum()


@dataclass(frozen=True)
class Diabetes:
    patients: int = 442
    name, metric, budget, resources, deterministic = "diabetes", "mse", 200, Resources(), True
    summary = "progression of diabetes in 442 patients, linear, full batch"

    def data(self):
        x, y = load_diabetes(return_X_y=True)
        order = np.random.default_rng(0).permutation(self.patients)
        ends = int(0.7 * self.patients), int(0.8 * self.patients)
        rows = zip(("train", "val", "test"), np.split(order, ends), strict=True)
        return {split: (20 * x[chosen], (y[chosen] - 150) / 80) for split, chosen in rows}

    def fingerprint(self):
        return hash_arrays(*(array for part in self.data().values() for array in part))

    def tiny(self):
        return replace(self, patients=100)

    def make(self, seeds, *, penalty=0.0, test_unlocked=False, device="cpu", dtype="float32"):
        options = {"test_unlocked": test_unlocked, "device": device, "dtype": dtype}
        return Regression(self.data(), Setup.check(seeds, penalty=penalty, **options))

    def trivial(self, split):
        data = self.data()
        return {"mean": float(np.square(data[split][1] - data["train"][1].mean()).mean())}


TASK = Diabetes()
