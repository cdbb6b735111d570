"""Micro-benchmarks as Numba kernels: one instruction or one path of the memory system each."""

from workloads.kernels.micro.catalog import build, records

__all__ = ["build", "records"]
