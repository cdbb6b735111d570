"""Constants of cuDNN's implicit-GEMM convolution kernels on a GPU."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class FpropKernels(Group):
    """Kernels on wgmma (``xmma``), four families on mma.sync and one on fp32 units.

    The families are CUTLASS' (``cut``), XMMA's (``ampere``), XMMA's with an index table
    (``indexed``), the one that loads straight to registers (``direct``) and ``ffma``.
    """

    xmma_us: Constant = constant("us", minimum=0, doc="wgmma kernel, launch and drain")
    xmma_factor: Constant = constant("1", minimum=1, doc="a K step over the wgmma law")
    xmma_step_clk: Constant = constant("clk", minimum=0, doc="synchronisation of a K step")
    xmma_start_clk: Constant = constant("clk", minimum=0, doc="each of the first six K steps")
    xmma_load_bytes_per_clk: Constant = constant(
        "B/clk", above=0, doc="operand bytes that the TMA of one SM asks for"
    )
    xmma_l2_factor: Constant = constant(
        "1", above=0, doc="operand bytes per clock over the GPU against L2's rate"
    )
    xmma_tile_clk: Constant = constant("clk", minimum=0, doc="epilogue of a tile")
    xmma_store_bytes_per_clk: Constant = constant("B/clk", above=0, doc="epilogue stores of an SM")
    xmma_pair_clk: Constant = constant(
        "clk", minimum=0, doc="more of the epilogue where two warpgroups share a tile"
    )
    xmma_wave_clk: Constant = constant(
        "clk", minimum=0, doc="handing out the tiles after the first"
    )
    xmma_overlap_power: Constant = constant(
        "1", minimum=1, doc="norm by which main loops and L2 overlap"
    )
    align16_share: Constant = constant("1", minimum=0, doc="extra sectors of rows off 32 B")
    align32_share: Constant = constant("1", minimum=0, doc="extra sectors of rows off 64 B")
    align64_share: Constant = constant("1", minimum=0, doc="extra sectors of rows off 128 B")
    segment_us: Constant = constant("us", minimum=0, doc="adding parts of K in a wgmma kernel")
    segment_part_us: Constant = constant("us", minimum=0, doc="each part of them")
    segment_bytes_per_s: Constant = constant("B/s", above=0, doc="parts of K written and read")
    cut_us: Constant = constant("us", minimum=0, doc="CUTLASS kernel, launch and drain")
    cut_factor: Constant = constant("1", above=0, doc="its arithmetic over mma.sync's peak")
    cut_port_bytes_per_clk: Constant = constant("B/clk", above=0, doc="its fragment loads")
    cut_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of its K step")
    cut_cta_clk: Constant = constant("clk", minimum=0, doc="start and end of a round of CTAs")
    ampere_us: Constant = constant("us", minimum=0, doc="XMMA mma.sync kernel, fixed")
    ampere_factor: Constant = constant("1", above=0, doc="its arithmetic over mma.sync's peak")
    ampere_port_bytes_per_clk: Constant = constant("B/clk", above=0, doc="its fragment loads")
    ampere_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of its K step")
    ampere_cta_clk: Constant = constant("clk", minimum=0, doc="start and end of a round of CTAs")
    indexed_us: Constant = constant("us", minimum=0, doc="indexed kernel, fixed")
    indexed_factor: Constant = constant("1", above=0, doc="its arithmetic over mma.sync's peak")
    indexed_port_bytes_per_clk: Constant = constant("B/clk", above=0, doc="its fragment loads")
    indexed_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of its K step")
    indexed_cta_clk: Constant = constant("clk", minimum=0, doc="start and end of a round of CTAs")
    direct_us: Constant = constant("us", minimum=0, doc="kernel without shared memory, fixed")
    direct_factor: Constant = constant("1", above=0, doc="its arithmetic over mma.sync's peak")
    direct_port_bytes_per_clk: Constant = constant("B/clk", above=0, doc="its fragment loads")
    direct_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of its K step")
    direct_cta_clk: Constant = constant("clk", minimum=0, doc="start and end of a round of CTAs")
    ffma_us: Constant = constant("us", minimum=0, doc="kernel on fp32 units, fixed")
    ffma_factor: Constant = constant("1", above=0, doc="its arithmetic over the lanes' peak")
    ffma_port_bytes_per_clk: Constant = constant("B/clk", above=0, doc="its fragment loads")
    ffma_step_clk: Constant = constant("clk", minimum=0, doc="least clocks of its K step")
    ffma_cta_clk: Constant = constant("clk", minimum=0, doc="start and end of a round of CTAs")
    fill_bytes_per_clk: Constant = constant("B/clk", above=0, doc="cp.async of an SM")
    step_power: Constant = constant(
        "1", minimum=1, doc="norm by which resident CTAs hide the latency of a step"
    )
    store_bytes_per_clk: Constant = constant("B/clk", above=0, doc="stores of a tile")
    l2_factor: Constant = constant(
        "1", above=0, doc="operand bytes of mma.sync kernels against L2's rate"
    )
    hbm_fraction: Constant = constant("1", above=0, maximum=1, doc="reachable share of HBM")
    write_factor: Constant = constant("1", minimum=0, doc="a byte written against one read")
    overlap_power: Constant = constant(
        "1", minimum=1, doc="norm by which main loops and device memory overlap"
    )
    cold_us: Constant = constant("us", minimum=0, doc="first loads of a megabyte or more")
    split_us: Constant = constant("us", minimum=0, doc="splitting K over CTAs of mma.sync kernels")
    split_part_us: Constant = constant("us", minimum=0, doc="each part of K in turn")
    split_bytes_per_s: Constant = constant("B/s", above=0, doc="partial sums")
    indexed_split_bytes_per_s: Constant = constant("B/s", above=0, doc="those of indexed kernels")
    crowd_us: Constant = constant(
        "us", above=0, doc="from one launch of a kernel on side streams to the next"
    )
    crowd_most: Constant = constant(
        "1", minimum=1, doc="such kernels that find room at a time, this one among them"
    )
    packed_xmma_factor: Constant = constant(
        "1", above=0, doc="tiles over packed groups against dense ones, wgmma"
    )
    packed_ampere_factor: Constant = constant("1", above=0, doc="the same on mma.sync")
    packed_indexed_factor: Constant = constant("1", above=0, doc="the same with an index table")
