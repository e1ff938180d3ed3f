"""Recorded problems: tanh networks on small data, with the iterates of one optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowadam.rodflow.arrays import Arrays, check, load
from flowadam.rodflow.gradients import Gradients, Loss
from flowadam.rodflow.method import Method
from flowadam.rodflow.optimizers import OPTIMIZERS
from flowadam.rodflow.states import State
from flowadam.rodflow.step import step

STORED = {
    "stable flow": "err_stable",
    "rod flow (matrix, rank 1)": "err_rod_matrix1",
    "rod flow (matrix, rank 3)": "err_rod_matrix3",
    "rod flow (alternating)": "err_rod_alt",
}
"""Where a file keeps the errors of which flow."""


@dataclass(frozen=True)
class Recorded:
    """One file.

    Args:
        loss: sum((f - y)^2) / (2 N) of the network, parameters flat.
        states: of the optimizer at t = 0, 1 and 2.
        middles: (w_t + w_{t+1}) / 2 by t.
        onset: first t with S >= S*.
        threshold: S* as the file has it.
        errors: mean stored error over t >= onset, by the flow's label.
    """

    method: Method
    loss: Loss
    states: tuple[State, State, State]
    middles: Mapping[int, Tensor]
    onset: int
    threshold: float
    errors: Mapping[str, float]

    @property
    def disagreement(self) -> float:
        """Largest |difference| of own (w, m, nu) to the file's over two steps from t = 0."""
        gradients, own, gaps = Gradients(self.loss), self.states[0], [0.0]
        for after in self.states[1:]:
            own = step(self.method, gradients, own)
            pairs = zip(own.parts(), after.parts(), strict=True)
            gaps += [float((a - b).abs().max()) for a, b in pairs if len(b)]
        return float(np.max(np.nan_to_num(gaps, nan=np.inf)))


def read(path: Path) -> Recorded:
    """Return the problem in an npz file; nothing in it is unpickled.

    The optimizer is the last word of the file's name, as in "rodflow_p1_adam.npz"; when that is
    none of the nine, it is the one whose first two steps come closest to the file's.

    Raises:
        ValueError: the file is no npz, lacks an array, or has one of a wrong shape or value.
        OSError: it cannot be opened.
    """
    arrays = load(path)
    check(arrays)
    word = path.stem.rpartition("_")[2]
    methods = [_method(arrays, name) for name in ([word] if word in OPTIMIZERS else OPTIMIZERS)]
    fitting = [method for method in methods if _fits(arrays, method)]
    if not fitting:
        shapes = f"{arrays['m0'].shape} and {arrays['nu0'].shape}"
        raise ValueError(f"`m0` and `nu0` must be what the optimizer keeps, got shapes {shapes}.")
    return min((_recorded(arrays, one) for one in fitting), key=lambda one: one.disagreement)


def tanh_network(sizes: Sequence[int], X: Tensor, y: Tensor) -> Loss:
    """Return sum((f - y)^2) / (2 N), f a network with tanh between its layers, h W + b.

    Args:
        sizes: of the layers, inputs first; parameters are W1 (in x out, by rows), b1, W2, ...
        X, y: [N, in], [N, out].
    """
    pairs = list(pairwise(sizes))
    lengths = [length for a, b in pairs for length in (a * b, b)]

    def loss(w: Tensor) -> Tensor:
        parts = w.split(lengths)
        layers = zip(parts[::2], parts[1::2], pairs, strict=True)
        h = X
        for depth, (weight, bias, shape) in enumerate(layers):
            h = torch.addmm(bias, torch.tanh(h) if depth else h, weight.view(shape))
        return (h - y).square().sum() / (2 * len(X))

    return loss


def _method(arrays: Arrays, name: str) -> Method:
    kind = OPTIMIZERS[name]
    used = ["lr"]
    used += ["beta1"] if kind.momentum != "none" else []
    used += ["beta2", "eps"] if kind.moment != "none" else []
    return Method(kind, **{key: float(arrays[key].item()) for key in used})


def _fits(arrays: Arrays, method: Method) -> bool:
    d = len(arrays["w0"])
    moment = method.optimizer.moment
    sized = moment == "none" or arrays["nu0"].shape == ((d,) if moment == "vector" else (1,))
    return sized and (not method.has_momentum or arrays["m0"].shape == (d,))


def _recorded(arrays: Arrays, method: Method) -> Recorded:
    sizes = arrays["sizes"].astype(int).tolist()
    times = arrays["t_wbar"].astype(int).tolist()
    late = arrays["err_t"] >= arrays["onset"]
    return Recorded(
        method=method,
        loss=tanh_network(sizes, _tensor(arrays["X"]), _tensor(arrays["y"])),
        states=(_state(arrays, method, 0), _state(arrays, method, 1), _state(arrays, method, 2)),
        middles=dict(zip(times, _tensor(arrays["wbar"]), strict=True)),
        onset=int(arrays["onset"]),
        threshold=float(arrays["threshold"]),
        errors={
            label: float(arrays[key][late].mean()) for label, key in STORED.items() if key in arrays
        },
    )


def _state(arrays: Arrays, method: Method, t: int) -> State:
    m = _tensor(arrays[f"m{t}"]) if method.has_momentum else torch.zeros(0, dtype=torch.float64)
    nu = _tensor(arrays[f"nu{t}"]) if method.adapts else torch.zeros(0, dtype=torch.float64)
    return State(_tensor(arrays[f"w{t}"]), m, nu)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.float64))
