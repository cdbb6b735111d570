"""Fields of the arrays that hold a gang of CTAs while it executes.

``W`` (int64[warps, WARP_FIELDS]) is one row per warp; ``S`` (int64[warps, 33, 4]) its splits, the
groups of lanes that run together: program counter, lanes, status, and what a split waits for. ``Y``
(uint32[warps, 16]) holds the convergence barriers, ``B`` (int64[CTAs, 17, 4]) the CTA barriers
(threads arrived, the same in whole warps, reduction, unused) and, in row 16, the CTA's epoch of
barriers; ``K`` (int64[CTAs, 2]) in the row of a cluster's first CTA the cluster barrier's arrivals
and phase (``HEAD`` of a warp names that row, ``TOGETHER`` counts the CTAs: a cluster, or the whole
grid of a cooperative kernel). ``L`` (int64[LAYOUT_FIELDS]) says where the
memory spaces lie in the one buffer ``M`` of a device; ``F`` (int64[8]) names the fault that stopped
the execution: its kind, instruction, warp, lane and address.
"""

from __future__ import annotations

(
    CTA, CTAID_X, CTAID_Y, CTAID_Z, RANK, WARP_IN_CTA, REGISTERS, PREDICATES, STATUS, SPLITS,
    CURRENT, ALIVE, RESULT, FIRST_THREAD, EXECUTED, CLUSTER_PHASE, THREADS,
    HEAD,
) = range(18)  # fmt: skip
WARP_FIELDS = 20

(
    GLOBAL_BASE, GLOBAL_BYTES, SHARED_PLACE, SHARED_BYTES, LOCAL_PLACE, LOCAL_BYTES, CLUSTER,
    CHECK, TRACE, CTAS, WARPS_PER_CTA, TOGETHER,
) = range(12)  # fmt: skip
LAYOUT_FIELDS = 16

# Generic addresses whose upper word is one of these are shared or local memory.
SHARED_WINDOW, LOCAL_WINDOW = 0x7E00, 0x7E01
DEVICE_BASE = 0x7F0000000000
GRANULE_BITS = 9  # allocations start at multiples of 512 bytes, as the driver's do

PARITY_SHIFT = 40  # bit of a traced mbarrier address that holds the phase it found
RANK_SLOTS = 16  # first slot of a copy's record with the mbarriers of each rank

PC, LANES, STATUS_OF, ARGUMENT = range(4)  # of a split
ARRIVED, ARRIVED_WHOLE, REDUCTION = range(3)  # of a CTA barrier
EPOCH_ROW = 16

READY, WAITS_CONVERGENCE, WAITS_WARP, WAITS_BARRIER, WAITS_PHASE, WAITS_CLUSTER = range(6)

# How the compiled executor ends.
DONE, GROW, FAULT, DEADLOCK, LIMIT, UNKNOWN = range(6)

# Kinds of fault.
(
    OUT_OF_BOUNDS, MISALIGNED, UNINITIALISED, SHARED_RACE, BAD_BARRIER, BAD_DESCRIPTOR, BAD_JUMP,
) = range(1, 8)  # fmt: skip
