"""FlowAdam: Adam that follows the clipped gradient flow where the loss is flat or stiff.

VRAdam brakes AdamW by the norm of its velocity; InvAdam multiplies where Adam divides, and DualAdam
goes from the one to the other.
"""

from __future__ import annotations

from flowadam.optim.detector import Sight as Sight
from flowadam.optim.dualadam import DualAdam as DualAdam
from flowadam.optim.flowadam import FlowAdam as FlowAdam
from flowadam.optim.invadam import InvAdam as InvAdam
from flowadam.optim.vradam import VRAdam as VRAdam

__all__ = ["DualAdam", "FlowAdam", "InvAdam", "Sight", "VRAdam"]
