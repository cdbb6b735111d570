"""The GPU kernel model: operators to kernels to microseconds, with the reasons of time."""

from archsim.models.gpu.model import GpuModel

__all__ = ["GpuModel"]
