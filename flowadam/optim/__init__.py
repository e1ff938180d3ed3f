"""FlowAdam: Adam that follows the clipped gradient flow where the loss is flat or stiff."""

from __future__ import annotations

from flowadam.optim.flowadam import FlowAdam as FlowAdam

__all__ = ["FlowAdam"]
