"""Constants of the instruction-level SM: optional part of a GPU's device file."""

from __future__ import annotations

from archsim.config.constant import Constant, Group, constant


class SmTiming(Group):
    """Latencies and rates of one SM and of the memory system as it sees it, in core clocks."""

    l1_cycles: Constant = constant("clk", minimum=0, doc="hit in L1, beyond the queue")
    l2_near_cycles: Constant = constant("clk", minimum=0, doc="fastest hit in L2")
    l2_far_cycles: Constant = constant("clk", minimum=0, doc="slowest hit in L2, in the far half")
    hbm_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency of a miss, without its spread"
    )
    hbm_spread_cycles: Constant = constant(
        "clk", minimum=0, doc="mean of the exponential part of a miss's latency"
    )
    l2_port_bytes: Constant = constant("B/clk", above=0, doc="reads of one SM from L2")
    l2_write_port_bytes: Constant = constant("B/clk", above=0, doc="writes of one SM to L2")
    l2_bytes: Constant = constant("B/clk", above=0, doc="reads from all slices of L2")
    l2_write_bytes: Constant = constant("B/clk", above=0, doc="writes to L2, whole sectors")
    l2_partial_factor: Constant = constant(
        "1", minimum=0, doc="cost of a sector that is not written whole"
    )
    hbm_bytes: Constant = constant("B/clk", above=0, doc="device memory at the boost clock")
    hbm_write_fraction: Constant = constant(
        "1", minimum=0, maximum=1, doc="share of written bytes that leave L2 before it is full"
    )
    hbm_write_factor: Constant = constant(
        "1", minimum=0, doc="what a written byte takes of device memory, of a read one"
    )
    atomic_cycles: Constant = constant("clk", minimum=0, doc="latency of an atomic that returns")
    atomic_word_cycles: Constant = constant(
        "clk", minimum=0, doc="one lane's update of a line in which it is alone, or shares its word"
    )
    atomic_line_cycles: Constant = constant(
        "clk", minimum=0, doc="one pass over a line with several words"
    )
    shared_cycles: Constant = constant(
        "clk", minimum=0, doc="load from shared memory, beyond the queue"
    )
    shared_pass_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency of each conflicting wavefront"
    )
    shuffle_cycles: Constant = constant("clk", minimum=0, doc="shuffle, beyond the queue")
    shared_atomic_cycles: Constant = constant(
        "clk", minimum=0, doc="atomic in shared memory, beyond the queue"
    )
    mio_cycles: Constant = constant("clk", minimum=0, doc="from issue to the memory pipe")
    mio_entries: Constant = constant(
        "1", minimum=1, maximum=60, integer=True, doc="memory instructions that a sub-core queues"
    )
    line_cycles: Constant = constant("clk", minimum=0, doc="one lookup of a line in L1")
    barrier_cycles: Constant = constant("clk", minimum=0, doc="barrier of a CTA")
    barrier_warp_cycles: Constant = constant("clk", minimum=0, doc="further, a warp of the CTA")
    branch_cycles: Constant = constant("clk", minimum=0, doc="taken branch, beyond its stall")
    cluster_barrier_cycles: Constant = constant("clk", minimum=0, doc="barrier of a cluster")
    dsmem_cycles: Constant = constant(
        "clk", minimum=0, doc="load from another SM's shared memory, beyond the queue"
    )
    dsmem_port_bytes: Constant = constant(
        "B/clk", above=0, doc="shared memory of other SMs, one SM"
    )
    bulk_cycles: Constant = constant("clk", minimum=0, doc="end of a bulk copy to its mbarrier")
    bulk_issue_cycles: Constant = constant("clk", minimum=0, doc="start of a bulk copy")
    bulk_bytes: Constant = constant("B/clk", above=0, doc="bulk copies of one SM")
    copy_cycles: Constant = constant("clk", minimum=0, doc="end of a cp.async to its wait")
    fence_cycles: Constant = constant("clk", minimum=0, doc="memory fence")
    cta_cycles: Constant = constant(
        "clk", minimum=0, doc="from the end of a CTA to the start of the next in its place"
    )
    cta_thread_cycles: Constant = constant(
        "clk", minimum=0, doc="start of one warp after another in a CTA"
    )
    cta_interval_cycles: Constant = constant(
        "clk", minimum=0, doc="one CTA after another, whole GPU"
    )
    warp_interval_cycles: Constant = constant(
        "clk", minimum=0, doc="one warp after another, whole GPU"
    )
    launch_cycles: Constant = constant(
        "clk", minimum=0, doc="start of the kernel to the first instruction"
    )
    drain_cycles: Constant = constant(
        "clk", minimum=0, doc="last instruction to the end of the kernel"
    )
    constant_cycles: Constant = constant("clk", minimum=0, doc="indexed load from a constant bank")
    read_release_cycles: Constant = constant(
        "clk", minimum=0, doc="release of a memory instruction's source registers"
    )
    special_register_cycles: Constant = constant("clk", minimum=0, doc="read of a special register")
    short_result_cycles: Constant = constant(
        "clk", minimum=0, doc="integer or fp32 result that returns through a scoreboard"
    )
    xu_cycles: Constant = constant("clk", minimum=0, doc="special function or conversion")
    xu_wide_cycles: Constant = constant("clk", minimum=0, doc="the same for 64-bit operands")
    redux_cycles: Constant = constant("clk", minimum=0, doc="reduction over a warp")
    vote_cycles: Constant = constant("clk", minimum=0, doc="vote")
    uniform_cycles: Constant = constant(
        "clk", minimum=0, doc="uniform datapath, through a scoreboard"
    )
    mbarrier_cycles: Constant = constant("clk", minimum=0, doc="operation on an mbarrier")
    dmma_interval_cycles: Constant = constant("clk", minimum=0, doc="8x8x4 fp64 matrix step")
    dmma_cycles: Constant = constant("clk", minimum=0, doc="latency of the first fp64 matrix step")
    mma_base_cycles: Constant = constant(
        "clk", minimum=0, doc="interval of mma.sync without its steps"
    )
    mma_step_cycles: Constant = constant(
        "clk", minimum=0, doc="interval of a m16n8k8 fp16 step; sparse ones have one more"
    )
    wgmma_clock_hz: Constant = constant(
        "Hz", minimum=0, doc="SM clock that the GPU holds while all tensor cores work"
    )
    mma_cycles: Constant = constant("clk", minimum=0, doc="latency of two such steps")
    mma_extra_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency a step beyond two, or less below"
    )
    wgmma_cycles: Constant = constant("clk", minimum=0, doc="latency of wgmma beyond its interval")
    bank_slack_cycles: Constant = constant(
        "clk", minimum=0, doc="register-bank conflicts that the operand buffer hides"
    )
    cluster_barrier_warp_cycles: Constant = constant(
        "clk", minimum=0, doc="each further warp of a CTA at a cluster barrier"
    )
    cluster_barrier_many_cycles: Constant = constant(
        "clk", minimum=0, doc="barrier of a cluster whose warps queue"
    )
    cluster_barrier_queue_cycles: Constant = constant(
        "clk", minimum=0, doc="the same for each warp of a CTA"
    )
    cluster_barrier_size_cycles: Constant = constant(
        "clk", minimum=0, doc="barrier of a cluster of twice the size"
    )
    call_cycles: Constant = constant(
        "clk", minimum=0, doc="a taken call, return or indirect branch"
    )
    constant_pass_cycles: Constant = constant(
        "clk", minimum=0, doc="each further word of an indexed load from a constant bank"
    )
    shared_cas_cycles: Constant = constant(
        "clk", minimum=0, doc="a pass of a compare-and-swap in shared memory"
    )
    shared_spin_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency a pass of one that may fail and spins"
    )
    dsmem_store_bytes: Constant = constant(
        "B/clk", above=0, doc="stores of one SM to another's shared memory, loads if it gives none"
    )
    dsmem_source_bytes: Constant = constant(
        "B/clk", above=0, doc="shared memory that one SM gives to others"
    )
    dsmem_spread: Constant = constant(
        "1", minimum=0, doc="factor on the rate of remote atomics in clusters of more than two CTAs"
    )
    dsmem_ring: Constant = constant(
        "1",
        minimum=0,
        doc="factor on DSMEM rates where an SM gives to another SM than it takes from",
    )
    bulk_interval_cycles: Constant = constant("clk", minimum=0, doc="one bulk copy after another")
    atomic_serial_cycles: Constant = constant(
        "clk", minimum=0, doc="a lane's update of a word that other lanes of its warp update, too"
    )
    atomic_port_cycles: Constant = constant(
        "clk", minimum=0, doc="a line's atomics in the SM's port"
    )
    atomic_port_bytes: Constant = constant("B/clk", above=0, doc="atomics of one SM, whole sectors")
    wide_next_cycles: Constant = constant(
        "clk", minimum=0, doc="issue of a product with an upper half, beyond the stall before it"
    )
    wide_result_cycles: Constant = constant(
        "clk", minimum=0, doc="from there to what reads its result"
    )
    fp64_interval_cycles: Constant = constant(
        "clk", minimum=0, doc="one fp64 instruction after another"
    )
    xu_interval_cycles: Constant = constant(
        "clk", minimum=0, doc="one special function or conversion after another"
    )
    xu_wide_interval_cycles: Constant = constant(
        "clk", minimum=0, doc="the same of 64-bit operands"
    )
    match_cycles: Constant = constant("clk", minimum=0, doc="match of lanes, beyond its values")
    match_value_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency of match.any for each different value"
    )
    match_pass_cycles: Constant = constant(
        "clk", minimum=0, doc="match.any in an SM for each different value"
    )
    dmma_own_cycles: Constant = constant(
        "clk", minimum=0, doc="what a warp's fp64 matrix instructions overlap"
    )
    wgmma_registers_cycles: Constant = constant("clk", minimum=0, doc="A of a wgmma from registers")
    wgmma_sparse_registers_cycles: Constant = constant(
        "clk", minimum=0, doc="the same with the metadata of a sparse wgmma"
    )
    wgmma_descriptor_cycles: Constant = constant("clk", minimum=0, doc="descriptor of A of a wgmma")
    wgmma_sparse_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency of a sparse wgmma"
    )
    l2_same_cycles: Constant = constant("clk", minimum=0, doc="writes of one sector")
    generic_cycles: Constant = constant(
        "clk", minimum=0, doc="generic address of own shared memory"
    )
    fetch_cycles: Constant = constant(
        "clk", minimum=0, doc="128 bytes of code from the second instruction cache"
    )
    refetch_cycles: Constant = constant("clk", minimum=0, doc="128 bytes of code from L2")
    cold_fetch_cycles: Constant = constant(
        "clk", minimum=0, doc="128 bytes of code from device memory"
    )
    copy_pass_cycles: Constant = constant(
        "clk", minimum=0, doc="cp.async through L1, beyond a load"
    )
    dirty_cycles: Constant = constant(
        "clk", minimum=0, doc="how far stores may run ahead of device memory: written lines in L2"
    )
    bulk_row_cycles: Constant = constant("clk", minimum=0, doc="a row of a tensor's box in the TMA")
    grid_barrier_cycles: Constant = constant(
        "clk", minimum=0, doc="barrier of a grid, beyond one arrival after the other"
    )
    grid_barrier_cta_cycles: Constant = constant(
        "clk", minimum=0, doc="the same for each further CTA of an SM"
    )
    grid_barrier_warp_cycles: Constant = constant(
        "clk", minimum=0, doc="the same for each warp of an SM"
    )
    dsmem_crowd: Constant = constant(
        "1", above=0, doc="further share of a ring's rate where many requests wait"
    )
    lead_turns: Constant = constant(
        "1", minimum=1, doc="turns of a sub-core's youngest warp for one in which it goes first"
    )
    round_turns: Constant = constant(
        "1", minimum=1, doc="the same where the tensor core or special functions serve all in turn"
    )
    dsmem_atomic_cycles: Constant = constant(
        "clk", minimum=0, doc="a lane's atomic on its way to another SM's shared memory"
    )
    dsmem_join_cycles: Constant = constant(
        "clk", minimum=0, doc="the same of a word next to that of the lane before, in one sector"
    )
    dsmem_request_cycles: Constant = constant(
        "clk", minimum=0, doc="least for an instruction that sends atomics to other SMs"
    )
    dsmem_alone_cycles: Constant = constant(
        "clk", minimum=0, doc="a remote atomic at its target, all from one SM"
    )
    dsmem_turn_cycles: Constant = constant("clk", minimum=0, doc="the same where several SMs send")
    gpc_port_bytes: Constant = constant("B/clk", above=0, doc="reads of all SMs of a GPC from L2")
    gpc_write_bytes: Constant = constant("B/clk", above=0, doc="writes of all SMs of a GPC to L2")
    port_request_cycles: Constant = constant(
        "clk", minimum=0, doc="what a load instruction takes of its SM's port beside its bytes"
    )
    first_gpc_ctas: Constant = constant(
        "1", minimum=0, doc="CTAs of a grid that go to one GPC before the others get any"
    )
    copy_l1_cycles: Constant = constant(
        "clk", minimum=0, doc="further latency of a cp.async through L1"
    )
    copy_take_cycles: Constant = constant(
        "clk", minimum=0, doc="between two cp.async through L1 of a sub-core"
    )
    copy_commit_cycles: Constant = constant(
        "clk", minimum=0, doc="what a group of cp.async through L1 takes of the load-store pipe"
    )
    l2_held_share: Constant = constant(
        "1",
        minimum=0,
        maximum=1,
        doc="replies of L2 that wait behind those for full ports of their half",
    )
    l2_held_cycles: Constant = constant(
        "clk", minimum=0, doc="what may wait for the ports of a half before others are held up"
    )
    l2_keep_bytes: Constant = constant(
        "B", minimum=0, doc="what L2 keeps of the bytes that it takes in"
    )
    bulk_request_bytes: Constant = constant(
        "B/clk", above=0, doc="what the TMA engine of an SM asks for"
    )
    store_buffer_cycles: Constant = constant(
        "clk", minimum=0, doc="stores before an SM's port to L2, in its clocks, that keep no other"
    )
