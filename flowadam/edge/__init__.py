"""Optimizers and flows side by side at the edge of stability, as studies on the sweep."""
