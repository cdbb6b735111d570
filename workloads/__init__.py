"""Workloads: model graphs, Numba CUDA kernels, GPU measuring suites and measured datasets."""
