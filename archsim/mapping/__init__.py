"""Kernel choice and placement: which kernels a machine runs for an operator."""
