"""The sweep's tests import `sweep_plugins` by name, and so do the workers of their Ray."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
