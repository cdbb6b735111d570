"""Constants of the tensor kernels (cuBLAS, cuDNN, FlashAttention) on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant
from archsim.config.gpu_fprop_kernels import FpropKernels


class GemmKernels(Group):
    """Tile kernels of dense, batched and sparse matrix products."""

    launch_us: Constant = constant("us", minimum=0, doc="launch to first load, and drain")
    wgmma_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the wgmma law that a main loop reaches"
    )
    step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a K step on wgmma")
    step_power: Constant = constant(
        "1", minimum=1, doc="norm by which tensor work and loads of a step overlap"
    )
    fill_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the shared-memory port that TMA fills"
    )
    request_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of an SM's L2 port that TMA requests reach"
    )
    l2_fraction: Constant = constant("1", above=0, maximum=1, doc="reachable share of L2")
    hbm_fraction: Constant = constant("1", above=0, maximum=1, doc="reachable share of HBM")
    write_share: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of the output that leaves L2 before the kernel ends"
    )
    write_kept_fraction: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of L2 that output can occupy at the end"
    )
    overlap_power: Constant = constant(
        "1", minimum=1, doc="norm by which main loops and device memory overlap"
    )
    store_bytes_per_clk: Constant = constant("B/clk", above=0, doc="epilogue stores of one SM")
    store_clk: Constant = constant("clk", minimum=0, doc="epilogue of a tile, fixed")
    bias_factor: Constant = constant(
        "1", minimum=1, doc="slowdown of epilogue stores by adding a bias"
    )
    bias_clk: Constant = constant("clk", minimum=0, doc="loading the bias of a tile")
    coop_store: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of inner epilogues that a cooperative kernel shows"
    )
    align16_factor: Constant = constant("1", minimum=1, doc="loads of rows off 32 B boundaries")
    align32_factor: Constant = constant("1", minimum=1, doc="loads of rows off 64 B boundaries")
    align64_factor: Constant = constant("1", minimum=1, doc="loads of rows off 128 B boundaries")
    store16_factor: Constant = constant("1", minimum=1, doc="stores of rows off 32 B boundaries")
    store32_factor: Constant = constant("1", minimum=1, doc="stores of rows off 64 B boundaries")
    port_bytes_per_clk: Constant = constant(
        "B/clk", above=0, doc="stores of one SM, tile after tile"
    )
    port_sparse_bytes_per_clk: Constant = constant(
        "B/clk", above=0, doc="those of kernels with a sparse operand"
    )
    port_clk: Constant = constant("clk", minimum=0, doc="those of a tile, fixed")
    port_fp8_clk: Constant = constant("clk", minimum=0, doc="those of an fp8 kernel's tile besides")
    port16_factor: Constant = constant(
        "1", minimum=1, doc="slowdown of these and of device memory by rows off 32 B boundaries"
    )
    hot_clk: Constant = constant(
        "clk", minimum=0, doc="step of a kernel whose clusters all read one row, each cluster"
    )
    cold_us: Constant = constant("us", minimum=0, doc="first load from device memory")
    cold_read_us: Constant = constant("us", minimum=0, doc="that of a megabyte or more besides")
    overlap_gain: Constant = constant(
        "1", minimum=0, doc="growth of that norm with the logarithm of the steps of an SM"
    )
    fp8_us: Constant = constant("us", minimum=0, doc="scales of an fp8 kernel")
    throttle_fraction: Constant = constant(
        "1", minimum=0, doc="slowdown of long tensor kernels by the power limit"
    )
    throttle_us: Constant = constant("us", above=0, doc="time constant of that slowdown")
    xmma_us: Constant = constant("us", minimum=0, doc="the older wgmma kernels, fixed")
    xmma_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the wgmma law in the older kernels"
    )
    xmma_clk: Constant = constant("clk", minimum=0, doc="their synchronisation of a K step")
    xmma_l2_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of L2 that reaches them, who do not multicast"
    )
    xmma_l2_power: Constant = constant("1", minimum=1, doc="norm of their SMs' time and L2's")
    segment_us: Constant = constant("us", minimum=0, doc="parts of K added inside the kernel")
    segment_part_us: Constant = constant("us", minimum=0, doc="each further part")
    reduce_us: Constant = constant("us", minimum=0, doc="split-K reduction, fixed")
    reduce_split_us: Constant = constant("us", minimum=0, doc="split-K reduction, each part")
    reduce_serial_us: Constant = constant(
        "us", minimum=0, doc="each part where one adds after another"
    )
    reduce_bytes_per_s: Constant = constant("B/s", above=0, doc="split-K reduction, traffic")
    mma_us: Constant = constant("us", minimum=0, doc="kernel with a CTA per tile, fixed")
    mma_cold_us: Constant = constant("us", minimum=0, doc="its first loads from device memory")
    mma_factor: Constant = constant("1", above=0, doc="mma.sync time over its published rate")
    mma_port: Constant = constant("1", minimum=0, doc="share of fragment loads beside mma.sync")
    unaligned_factor: Constant = constant(
        "1", minimum=1, doc="slowdown of 16-bit mma.sync kernels whose rows start off 16 B"
    )
    mma_step_clk: Constant = constant(
        "clk", minimum=0, doc="least clocks of 128 bytes of K with mma.sync"
    )
    mma_power: Constant = constant("1", minimum=1, doc="norm of unit time and step latency")
    mma_overlap_power: Constant = constant("1", minimum=1, doc="norm of SM and device memory")
    mma_store_bytes_per_clk: Constant = constant("B/clk", above=0, doc="epilogue stores of an SM")
    mma_cta_clk: Constant = constant("clk", minimum=0, doc="start and end of a round of CTAs")
    crowd_factor: Constant = constant(
        "1", minimum=1, doc="slowdown of kernels that run beside those of other groups"
    )
    ffma_factor: Constant = constant("1", above=0, doc="FFMA main loop over the fp32 peak's time")
    ffma_copy_clk: Constant = constant("clk", minimum=0, doc="a warp's 4-byte cp.async")
    ffma_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a K step, FFMA")
    dmma_factor: Constant = constant("1", above=0, doc="fp64 main loop over the peak's time")
    dmma_port: Constant = constant("1", minimum=0, doc="share of fragment loads beside fp64 mma")
    dmma_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of 32 K steps, fp64")


class AttentionKernels(Group):
    """Fused attention kernels."""

    cudnn_us: Constant = constant("us", minimum=0, doc="cuDNN flash kernel, launch and drain")
    cudnn_tensor_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the tensor peak in cuDNN's main loop"
    )
    cudnn_exp_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the exponential peak in cuDNN's softmax"
    )
    cudnn_tile_clk: Constant = constant("clk", minimum=0, doc="first load and store of a tile")
    cudnn_causal_clk: Constant = constant("clk", minimum=0, doc="masked blocks of a causal tile")
    cudnn_ragged_factor: Constant = constant(
        "1", minimum=1, doc="slowdown where the last key block is not full"
    )
    flash_us: Constant = constant("us", minimum=0, doc="FlashAttention-2, launch and drain")
    flash_alone_factor: Constant = constant(
        "1", above=0, doc="step of four warps alone on an SM over the sum of its unit times"
    )
    flash_shared_factor: Constant = constant(
        "1", above=0, doc="the same with eight warps, each unit overlapping another's"
    )
    flash_tile_steps: Constant = constant("1", minimum=0, doc="prologue and epilogue, in steps")
    flash_causal_steps: Constant = constant("1", minimum=0, doc="more of them where causal")
    flash_ragged_factor: Constant = constant(
        "1", minimum=1, doc="slowdown of causal tiles where the last key block is not full"
    )
    cold_us: Constant = constant("us", minimum=0, doc="first loads from device memory")
    split_us: Constant = constant("us", minimum=0, doc="split-KV kernel, launch and drain")
    split_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a key block")
    split_tile_us: Constant = constant("us", minimum=0, doc="start of a round of CTAs")
    decode_us: Constant = constant("us", minimum=0, doc="cuDNN decode kernel, launch and drain")
    decode_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of a key block")
    decode_tile_us: Constant = constant("us", minimum=0, doc="start of a round of CTAs")
    combine_us: Constant = constant("us", minimum=0, doc="combining splits, fixed")
    combine_split_us: Constant = constant("us", minimum=0, doc="combining, each split in turn")
    combine_bytes_per_s: Constant = constant("B/s", above=0, doc="combining, traffic")
    lean_us: Constant = constant("us", minimum=0, doc="cuDNN's combining kernel, fixed")
    lean_split_us: Constant = constant("us", minimum=0, doc="cuDNN's combining, each split")


class ConvKernels(Group):
    """Convolution kernels beside implicit GEMM."""

    specialized_us: Constant = constant("us", minimum=0, doc="depthwise kernel for batches, fixed")
    specialized_load_clk: Constant = constant("clk", minimum=0, doc="its loads of one output")
    specialized_tap_clk: Constant = constant("clk", minimum=0, doc="its tap of one output")
    specialized_strided_clk: Constant = constant("clk", minimum=0, doc="its tap at a stride")
    specialized_chain_clk: Constant = constant("clk", minimum=0, doc="one tap of a CTA alone")
    generic_us: Constant = constant("us", minimum=0, doc="depthwise kernel for few images, fixed")
    generic_tap_clk: Constant = constant("clk", minimum=0, doc="its tap of one output, 3x3")
    generic_tap_power: Constant = constant("1", above=0, doc="growth of that with the taps")
    generic_strided_clk: Constant = constant("clk", minimum=0, doc="its tap at a stride, 3x3")
    generic_strided_power: Constant = constant("1", above=0, doc="growth of that with the taps")
    generic_chain_clk: Constant = constant("clk", minimum=0, doc="latency of a tap, 3x3")
    generic_chain_power: Constant = constant("1", above=0, doc="growth of that with the taps")
    generic_strided_chain_clk: Constant = constant("clk", minimum=0, doc="the same at a stride")
    generic_strided_chain_power: Constant = constant("1", above=0, doc="growth of that as well")
    generic_alone_fraction: Constant = constant(
        "1", minimum=0, maximum=1, doc="how much shorter the latency is for one CTA alone"
    )
    floats_us: Constant = constant("us", minimum=0, doc="that kernel on floats, fixed")
    floats_load_clk: Constant = constant("clk", minimum=0, doc="its loads of one output")
    floats_tap_clk: Constant = constant("clk", minimum=0, doc="its tap of one output")
    floats_strided_clk: Constant = constant("clk", minimum=0, doc="its tap at a stride")
    floats_chain_clk: Constant = constant("clk", minimum=0, doc="one tap of a CTA alone")
    tiled_us: Constant = constant("us", minimum=0, doc="depthwise kernel of XMMA, fixed")
    tiled_load_clk: Constant = constant("clk", minimum=0, doc="its loads of one output")
    tiled_tap_clk: Constant = constant("clk", minimum=0, doc="its tap of one output")
    tiled_strided_clk: Constant = constant("clk", minimum=0, doc="its tap at a stride")
    tiled_chain_clk: Constant = constant("clk", minimum=0, doc="one tap of a CTA alone")
    direct_us: Constant = constant("us", minimum=0, doc="direct kernel of any groups, fixed")
    direct_load_clk: Constant = constant("clk", minimum=0, doc="its loads of one output")
    direct_tap_clk: Constant = constant("clk", minimum=0, doc="its tap, a doubling of the step")
    direct_chain_clk: Constant = constant("clk", minimum=0, doc="one tap of a CTA alone")
    native_us: Constant = constant("us", minimum=0, doc="PyTorch's own depthwise kernel, fixed")
    native_load_clk: Constant = constant("clk", minimum=0, doc="its loads of one output")
    native_tap_clk: Constant = constant("clk", minimum=0, doc="its tap of one output")
    native_strided_clk: Constant = constant("clk", minimum=0, doc="its tap at a stride")
    native_chain_clk: Constant = constant("clk", minimum=0, doc="one tap of a CTA alone")
    planes_us: Constant = constant("us", minimum=0, doc="depthwise, channels first, fixed")
    planes_load_clk: Constant = constant("clk", minimum=0, doc="its loads of one output")
    planes_tap_clk: Constant = constant("clk", minimum=0, doc="its tap of one output")
    planes_strided_clk: Constant = constant("clk", minimum=0, doc="its tap at a stride")
    planes_chain_clk: Constant = constant("clk", minimum=0, doc="one tap of a CTA alone")
    depthwise_cold_us: Constant = constant("us", minimum=0, doc="first loads for batches")
    generic_cold_us: Constant = constant("us", minimum=0, doc="first loads for few images")
    floats_cold_us: Constant = constant("us", minimum=0, doc="first loads of floats")
    slice_us: Constant = constant("us", minimum=0, doc="slice of channels, fixed")
    slice_us_per_million: Constant = constant("us", minimum=0, doc="slice, a million elements")
    transform_us: Constant = constant("us", minimum=0, doc="generic tensor transform, fixed")
    pack_us_per_million: Constant = constant("us", minimum=0, doc="packing, a million elements")
    unpack_us_per_million: Constant = constant("us", minimum=0, doc="unpacking, a million elements")
    transpose_us: Constant = constant("us", minimum=0, doc="layout transpose, fixed")
    transpose_us_per_million: Constant = constant(
        "us", minimum=0, doc="layout transpose, a million elements"
    )
    unpack_padded_us_per_million: Constant = constant(
        "us", minimum=0, doc="unpacking, a million elements of the padded buffer"
    )
    pad_us: Constant = constant("us", minimum=0, doc="padding channels, fixed")
    pad_us_per_million: Constant = constant("us", minimum=0, doc="padding, a million elements")
    clear_us_per_million: Constant = constant("us", minimum=0, doc="memset, a million elements")
    sgemm_us: Constant = constant("us", minimum=0, doc="kernel on fp32 units, fixed")
    sgemm_chain_clk: Constant = constant("clk", minimum=0, doc="one step of its loop, alone")
    sgemm_busy_clk: Constant = constant("clk", minimum=0, doc="one step on a busy SM")
    sgemm_start_steps: Constant = constant("1", minimum=0, doc="its start and end, in steps")
    small_us: Constant = constant("us", minimum=0, doc="that of small tiles, fixed")
    small_chain_clk: Constant = constant("clk", minimum=0, doc="one step of its loop, alone")
    small_busy_clk: Constant = constant("clk", minimum=0, doc="one step on a busy SM")
    small_start_steps: Constant = constant("1", minimum=0, doc="its start and end, in steps")
    common_us: Constant = constant("us", minimum=0, doc="that of any filter, fixed")
    common_chain_clk: Constant = constant("clk", minimum=0, doc="one step of its loop, alone")
    common_busy_clk: Constant = constant("clk", minimum=0, doc="one step on a busy SM")
    common_start_steps: Constant = constant("1", minimum=0, doc="its start and end, in steps")
    first_us: Constant = constant("us", minimum=0, doc="kernel of first layers, fixed")
    first_factor: Constant = constant("1", above=0, doc="its arithmetic over the tensor peak")
    beside_us: Constant = constant("us", above=0, doc="from one launch on side streams to the next")
    beside_most: Constant = constant(
        "1", minimum=0, doc="kernels on side streams that find room beside another"
    )
    convert_us: Constant = constant("us", minimum=0, doc="rounding to tf32, fixed")
    convert_us_per_million: Constant = constant("us", minimum=0, doc="a million elements")


class TensorKernels(Group):
    """What the tensor kernels of the vendor's libraries cost beyond the chip's own limits."""

    wgmma: Constant = constant(
        "1", minimum=0, maximum=1, integer=True, doc="1 where the tensor cores have wgmma"
    )
    gemm: GemmKernels
    attention: AttentionKernels
    conv: ConvKernels
    fprop: FpropKernels
