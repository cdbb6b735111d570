"""Constants of the memory-bound kernels (PyTorch's elementwise, reductions, copies) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class MemoryKernels(Group):
    """What memory-bound kernels cost beyond the chip's own limits."""

    stream_fixed_us: Constant = constant("us", minimum=0, doc="pipeline fill and tail of a stream")
