"""Where code comes from: an SM's two instruction caches, L2 and device memory.

Lines of 128 bytes hold eight instructions. While a warp runs through a line the next one is
fetched, by each warp a line at a time, so that straight code waits only where it issues faster than
its lines come (``code`` records).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archsim.engine.jit import fused
from archsim.models.gpu.sm import timing_constants as c

LINE_SHIFT = 3  # instructions of a line
SETS, WAYS = 64, 4  # of the first instruction cache, 32 KB
FAR_SETS, FAR_WAYS = 128, 8  # of the second one, 128 KB
OTHER_LINES = 96  # of the kernel that ran before, in the first cache
KEPT_LINES = 512  # that the second one has when a kernel starts
TAG, SINCE, AT = range(3)


class Code(NamedTuple):
    """``near`` float64[sms, SETS, WAYS, 3] and ``far`` float64[sms, FAR_SETS, FAR_WAYS, 3]: line,
    turn of its last use, arrival; ``seen`` float64[lines]: 1 where L2 has the line; ``free``
    float64[slots] when a warp's fetches are done; ``turn`` float64[1]; ``lines`` of
    the program, 0 where it cannot miss."""

    near: Any
    far: Any
    seen: Any
    free: Any
    turn: Any
    lines: int


def new_code(sms: int, slots: int, instructions: int) -> Code:
    """The caches after the same kernel and a short other one have run."""
    lines = (instructions + (1 << LINE_SHIFT) - 1) >> LINE_SHIFT
    if lines <= SETS * (WAYS - 2):  # the other kernel replaced none of them
        none = np.zeros((0, SETS, WAYS, 3))
        return Code(none, none, np.zeros(0), np.zeros(0), np.zeros(1), 0)
    near = np.full((SETS, WAYS, 3), -1.0)
    for turn, line in enumerate([*range(lines), *(-2 - n for n in range(OTHER_LINES))]):
        row = near[line % SETS]
        way = int(np.argmin(row[:, SINCE]))
        row[way] = (line, turn, 0.0)
    far = np.full((FAR_SETS, FAR_WAYS, 3), -1.0)
    for line in range(min(lines, KEPT_LINES)):
        far[line % FAR_SETS, line // FAR_SETS] = (line, line, 0.0)
    seen = np.zeros(lines)
    seen[:KEPT_LINES] = 1.0
    return Code(
        np.repeat(near[None], sms, 0), np.repeat(far[None], sms, 0), seen, np.zeros(slots),
        np.full(1, float(lines + OTHER_LINES)), lines,
    )  # fmt: skip


@fused
def _way(row: Any, line: int) -> int:
    """Way of a set that holds ``line``; else -1 minus the one that was used longest ago."""
    oldest = 0
    for way in range(row.shape[0]):
        if row[way, TAG] == line:
            return way
        if row[way, SINCE] < row[oldest, SINCE]:
            oldest = way
    return -1 - oldest


@fused
def fetched(code: Code, K: Any, sm: int, slot: int, line: int, t: float) -> float:
    """When a line that is asked for at ``t`` is in the first cache of ``sm``."""
    code.turn[0] += 1.0
    row = code.near[sm, line % SETS]
    way = _way(row, line)
    if way >= 0:
        row[way, SINCE] = code.turn[0]
        return float(row[way, AT])
    below = code.far[sm, line % FAR_SETS]
    found = _way(below, line)
    cycles = K[c.FETCH_CYCLES]
    if found < 0:
        cycles = K[c.REFETCH_CYCLES] if code.seen[line] > 0.0 else K[c.COLD_FETCH_CYCLES]
        code.seen[line] = 1.0
        found = -1 - found
        below[found, TAG] = line
    below[found, SINCE] = code.turn[0]
    code.free[slot] = max(t, code.free[slot]) + cycles
    way = -1 - way
    row[way, TAG], row[way, SINCE], row[way, AT] = line, code.turn[0], code.free[slot]
    return float(code.free[slot])


@fused
def next_line(code: Code, K: Any, sm: int, slot: int, line: int, t: float) -> float:
    """When a warp that comes to ``line`` at ``t`` can go on; the line after it is fetched ahead."""
    here = fetched(code, K, sm, slot, line, t)
    if line + 1 < code.lines:
        fetched(code, K, sm, slot, line + 1, max(t, here))
    return here
