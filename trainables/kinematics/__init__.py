"""Inverse kinematics of a planar arm."""
