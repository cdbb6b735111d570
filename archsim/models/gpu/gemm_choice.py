"""Which of nvjet's kernels the library picks: every legal candidate is priced, the best liked one
taken.

What earlier devices left is used only where it cannot change the answer: candidates that others
beat for sure are not asked about again.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from archsim.engine.jit import inner, lean
from archsim.mapping.gpu.nvjet_choice import nvjet_table
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_candidates import hopeful, rate_again
from archsim.models.gpu.gemm_ranking import (
    CLUSTERS,
    FINALISTS,
    Known,
    Room,
    liked_between,
    liking_of,
    listen,
    ranking,
)
from archsim.models.gpu.vector import leaf_paths

MOST_SPLITS = 32
BIAS_GUIDE = 0.5
"""Share of the network in who is a finalist, where a bias is added: large layers differ by little
in the linear utility."""


@inner
def largest(values: Any, count: int) -> int:
    """Return where the first largest of ``count`` values stands."""
    found = 0
    for i in range(1, count):
        if values[i] > values[found]:
            found = i
    return found


@lean
def preferred(
    devices: Any, constants: Any, free: int, p: Any, table: Any, net: Any, most: float, bias: float,
    known: Any, room: Any,
) -> int:  # fmt: skip
    """Return the row of ``table`` that the library likes best; K in at most ``most`` parts.

    Fills, per row, ``room``'s ``final`` likings (-1e300 where not ranked, or where ``known`` tells
    that the row is not the best), predicted ``times`` and ``splits``. Rows come in blocks of one
    tile with all its clusters: every tile that is not hopeless is priced with a pair of CTAs, the
    best ``FINALISTS`` with all clusters; these the network ranks. ``devices`` is as for
    ``gemm_cheapest.cheapest``, ``constants`` and ``free`` as for ``hopeful``; ``known`` is what
    earlier devices of as many SMs left.
    """
    dev = devices[0]
    out_bytes = p[g.OUT_BYTES]
    room.likings[:] = -1e300
    room.final[:] = -1e300
    tiles = hopeful(dev, constants, free, p, table, most, known)
    listen(net, p, bias, known, room)
    for place in range(tiles):
        i = known.pairs[place]
        rate_again(dev, p, table, i, net, most, out_bytes, bias, known, room)
    guide(net, tiles, BIAS_GUIDE if bias > 0.0 else 0.0, known, room)
    finalists = min(FINALISTS, tiles)
    for turn in range(finalists):
        place = largest(room.best_of, tiles)
        room.best_of[place] = -1e300
        room.finalists[turn] = known.pairs[place] // CLUSTERS
        for i in range(room.finalists[turn] * CLUSTERS, (room.finalists[turn] + 1) * CLUSTERS):
            if room.likings[i] == -1e300:
                rate_again(dev, p, table, i, net, most, out_bytes, bias, known, room)
    p[g.OUT_BYTES] = out_bytes
    return favourite(net, finalists, known, room)


@inner
def guide(net: Any, tiles: int, share: float, known: Any, room: Any) -> None:
    """Write into ``room.best_of`` how well each tile's pair is liked, with ``share`` of the whole
    ranking; -1e300 where ``FINALISTS`` others are liked better for sure."""
    if share == 0.0:
        for place in range(tiles):
            room.best_of[place] = room.likings[known.pairs[place]]
        return
    room.leaders[:] = -1e300
    for place in range(tiles):
        low, _ = liked_between(net, known.pairs[place], known, room)
        enter(room.leaders, room.likings[known.pairs[place]] + share * low)
    least = room.leaders[FINALISTS - 1]
    for place in range(tiles):
        i = known.pairs[place]
        _, high = liked_between(net, i, known, room)
        room.best_of[place] = -1e300
        if room.likings[i] + share * high >= least:
            room.best_of[place] = room.likings[i] + share * liking_of(net, i, known, room)


@inner
def enter(leaders: Any, value: float) -> None:
    """Keep ``value`` among ``leaders``, the largest values so far in order, if it is one."""
    place = leaders.shape[0] - 1
    if value <= leaders[place]:
        return
    while place > 0 and leaders[place - 1] < value:
        leaders[place] = leaders[place - 1]
        place -= 1
    leaders[place] = value


@inner
def favourite(net: Any, finalists: int, known: Any, room: Any) -> int:
    """Return the best liked row of the finalists' tiles; its liking, and those of all rows that
    might have come before it, are put into ``room.final``."""
    least, best, chosen = -1e300, -1e300, 0
    for turn in range(finalists):
        for i in range(room.finalists[turn] * CLUSTERS, (room.finalists[turn] + 1) * CLUSTERS):
            low, _ = liked_between(net, i, known, room)
            least = max(least, low)
    for turn in range(finalists):
        for i in range(room.finalists[turn] * CLUSTERS, (room.finalists[turn] + 1) * CLUSTERS):
            _, high = liked_between(net, i, known, room)
            if high >= least:
                room.final[i] = liking_of(net, i, known, room)
                if room.final[i] > best:
                    best, chosen = room.final[i], i
    return chosen


def ranked(dev: Any, p: Any, kind: str, bias: float) -> tuple[Any, Any, Any]:
    """Return likings, times and splits of all candidates of a ``kind`` for the shape in ``p``."""
    table, net = nvjet_table(kind), ranking(kind)
    known, room = Known.nothing(table, net), Room.of(table, net)
    devices, constants, free = told(dev)
    most = float(MOST_SPLITS)
    preferred(devices, constants, free, p.copy(), table, net, most, bias, known, room)
    return room.final, room.times, room.splits


def told(dev: Any) -> tuple[Any, Any, int]:
    """Return record ``dev`` as ``preferred`` reads it: in an array, as numbers, and which of them
    is the memory's rate."""
    devices = dev.reshape(1)
    return devices, np.frombuffer(devices), _place_of_rate()


@cache
def _place_of_rate() -> int:
    return leaf_paths().index("memory.bandwidth_bytes_per_s")
