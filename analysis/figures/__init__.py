"""Figures from results: one palette, one style, inline SVG."""
