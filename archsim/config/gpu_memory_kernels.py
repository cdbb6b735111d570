"""Constants of the memory-bound kernels (PyTorch's elementwise, reductions, copies) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class Stream(Group):
    """Vectorised elementwise kernels and device-to-device copies; fixed times beside loads."""

    fixed_us: Constant = constant("us", minimum=0, doc="one input, simple function")
    operand_us: Constant = constant("us", minimum=0, doc="further time per further input")
    math_us: Constant = constant("us", minimum=0, doc="further time of a transcendental function")
    strided_us: Constant = constant("us", minimum=0, doc="further time of index arithmetic")
    cast_us: Constant = constant("us", minimum=0, doc="further time per serial element of a cast")
    code_us: Constant = constant(
        "us", minimum=0, doc="fetching its few instructions after other kernels ran"
    )
    code_spread_us: Constant = constant(
        "us",
        minimum=0,
        doc="that without vector loads, each doubling of the SMs at work",
    )
    remainder_us: Constant = constant(
        "us", minimum=0, doc="further time of a last CTA that is not full: element by element"
    )
    slot_factor: Constant = constant(
        "1", above=0, doc="instructions of the compiled kernels over those of the H200's"
    )
    copy_us: Constant = constant("us", minimum=0, doc="device-to-device copy")
    copy_tail_us: Constant = constant("us", minimum=0, doc="copy that ends inside a 4 KiB page")
    copy_tail_held_us: Constant = constant("us", minimum=0, doc="the same where L2 holds it all")
    copy_small_bytes_per_s: Constant = constant("B/s", above=0, doc="copies below 1 MB")


class CtaKernel(Group):
    """A kernel whose CTAs each run a chain of steps; clocks beside the memory's own latency."""

    start_clk: Constant = constant("clk", minimum=0, doc="latency of a CTA without its steps")
    step_clk: Constant = constant("clk", minimum=0, doc="latency of one step")
    start_slots: Constant = constant("1", minimum=0, doc="instructions of a warp without steps")
    step_slots: Constant = constant("1", minimum=0, doc="instructions of a warp in one step")
    wide: Constant = constant("1", above=0, doc="the same for 4-byte elements over 2-byte ones")
    overlap: Constant = constant(
        "1", minimum=1, maximum=20, doc="norm in which a CTA's latency and all CTAs' work add up"
    )
    lockstep: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of its latency that each further wave shows"
    )


class MemoryKernels(Group):
    """What memory-bound kernels cost beyond the chip's own limits."""

    overlap_power: Constant = constant(
        "1", minimum=1, maximum=50, doc="norm in which memory and issue time add up"
    )
    scattered_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="reachable share of memory bandwidth, random sectors"
    )
    l2_bytes_per_clk: Constant = constant("B/clk", above=0, doc="loads and stores from L2")
    stream: Stream
    layernorm: CtaKernel
    moments: CtaKernel
    softmax_warp: CtaKernel
    softmax_registers: CtaKernel
    softmax_staged: CtaKernel
    softmax_block: CtaKernel
    reduce: CtaKernel
    reduce_shared: CtaKernel
    transpose: CtaKernel
    gather_rows: CtaKernel
    gather_elements: CtaKernel
    scatter: CtaKernel
    pool: CtaKernel
    batchnorm: CtaKernel
    topk: CtaKernel
    hashgrid: CtaKernel
