"""Loss scaling, refused in a sentence."""

from __future__ import annotations


def refuse_loss_scale(optimizer: object) -> None:
    """Raise RuntimeError when a GradScaler makes the step.

    The scaler leaves its marks on the optimizer (``_step_supports_amp_scaling`` asks for them) and
    cannot unscale what a closure computes later.
    """
    marks = vars(optimizer)
    if "found_inf" not in marks:
        return
    for mark in ("found_inf", "grad_scale"):
        marks.pop(mark, None)
    raise RuntimeError(
        f"{type(optimizer).__name__} needs the true scale of loss and gradients, because its clip "
        "and its norms depend on it; got a step by a GradScaler, whose closure gives scaled ones. "
        "Use bfloat16, or float32, without a scaler."
    )
