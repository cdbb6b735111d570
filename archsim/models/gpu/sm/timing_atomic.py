"""Atomics at the slices of L2: what joins, what takes turns, and how long a queue gets."""

from __future__ import annotations

from archsim.engine.jit import fused
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_memory import (
    ATOMIC_QUEUE,
    ATOMICS,
    LANES,
    LINE,
    SECTOR,
    SLICES,
    USED,
    Floats,
    Ints,
    Memory,
    crowd_of,
    hash_of,
    make_room,
    place_of,
)

ATOMIC_UNEVEN = 1.5  # fullest slice over the mean, of lines that lie anywhere


@fused
def _atomic_passes(row: Ints, mask: int, line: int) -> tuple[int, int, int]:
    """(distinct words, most lanes that share one, sectors) of the lanes that touch ``line``."""
    distinct, most, sectors = 0, 0, 0
    for lane in range(LANES):
        if row[lane] < 0 or not (mask >> lane) & 1 or row[lane] // LINE != line:
            continue
        same = 1
        for other in range(lane):
            if (mask >> other) & 1 and row[other] // 4 == row[lane] // 4:
                same += 1
        distinct += same == 1
        most = max(most, same)
        sectors |= 1 << ((row[lane] // SECTOR) & 3)
    return distinct, most, (sectors & 1) + (sectors >> 1 & 1) + (sectors >> 2 & 1) + (sectors >> 3)


@fused
def l2_atomic(
    m: Memory,
    K: Floats,
    sm: int,
    row: Ints,
    mask: int,
    t: float,
    returns: bool,
    flags: int,
    size: int,
    lines: Ints,
) -> tuple[float, float]:
    """(clocks of the SM's port, when the last lane is done or, without a return, has left).

    Lanes go line by line, a line that they do not cover sector by sector. Integers for one word
    join at L2; floats and compare-and-swap, and lanes that share some of a line's words, go one
    after the other. A slice takes a request at a time; its queue counts for the SMs outside the
    sample, too. ``lines`` is int64[32] of scratch.
    """
    used, done, first = 0, t, max(t, m.port[sm])
    for lane in range(LANES):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        fresh = True
        for i in range(used):
            if lines[i] == row[lane] // LINE:
                fresh = False
        if fresh:
            lines[used] = row[lane] // LINE
            used += 1
    for i in range(used):
        distinct, most, sectors = _atomic_passes(row, mask, lines[i])
        busy = K[c.ATOMIC_LINE_CYCLES]
        if distinct * size < LINE:
            busy = K[c.ATOMIC_WORD_CYCLES] * sectors
        if flags & tt.FLAG_CAS:
            busy = max(busy, K[c.ATOMIC_WORD_CYCLES] * most)
        elif distinct == 1 and (most == 1 or not flags & tt.FLAG_FLOAT):
            busy = K[c.ATOMIC_WORD_CYCLES]
        elif most > 1:
            busy = K[c.ATOMIC_SERIAL_CYCLES] * most
        part = max(K[c.ATOMIC_PORT_CYCLES], sectors * SECTOR / K[c.ATOMIC_PORT_BYTES])
        m.port[sm] = max(t, m.port[sm]) + part
        make_room(m, K)
        slot = place_of(m, lines[i] * 4)
        if m.cell[slot, 0] < 0:
            m.count[USED] += 1
            m.cell[slot, 0], m.cell[slot, 1] = lines[i] * 4, 0.0
        scale = crowd_of(m, K, sm, slot)
        if m.owner[slot] != -2:  # other SMs have lines like it
            busy *= ATOMIC_UNEVEN / SLICES / K[c.SHARE]
            m.shared[ATOMIC_QUEUE] = max(m.port[sm], m.shared[ATOMIC_QUEUE]) + busy
            done = max(done, m.shared[ATOMIC_QUEUE])
        else:
            slice_of = SLICES + hash_of(lines[i] >> 1) % SLICES
            m.slices[slice_of] = max(m.port[sm], m.slices[slice_of]) + busy * scale
            done = max(done, m.slices[slice_of])
        m.count[ATOMICS] += 1
    busy_port = max(1.0, m.port[sm] - first)
    if returns:
        return busy_port, done + K[c.ATOMIC_CYCLES]
    return busy_port, done
