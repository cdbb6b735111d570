"""Numba CUDA kernels of the accelerators' arithmetic."""
