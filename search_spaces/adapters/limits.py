"""What library optimizers cannot do: reasons for exemptions from the contract."""

from __future__ import annotations

SCALED = {
    "never_steps_on_scaled_losses": "GradScaler refuses a closure that is handed to it by name; "
    "one handed by position it lets through with scaled gradients, and the library cannot tell"
}
GRAPH_IN_PROCESSES = dict.fromkeys(
    ("agrees_across_processes", "refuses_or_trains_sharded_parameters"),
    "gradients that carry a graph come from torch.autograd.grad, and torch's wrappers for several "
    "processes do not reduce those",
)
