"""Hypothesis draws the same examples every time and never fails for a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("flowadam", deadline=None, derandomize=True)
settings.load_profile("flowadam")
