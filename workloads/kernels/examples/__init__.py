"""Ordinary Numba CUDA kernels with their expected results, one module per kind.

Every module has ``cases(rng)``, which yields a `Case` for each kernel and its arguments.
"""
