"""Positions of the device's constants in the vector that the compiled core reads.

The names in lower case are the fields of ``sm_timing`` in a device file; the last ones are set for
each launch.
"""

from __future__ import annotations

(
    L1_CYCLES, L2_NEAR_CYCLES, L2_FAR_CYCLES, HBM_CYCLES, L2_PORT_BYTES, L2_WRITE_PORT_BYTES,
    L2_BYTES, L2_WRITE_BYTES, HBM_BYTES, HBM_WRITE_FACTOR, ATOMIC_CYCLES, ATOMIC_WORD_CYCLES,
    ATOMIC_LINE_CYCLES, SHARED_CYCLES, SHARED_PASS_CYCLES, SHUFFLE_CYCLES, SHARED_ATOMIC_CYCLES,
    MIO_CYCLES, MIO_ENTRIES, LINE_CYCLES, BARRIER_CYCLES, BARRIER_WARP_CYCLES, BRANCH_CYCLES,
    CLUSTER_BARRIER_CYCLES, DSMEM_CYCLES, DSMEM_PORT_BYTES, BULK_CYCLES, BULK_ISSUE_CYCLES,
    BULK_BYTES, COPY_CYCLES, FENCE_CYCLES, CTA_CYCLES, CTA_THREAD_CYCLES, LAUNCH_CYCLES,
    DRAIN_CYCLES, CONSTANT_CYCLES, READ_RELEASE_CYCLES, HBM_SPREAD_CYCLES, L2_PARTIAL_FACTOR,
    CLUSTER_BARRIER_WARP_CYCLES, CALL_CYCLES, CONSTANT_PASS_CYCLES, SHARED_CAS_CYCLES,
    DSMEM_STORE_BYTES, DSMEM_SOURCE_BYTES, DSMEM_SPREAD, DSMEM_RING, BULK_INTERVAL_CYCLES,
    ATOMIC_SERIAL_CYCLES, ATOMIC_PORT_CYCLES, ATOMIC_PORT_BYTES, L2_SAME_CYCLES,
    GENERIC_CYCLES, FETCH_CYCLES, COLD_FETCH_CYCLES,
    WIDE_NEXT_CYCLES, WIDE_RESULT_CYCLES,
    CLUSTER_BARRIER_MANY_CYCLES, CLUSTER_BARRIER_QUEUE_CYCLES, CLUSTER_BARRIER_SIZE_CYCLES,
    MATCH_VALUE_CYCLES, MATCH_PASS_CYCLES,
    COPY_PASS_CYCLES, DIRTY_CYCLES, BULK_ROW_CYCLES, GRID_BARRIER_CYCLES,
    GRID_BARRIER_CTA_CYCLES, GRID_BARRIER_WARP_CYCLES, LEAD_TURNS, ROUND_TURNS, REFETCH_CYCLES,
    DSMEM_CROWD,
    DSMEM_ATOMIC_CYCLES, DSMEM_JOIN_CYCLES, DSMEM_REQUEST_CYCLES, DSMEM_ALONE_CYCLES,
    DSMEM_TURN_CYCLES, GPC_PORT_BYTES, PORT_REQUEST_CYCLES, STORE_BUFFER, COPY_L1, COPY_TAKE,
    COPY_COMMIT, SHARED_SPIN_CYCLES, L2_HELD_SHARE, L2_HELD_CYCLES, L2_KEEP_BYTES,
    BULK_REQUEST_BYTES, GPC_WRITE_BYTES, HBM_WRITE_FRACTION, SHARE, CTA_RATE, BANK_SLACK,
) = range(93)  # fmt: skip
COUNT = 93

FIELDS = (
    "l1_cycles", "l2_near_cycles", "l2_far_cycles", "hbm_cycles", "l2_port_bytes",
    "l2_write_port_bytes", "l2_bytes", "l2_write_bytes", "hbm_bytes", "hbm_write_factor",
    "atomic_cycles", "atomic_word_cycles", "atomic_line_cycles", "shared_cycles",
    "shared_pass_cycles", "shuffle_cycles", "shared_atomic_cycles", "mio_cycles", "mio_entries",
    "line_cycles", "barrier_cycles", "barrier_warp_cycles", "branch_cycles",
    "cluster_barrier_cycles", "dsmem_cycles", "dsmem_port_bytes", "bulk_cycles",
    "bulk_issue_cycles", "bulk_bytes", "copy_cycles", "fence_cycles", "cta_cycles",
    "cta_thread_cycles", "launch_cycles", "drain_cycles", "constant_cycles",
    "read_release_cycles", "hbm_spread_cycles", "l2_partial_factor",
    "cluster_barrier_warp_cycles", "call_cycles", "constant_pass_cycles", "shared_cas_cycles",
    "dsmem_store_bytes", "dsmem_source_bytes", "dsmem_spread", "dsmem_ring",
    "bulk_interval_cycles", "atomic_serial_cycles", "atomic_port_cycles", "atomic_port_bytes",
    "l2_same_cycles", "generic_cycles", "fetch_cycles", "cold_fetch_cycles",
    "wide_next_cycles", "wide_result_cycles",
    "cluster_barrier_many_cycles", "cluster_barrier_queue_cycles", "cluster_barrier_size_cycles",
    "match_value_cycles", "match_pass_cycles",
    "copy_pass_cycles", "dirty_cycles", "bulk_row_cycles", "grid_barrier_cycles",
    "grid_barrier_cta_cycles", "grid_barrier_warp_cycles", "lead_turns", "round_turns",
    "refetch_cycles", "dsmem_crowd", "dsmem_atomic_cycles",
    "dsmem_join_cycles", "dsmem_request_cycles", "dsmem_alone_cycles", "dsmem_turn_cycles",
    "gpc_port_bytes", "port_request_cycles", "store_buffer_cycles",
    "copy_l1_cycles", "copy_take_cycles", "copy_commit_cycles", "shared_spin_cycles",
    "l2_held_share", "l2_held_cycles", "l2_keep_bytes", "bulk_request_bytes",
    "gpc_write_bytes", "hbm_write_fraction",
)  # fmt: skip
"""Fields of a device file in the order of the vector."""
