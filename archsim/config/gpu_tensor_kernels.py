"""Constants of the tensor kernels (cuBLAS, cuDNN, FlashAttention) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class GemmKernels(Group):
    """Tile kernels of dense, batched and sparse matrix products."""

    launch_us: Constant = constant("us", minimum=0, doc="launch to first load, and drain")
    fill_clk: Constant = constant("clk", minimum=0, doc="first load to first tensor instruction")
    wgmma_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the wgmma law that a main loop reaches"
    )
    step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a K step on wgmma")
    ingest_bytes_per_clk: Constant = constant("B/clk", above=0, doc="TMA into one SM")
    l2_bytes_per_clk: Constant = constant("B/clk", above=0, doc="TMA from L2, whole GPU")
    hbm_fraction: Constant = constant("1", above=0, maximum=1, doc="reachable share of HBM")
    sm_hbm_bytes_per_clk: Constant = constant("B/clk", above=0, doc="cold loads of one SM")
    store_bytes_per_clk: Constant = constant("B/clk", above=0, doc="epilogue stores of one SM")
    coop_store: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of inner epilogues that a cooperative kernel shows"
    )
    unaligned_factor: Constant = constant("1", minimum=1, doc="rows off 32 B boundaries")
    half_aligned_factor: Constant = constant("1", minimum=1, doc="rows off 128 B boundaries")
    fp8_us: Constant = constant("us", minimum=0, doc="scales of an fp8 kernel")
    cluster_us: Constant = constant("us", minimum=0, doc="start of an 8-CTA cluster over a 4-CTA")
    throttle_fraction: Constant = constant(
        "1", minimum=0, doc="slowdown of long tensor kernels by the power limit"
    )
    throttle_us: Constant = constant("us", above=0, doc="time constant of that slowdown")
    reduce_us: Constant = constant("us", minimum=0, doc="split-K reduction, fixed")
    reduce_bytes_per_s: Constant = constant("B/s", above=0, doc="split-K reduction, traffic")
    copy4_clk: Constant = constant("clk", minimum=0, doc="a warp's 4-byte cp.async")
    ffma_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a K step, FFMA")
    dmma_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a K step, fp64")
    mma_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a K step, mma.sync")


class AttentionKernels(Group):
    """Fused attention kernels."""

    launch_us: Constant = constant("us", minimum=0, doc="launch to first step, and drain")
    tile_us: Constant = constant("us", minimum=0, doc="epilogue of a query tile")
    cudnn_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of tensor plus exponential peak in cuDNN's kernel"
    )
    flash_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="the same share in FlashAttention-2"
    )
    combine_us: Constant = constant("us", minimum=0, doc="combining the splits, fixed")


class ConvKernels(Group):
    """Convolution kernels beside implicit GEMM."""

    depthwise_us: Constant = constant("us", minimum=0, doc="depthwise kernel, fixed")
    depthwise_taps_per_clk: Constant = constant("1/clk", above=0, doc="filter taps of one SM")
    slice_us: Constant = constant("us", minimum=0, doc="slice of channels, fixed")
    slice_elements_per_clk: Constant = constant("1/clk", above=0, doc="slice, whole GPU")
    transform_us: Constant = constant("us", minimum=0, doc="generic tensor transform, fixed")
    transform_elements_per_clk: Constant = constant(
        "1/clk", above=0, doc="generic tensor transform, whole GPU"
    )


class TensorKernels(Group):
    """What the tensor kernels of the vendor's libraries cost beyond the chip's own limits."""

    wgmma: Constant = constant(
        "1", minimum=0, maximum=1, integer=True, doc="1 where the tensor cores have wgmma"
    )
    gemm: GemmKernels
    attention: AttentionKernels
    conv: ConvKernels
