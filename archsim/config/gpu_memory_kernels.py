"""Constants of the memory-bound kernels (PyTorch's elementwise, reductions, copies) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class Stream(Group):
    """Vectorised elementwise kernels and device-to-device copies."""

    fixed_us: Constant = constant("us", minimum=0, doc="first load to last store of one input")
    operand_us: Constant = constant("us", minimum=0, doc="further fixed time per further input")
    copy_us: Constant = constant("us", minimum=0, doc="fixed time of a device-to-device copy")
    math_us: Constant = constant("us", minimum=0, doc="fixed time of a function's arithmetic")
    strided_us: Constant = constant("us", minimum=0, doc="fixed time of a kernel with strides")


class CtaKernel(Group):
    """A kernel whose CTAs each run a chain of steps; clocks beside the memory's own latency."""

    start_clk: Constant = constant("clk", minimum=0, doc="latency of a CTA without its steps")
    step_clk: Constant = constant("clk", minimum=0, doc="latency of one step")
    start_slots: Constant = constant("1", minimum=0, doc="instructions of a warp without steps")
    step_slots: Constant = constant("1", minimum=0, doc="instructions of a warp in one step")


class MemoryKernels(Group):
    """What memory-bound kernels cost beyond the chip's own limits."""

    overlap_power: Constant = constant(
        "1", minimum=1, maximum=50, doc="norm in which memory and issue time add up"
    )
    scattered_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="reachable share of memory bandwidth, random sectors"
    )
    stream: Stream
    layernorm: CtaKernel
    softmax_warp: CtaKernel
    softmax_block: CtaKernel
    reduce: CtaKernel
    transpose: CtaKernel
    gather_rows: CtaKernel
    gather_elements: CtaKernel
    scatter: CtaKernel
    pool: CtaKernel
    topk: CtaKernel
    hashgrid: CtaKernel
