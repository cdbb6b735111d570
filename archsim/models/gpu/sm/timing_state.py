"""State of the timing core: what it replays, the simulated SMs, what comes out.

Warp slots are numbered sub-core by sub-core: the slots of sub-core ``q`` (``sm * 4 + quarter``) are
``q * places`` and the following ones, so that what the scheduler scans lies together.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_fetch import Code, new_code

# Columns of WARP (float64): one row a warp slot.
(
    READY, REASON, SB0, MARK0, COPY_DONE, TENSOR_LAST, ARRIVED, WAITS, TENSOR_DONE, STORES_DONE,
) = (0, 1, 2, 8, 14, 15, 16, 17, 18, 19)  # fmt: skip
EVENT, BORN, TURNS, CAME, YIELDED, COPY_GROUP, ROUNDS = 20, 21, 22, 23, 24, 25, 26
WIDES, WIDE_DONE = 27, 28  # of the last four products with an upper half
WARP_COLUMNS = 32
RING = 8  # commit groups of cp.async and wgmma that are remembered
QUEUE = 64  # remembered entries of a sub-core's memory queue

# Columns of WHERE (int64): what a slot holds and where it is.
AT, END, CTA, SM, PLACE, INDEX, COPY_GROUPS, TENSOR_GROUPS, ROWS = range(9)

# Columns of HELD (int64): one row a CTA place of an SM.
ARRIVALS, LIVE, HELD_CTA, CLUSTER_ARRIVALS = range(4)


class Work(NamedTuple):
    """What the core replays.

    ``table`` int32[instructions, columns]; ``pc`` int32, ``mask`` uint32, ``nth`` int32 of every
    record of the streams (`timing_traces`); ``rows`` int32 of every CTA, ``address``
    int64[rows, 32]; ``first`` int64[ctas, warps + 1] record bounds of every warp, ``own``
    int64[ctas] where a CTA's rows begin; ``queue`` int64[sms, most] CTAs of each SM in order
    (-1: none); ``resident`` CTAs an SM holds; ``warps`` of a CTA; ``cluster`` CTAs in a cluster;
    ``grid`` 1 where the barrier of clusters is that of the whole grid; ``pending`` int64[events]
    contributions that an mbarrier's phase still misses, ``done`` float64[events] the latest of
    them.
    """

    table: Any
    pc: Any
    mask: Any
    nth: Any
    rows: Any
    address: Any
    first: Any
    own: Any
    queue: Any
    resident: int
    warps: int
    cluster: int
    grid: int
    pending: Any
    done: Any


class State(NamedTuple):
    """State of the SMs.

    By slot: ``next`` float64 earliest issue, ``age`` float64 place in the queue, ``unit`` int64 of
    the next record, ``warp`` float64[slots, WARP_COLUMNS], ``where`` int64[slots, 9], ``ring``
    float64[slots, 2, RING]. ``slot_of`` int64[sms, resident, warps]. By sub-core: ``members``
    int64[subs, 2] first slot, slots; ``free`` float64[subs, units]; ``mio`` float64[subs, QUEUE]
    times at which queued memory instructions leave, ``mio_at`` int64; ``last`` float64 last issue,
    ``best`` float64 candidate time, ``bank`` and ``turn`` float64; ``pick`` int64[subs, 2]
    candidate, last slot; ``served`` int64[subs, 2] slots that the special functions and the tensor
    core have served this round, bit by bit; ``take`` float64 from when its registers take what is
    loaded; ``port`` float64 of wgmma operands; ``code`` the instruction caches. By SM: ``held``
    int64[sms, resident, 4]; ``tma`` float64[sms, 2] next free times of the TMA engine, that asks
    and that takes, ``match`` float64[sms] of the unit that compares values; ``dsmem``
    float64[sms, 2] ports that give and take, ``peer`` int64[sms, 2] their last partners;
    ``atomics`` float64[sms, 2] next free times for remote atomics of the two parts of its shared
    memory, ``source`` int64[sms, 2] who sent the last, ``mixed`` float64[sms, 2] until when several
    do;
    ``at_queue`` int64 next CTA of its queue; ``soonest`` float64 and ``lead`` int64 its next issue
    and the sub-core. Scratch: ``ready`` float64[units], ``sectors`` and ``cover`` int64[512],
    ``scratch`` int64[4, 160].
    """

    next: Any
    age: Any
    unit: Any
    warp: Any
    where: Any
    ring: Any
    slot_of: Any
    members: Any
    free: Any
    mio: Any
    mio_at: Any
    last: Any
    best: Any
    bank: Any
    turn: Any
    pick: Any
    served: Any
    take: Any
    port: Any
    held: Any
    tma: Any
    match: Any
    dsmem: Any
    peer: Any
    code: Code
    atomics: Any
    source: Any
    mixed: Any
    at_queue: Any
    soonest: Any
    lead: Any
    ready: Any
    sectors: Any
    cover: Any
    scratch: Any


KEPT = 16
"""Columns of a kept event."""


class Result(NamedTuple):
    """``start``, ``finish`` float64[ctas]; ``reasons`` float64[subs, reasons] clocks; ``issued``
    int64[1]; ``units`` float64[units] busy clocks; ``clocks`` float64[n, 3]: warp, time, CTA;
    ``events`` float64[n, KEPT]: sub-core, clock of issue, instruction, slot; why the sub-core
    issued nothing before, since when, when it may issue again; unit, from when to when busy; the
    same of the load-store pipe, the port to L2 and HBM (equal where it is not used)."""

    start: Any
    finish: Any
    reasons: Any
    issued: Any
    units: Any
    clocks: Any
    clock_count: Any
    events: Any
    event_count: Any


def quarter(place: int, warp: int, warps: int) -> int:
    """Sub-core of warp ``warp`` of the CTA in ``place``: round robin over the warps of the SM."""
    return (warp + (place * warps if warps % 4 else 0)) % 4


def new_state(sms: int, resident: int, warps: int, instructions: int = 0) -> State:
    """Idle SMs that hold ``resident`` CTAs of ``warps`` warps each of a program of so many
    ``instructions``."""
    subs = sms * 4
    rows = [[quarter(p, i, warps) for i in range(warps)] for p in range(resident)]
    members = np.zeros((subs, 2), np.int64)
    places = max(sum(q == k for row in rows for q in row) for k in range(4))
    slots = subs * places
    slot_of = np.zeros((sms, resident, warps), np.int64)
    where = np.full((slots, 9), -1, np.int64)
    for sm in range(sms):
        for p in range(resident):
            for i in range(warps):
                q = sm * 4 + rows[p][i]
                slot = q * places + members[q, 1]
                members[q] = (q * places, members[q, 1] + 1)
                slot_of[sm, p, i] = slot
                where[slot] = (0, 0, -1, sm, p, i, 0, 0, 0)
    return State(
        np.full(slots, 1e300), np.zeros(slots), np.full(slots, tt.NONE, np.int64),
        np.zeros((slots, WARP_COLUMNS)), where, np.zeros((slots, 2, RING)), slot_of, members,
        np.zeros((subs, tt.UNITS)), np.zeros((subs, QUEUE)), np.zeros(subs, np.int64),
        np.zeros(subs), np.zeros(subs), np.zeros(subs), np.zeros(subs),
        np.full((subs, 2), -1, np.int64), np.zeros((subs, 2), np.int64), np.zeros(subs),
        np.zeros(subs), np.zeros((sms, resident, 4), np.int64),
        np.zeros((sms, 2)), np.zeros(sms), np.zeros((sms, 2)), np.full((sms, 2), -1, np.int64),
        new_code(sms, slots, instructions),
        np.zeros((sms, 2)), np.full((sms, 2), -1, np.int64), np.zeros((sms, 2)),
        np.zeros(sms, np.int64), np.zeros(sms), np.zeros(sms, np.int64), np.zeros(tt.UNITS),
        np.zeros(512, np.int64), np.zeros(512, np.int64), np.zeros((4, 160), np.int64),
    )  # fmt: skip


def new_result(ctas: int, subs: int, warps: int, events: int) -> Result:
    """Empty results of ``ctas`` CTAs on ``subs`` sub-cores."""
    return Result(
        np.zeros(ctas), np.zeros(ctas), np.zeros((subs, len(tt.REASONS))), np.zeros(1, np.int64),
        np.zeros(tt.UNITS), np.zeros((16 * warps + 16, 3)), np.zeros(1, np.int64),
        np.zeros((events, KEPT)), np.zeros(1, np.int64),
    )  # fmt: skip
