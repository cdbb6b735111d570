"""The chip part of a GPU device file: what the silicon has, independent of any kernel library."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class Clock(Group):
    """Clock frequencies."""

    boost_hz: Constant = constant("Hz", above=0, doc="SM clock when neither heat nor power binds")
    base_hz: Constant = constant("Hz", above=0, doc="guaranteed SM clock")


class Sm(Group):
    """One streaming multiprocessor. Rates are per clock of one SM."""

    threads_entries: Constant = constant("1", minimum=32, integer=True, doc="resident threads")
    ctas_entries: Constant = constant("1", minimum=1, integer=True, doc="resident CTAs")
    registers_entries: Constant = constant("1", minimum=1024, integer=True, doc="32-bit registers")
    shared_bytes: Constant = constant("B", minimum=1024, doc="shared memory usable by CTAs")
    shared_bytes_per_clk: Constant = constant("B/clk", above=0, doc="shared memory port")
    l1_bytes_per_clk: Constant = constant("B/clk", above=0, doc="L1 hit bandwidth, measured")
    l1_bytes: Constant = constant("B", above=0, doc="L1 cache beside a kernel's shared memory")
    l1_lines_per_clk: Constant = constant("1/clk", above=0, doc="distinct 128-byte lines looked up")
    l2_bytes_per_clk: Constant = constant("B/clk", above=0, doc="L2-to-SM port of one SM")
    issue_per_clk: Constant = constant("1/clk", above=0, doc="warp instructions issued")
    fp32_flop_per_clk: Constant = constant("flop/clk", above=0, doc="fp32 FMA counts two")
    fp64_flop_per_clk: Constant = constant("flop/clk", above=0, doc="fp64 FMA counts two")
    fp16_flop_per_clk: Constant = constant(
        "flop/clk", above=0, doc="packed fp16 outside tensor cores"
    )
    int32_op_per_clk: Constant = constant("op/clk", above=0, doc="32-bit integer operations")
    sfu_op_per_clk: Constant = constant("op/clk", above=0, doc="special functions (exp, rsqrt)")


class Tensor(Group):
    """Tensor cores: dense peak of one SM by operand type; 0 where the type is not supported."""

    fp16_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    bf16_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    tf32_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    fp8_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    int8_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    int4_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    fp64_flop_per_clk: Constant = constant("flop/clk", minimum=0)
    sparse_factor: Constant = constant("1", minimum=1, doc="peak of 2:4 sparse over dense")
    mma_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the peak that synchronous mma.sync reaches"
    )


class L2(Group):
    """The second-level cache."""

    capacity_bytes: Constant = constant("B", above=0)
    bytes_per_clk: Constant = constant("B/clk", above=0, doc="hit bandwidth of the whole GPU")
    partitions: Constant = constant("1", minimum=1, integer=True, doc="halves that hash addresses")
    hit_cycles: Constant = constant("clk", above=0, doc="latency of a near hit")
    sectors_per_clk: Constant = constant(
        "1/clk", above=0, doc="separate 32-byte sectors that the whole L2 serves"
    )
    atomics_per_clk: Constant = constant(
        "1/clk", above=0, doc="atomic additions of the whole L2, spread addresses"
    )
    atomic_slice_per_clk: Constant = constant(
        "1/clk", above=0, doc="atomic additions of one slice, spread addresses"
    )
    atomic_address_clk: Constant = constant(
        "clk", above=0, doc="clocks between atomic additions to one address"
    )
    slice_bytes: Constant = constant("B", above=0, doc="consecutive bytes that share a slice")
    full_hit_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="share of the capacity up to which a footprint stays whole"
    )
    no_hit_fraction: Constant = constant(
        "1", above=0, maximum=2, doc="share of the capacity from which nothing stays"
    )
    written_full_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="as full_hit_fraction, for tensors just written"
    )
    written_none_fraction: Constant = constant(
        "1", above=0, maximum=2, doc="as no_hit_fraction, for tensors just written"
    )
    dirty_fraction: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of written bytes that outlive the kernel in L2"
    )
    dirty_bytes: Constant = constant("B", minimum=0, doc="most bytes that do")
    far_hit_cycles: Constant = constant("clk", above=0, doc="latency of a hit in the far partition")


class Memory(Group):
    """Device memory."""

    capacity_bytes: Constant = constant("B", above=0)
    bandwidth_bytes_per_s: Constant = constant("B/s", above=0, doc="peak of the interface")
    read_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="reachable share, streaming reads"
    )
    write_fraction: Constant = constant(
        "1", above=0, maximum=1, doc="reachable share, mixed read/write"
    )
    sector_bytes: Constant = constant("B", above=0, doc="smallest transfer")
    latency_cycles: Constant = constant("clk", above=0, doc="load latency past L2")
    tail_us: Constant = constant(
        "us", minimum=0, doc="growth of the slowest cold load per doubling of CTAs"
    )


class Launch(Group):
    """Fixed costs around a kernel."""

    kernel_us: Constant = constant("us", minimum=0, doc="shortest kernel as CUPTI reports it")
    code_us: Constant = constant(
        "us", minimum=0, doc="instruction fetch of a kernel that did not run just before"
    )
    graph_start_us: Constant = constant("us", minimum=0, doc="replay of one node to its kernel")
    graph_node_us: Constant = constant(
        "us", minimum=0, doc="host time to launch one more node of a CUDA graph"
    )
    graph_gap_us: Constant = constant("us", minimum=0, doc="gap between kernels of a CUDA graph")
    graph_memset_us: Constant = constant("us", minimum=0, doc="further gaps around a memset node")
    graph_host_copy_us: Constant = constant(
        "us", minimum=0, doc="further gap of a copy to the host"
    )
    stream_us: Constant = constant("us", minimum=0, doc="host time of one eager operator")
    stream_kernel_us: Constant = constant("us", minimum=0, doc="host time per further kernel")
    stream_matmul_us: Constant = constant("us", minimum=0, doc="further host time, matrix product")
    stream_fp8_us: Constant = constant("us", minimum=0, doc="further host time, scaled fp8")
    stream_attention_us: Constant = constant("us", minimum=0, doc="further host time, attention")
    stream_conv_us: Constant = constant("us", minimum=0, doc="further host time, convolution")
    stream_sparse_us: Constant = constant(
        "us", minimum=0, doc="further host time, 2:4 sparse product"
    )
    stream_gap_us: Constant = constant("us", minimum=0, doc="gap between queued kernels")
    memset_us: Constant = constant("us", minimum=0, doc="a small memset")
    ctas_per_clk: Constant = constant("1/clk", above=0, doc="CTAs that the whole GPU starts")


class Power(Group):
    """Power and energy. Switching energies are at the boost clock's voltage, random operands."""

    limit_w: Constant = constant("W", above=0)
    limit_fraction: Constant = constant(
        "1", above=0, maximum=1.2, doc="share of the limit at which the clock settles"
    )
    settle_us: Constant = constant(
        "us", above=0, doc="time constant in which the clock follows the power limit"
    )
    idle_w: Constant = constant("W", minimum=0, doc="clocks up, no work")
    active_sm_w: Constant = constant("W", minimum=0, doc="one busy SM beside its operations")
    tensor_fp16_pj_per_flop: Constant = constant("pJ/flop", minimum=0)
    tensor_fp8_pj_per_flop: Constant = constant("pJ/flop", minimum=0)
    tensor_int8_pj_per_flop: Constant = constant("pJ/flop", minimum=0)
    tensor_tf32_pj_per_flop: Constant = constant("pJ/flop", minimum=0)
    fp32_pj_per_flop: Constant = constant("pJ/flop", minimum=0)
    fp64_pj_per_flop: Constant = constant("pJ/flop", minimum=0)
    instruction_pj: Constant = constant("pJ", minimum=0, doc="one warp instruction, any pipe")
    l2_pj_per_byte: Constant = constant("pJ/B", minimum=0)
    hbm_pj_per_byte: Constant = constant("pJ/B", minimum=0)
    clock_exponent: Constant = constant(
        "1", minimum=1, maximum=4, doc="dynamic power grows with clock to this power (V and f)"
    )
    zero_operand_fraction: Constant = constant(
        "1", minimum=0, maximum=1, doc="switching energy of all-zero operands over random ones"
    )
    limiter_zero_fraction: Constant = constant(
        "1", minimum=0, maximum=1, doc="as zero_operand_fraction, as the clock's limiter counts it"
    )
