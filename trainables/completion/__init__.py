"""Completing matrices of which some cells are known: synthetic, a photograph, ratings."""
