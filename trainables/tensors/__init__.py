"""Completing tensors by canonical polyadic factors: synthetic, and a hyperspectral image."""
