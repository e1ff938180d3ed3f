"""What holds for every test: one thread, and examples that are the same every time."""

from __future__ import annotations

import torch
from hypothesis import settings

# Small products in several threads wait for each other, and on a busy machine for long.
torch.set_num_threads(1)

settings.register_profile("flowadam", deadline=None, derandomize=True)
settings.load_profile("flowadam")
