"""``flowadam rodflow``: continuous-time models of optimizers."""

from __future__ import annotations

import math
from pathlib import Path

import typer

from analysis.text import WIDE, fitted
from flowadam.cli.width import columns
from flowadam.errors import InputError
from flowadam.rodflow.recorded import Recorded, read
from flowadam.rodflow.verify import AGREEMENT, Verification, usual_ratio, verify
from flowadam.training import one_thread

HEAD = ("flow", "measured", "stored", "of stable", "gradients per step", "seconds", "status")
SAME = 1e-3
"""Relative gap up to which a stored threshold is the computed one."""


def verify_file(path: Path, max_ratio: float | None) -> None:
    """Print the errors of every flow on a recorded problem beside the stored ones.

    Exit code 1 unless the first two steps agree and the alternating rod stays within `max_ratio` of
    the stable flow.
    """
    if max_ratio is not None and not 0 < max_ratio < math.inf:
        raise InputError(f"`--max-ratio` must be a positive finite number, got {max_ratio}.")
    recorded = _read(path)
    with one_thread():  # small products in several wait for each other, on a busy machine for long
        found = verify(recorded)
    limit = usual_ratio(recorded) if max_ratio is None else max_ratio
    typer.echo(_heading(path, recorded))
    typer.echo("\n".join(fitted(_table(found), columns(WIDE))))
    typer.echo("\n".join(_verdict(found, limit)))
    if not found.holds(limit):
        raise typer.Exit(1)


def _read(path: Path) -> Recorded:
    try:
        return read(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"The file {path} must be readable: {reason}.") from error
    except ValueError as error:
        raise InputError(str(error)) from error


def _heading(path: Path, recorded: Recorded) -> str:
    method = recorded.method
    first, last = recorded.onset, max(recorded.middles)
    times = sum(t >= first for t in recorded.middles)
    return (
        f"{path.name}: {method.optimizer.name}, lr {method.lr:g}, {len(recorded.states[0].w)} "
        f"parameters\nmean distance to (w_t + w_(t+1)) / 2 from the onset, t = {first}, to {last}, "
        f"at {times} times"
    )


def _table(found: Verification) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [HEAD]
    stable = found.errors["stable flow"]
    for label, path in found.trails.items():
        error, stored = found.errors[label], found.recorded.errors.get(label, math.nan)
        cells = (
            f"{error:.3e}",
            "-" if math.isnan(stored) else f"{stored:.3e}",
            f"{error / stable:.4f}" if math.isfinite(stable) else "-",
            f"{path.gradients_per_step:.1f}",
            f"{path.seconds:.1f}",
            path.status,
        )
        rows.append((label, *cells))
    return rows


def _verdict(found: Verification, limit: float) -> list[str]:
    gap = abs(found.threshold / found.recorded.threshold - 1)
    told = "" if gap <= SAME else ": ANOTHER ONE, of which the verdict takes no notice"
    words = {True: "holds", False: "FAILS"}
    agrees, close = found.disagreement <= AGREEMENT, found.ratio <= limit
    return [
        f"threshold {found.threshold:.6g}, {gap:.1e} from the stored one{told}",
        f"first two steps within {AGREEMENT:.0e}: {found.disagreement:.1e}  {words[agrees]}",
        f"alternating rod within {limit:g} of the stable flow, the smaller of measured and stored: "
        f"{found.ratio:.4f}  {words[close]}",
    ]
