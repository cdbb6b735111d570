"""Constants of the memory-bound kernels (PyTorch's elementwise, reductions, copies) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class Stream(Group):
    """Vectorised elementwise kernels and device-to-device copies."""

    fixed_us: Constant = constant("us", minimum=0, doc="first load to last store of one input")
    operand_us: Constant = constant("us", minimum=0, doc="further fixed time per further input")
    copy_us: Constant = constant("us", minimum=0, doc="fixed time of a device-to-device copy")
    math_us: Constant = constant("us", minimum=0, doc="fixed time of a function's arithmetic")


class MemoryKernels(Group):
    """What memory-bound kernels cost beyond the chip's own limits."""

    overlap_power: Constant = constant(
        "1", minimum=1, maximum=50, doc="norm in which memory and issue time add up"
    )
    stream: Stream
