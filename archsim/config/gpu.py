"""The device file of a GPU (``machine: gpu``)."""

from __future__ import annotations

from typing import Literal

from archsim.config.constant import Constant, constant
from archsim.config.derive import check_gpu
from archsim.config.device import Device
from archsim.config.gpu_chip import L2, Clock, Launch, Memory, Power, Sm, Tensor
from archsim.config.gpu_memory_kernels import MemoryKernels
from archsim.config.gpu_sm_timing import SmTiming
from archsim.config.gpu_tensor_kernels import TensorKernels

Architecture = Literal["volta", "turing", "ampere", "ada", "hopper"]


class GpuDevice(Device):
    """One GPU: its chip, and the constants of the kernel libraries that run on it."""

    machine: Literal["gpu"]
    architecture: Architecture
    compute_capability: str
    sm_count: Constant = constant("1", minimum=1, maximum=4096, integer=True)
    clock: Clock
    sm: Sm
    tensor: Tensor
    l2: L2
    memory: Memory
    launch: Launch
    power: Power
    tensor_kernels: TensorKernels
    memory_kernels: MemoryKernels
    sm_timing: SmTiming | None = None

    def cross_checks(self) -> None:
        """Raise where two fields contradict each other."""
        check_gpu(self)
