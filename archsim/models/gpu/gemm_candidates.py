"""Candidates for a product on nvjet: which are not hopeless, and how each runs.

What a kernel has to do is worked out once for all devices that differ in the rate of memory alone
(`gemm_ranking.Known`).
"""

from __future__ import annotations

from math import ceil, floor, log
from typing import Any

from archsim.engine.jit import fused, inner, lean
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_cheapest import fill, reduction_us
from archsim.models.gpu.gemm_common import compulsory, operand_traffic
from archsim.models.gpu.gemm_features import HBM_SHARE, RUN, TIME, describe_cover, describe_run
from archsim.models.gpu.gemm_ranking import CLUSTERS, dot, timely
from archsim.models.gpu.gemm_steps import wgmma_step
from archsim.models.gpu.gemm_wgmma import WORK, Work, stride_factor, wgmma_us, wgmma_work

LOOSE, LOOSE_CLK = 1.4, 2500.0
"""Candidates whose busy time alone exceeds the best one's by this factor and these clocks are not
priced."""
LEAST_STEPS, MOST_PARTS = 20.0, 12.0
"""nvjet splits K into at most so many parts of at least so many steps each (recorded names)."""

_TM, _TN, _COOP, _M_SIDE, _ROOM = t.TM, t.TN, t.COOP, t.M_SIDE, t.ROOM


@lean
def busy_clk(dev: Any, row: Any, p: Any, most: float) -> float:
    """Return the clocks that a candidate computes for at its best split, whatever memory does."""
    tiles = ceil(p[g.M] / row[_TM]) * ceil(p[g.N] / row[_TN]) * p[g.BATCH]
    p[g.TM], p[g.TN], p[g.COOP], p[g.M_SIDE] = row[_TM], row[_TN], row[_COOP], row[_M_SIDE]
    p[g.TK] = 128.0 / p[g.IN_BYTES]
    port = dev.sm_shared_bytes_per_clk * dev.tensor_kernels_gemm_fill_fraction
    load = (row[_TM] + row[_TN]) * 128.0 / port
    per_sm = max(tiles / (dev.sm_count * row[_ROOM]), 1.0)
    if tiles > dev.sm_count * row[_ROOM]:
        per_sm = ceil(per_sm)
    steps = g.k_steps(p)
    split = 1.0
    if p[g.BATCH] == 1.0:
        wave = floor(dev.sm_count * row[_ROOM] / tiles)
        split = max(min(wave, floor(steps / LEAST_STEPS), most), 1.0)
    clk = max(wgmma_step(dev, p), load) * per_sm * steps / split
    if split > 1.0:
        clk += dev.tensor_kernels_gemm_reduce_us * dev.clock_boost_hz * 1e-6
    return float(clk)


@inner
def rate(
    dev: Any, p: Any, row: Any, i: int, net: Any, most: float, out_bytes: float, bias: float,
    known: Any, room: Any,
) -> None:  # fmt: skip
    """Price candidate ``row`` (number ``i``) at every split of K; keep its best in ``room``."""
    once = most == 1.0 or p[g.BATCH] > 1.0
    split = 1.0
    while True:
        fill(row, p, split, dev.sm_count, out_bytes)
        p[g.BIAS] = bias
        work = whole_work(dev, p, room.scratch)
        us, hbm_us = wgmma_us(dev, work)
        if split > 1.0:
            us += reduction_us(dev, p, split, out_bytes)
        rest = known.rests[i]
        if known.seen[i] == 0:
            describe_run(dev, p, us, split, hbm_us, room.run)
            describe_cover(p, room.run)
            room.run[TIME] = room.run[HBM_SHARE] = 0.0
            rest = dot(net.short_run, room.run) + net.short_kernel[i]
        if note(net, i, us, hbm_us, split, rest, room) and known.seen[i] == 0:
            known.rests[i] = rest
            for f in range(RUN):
                known.runs[i, f] = room.run[f]
        grown = p[g.CTAS] / split * (split + 1.0)
        split += 1.0
        few = g.k_steps(p) < LEAST_STEPS * split or split > min(most, MOST_PARTS)
        if once or grown > dev.sm_count * row[_ROOM] or few:
            break
    if once:
        keep(i, work, known)


@fused
def rate_again(
    dev: Any, p: Any, table: Any, i: int, net: Any, most: float, out_bytes: float, bias: float,
    known: Any, room: Any,
) -> None:  # fmt: skip
    """Do as ``rate`` for row ``i`` of ``table``, by what the kernel has to do where that is known.

    ``known`` knows that of kernels that never split K alone.
    """
    if known.worked[i] == 1:
        us, hbm_us = wgmma_us(dev, known.works[i])
        note(net, i, us, hbm_us, 1.0, known.rests[i], room)
    else:
        rate(dev, p, table[i], i, net, most, out_bytes, bias, known, room)


@inner
def keep(i: int, work: Any, known: Any) -> None:
    """Remember what candidate ``i``, which never splits K, has to do and how it runs."""
    for f in range(WORK):
        known.works[i, f] = work[f]
    known.worked[i], known.seen[i] = 1, max(known.seen[i], 1)


@fused
def note(
    net: Any, i: int, us: float, hbm_us: float, split: float, rest: float, room: Any
) -> bool:  # fmt: skip
    """Keep candidate ``i`` as it runs with ``split`` in ``room`` where it is the best liked split
    so far; return whether. ``rest`` is the short list's liking but for the times."""
    log_us, share = log(us), hbm_us / us
    liking = timely(net.short_run, log_us, share) + rest
    if liking <= room.likings[i]:
        return False
    room.likings[i], room.times[i], room.splits[i] = liking, us, split
    room.logs[i], room.shares[i] = log_us, share
    return True


@lean
def whole_work(dev: Any, p: Any, out: Any) -> Work:
    """Return what the kernel of plan ``p`` has to do; ``out`` is written over."""
    read, written = compulsory(p, out)
    fat_a, fat_b = stride_factor(dev, p[g.ALIGN_A]), stride_factor(dev, p[g.ALIGN_B])
    return wgmma_work(dev, p, read, written, operand_traffic(p, fat_a, fat_b))


@inner
def pair(p: Any, row: Any) -> int:
    """Return which pair of CTAs stands for a tile in the first round: along m (1) or n (2)."""
    down, across = ceil(p[g.M] / row[_TM]), ceil(p[g.N] / row[_TN])
    return 1 if down > 1.0 and (across == 1.0 or row[_TM] <= row[_TN]) else 2


@inner
def hopeful(
    dev: Any, constants: Any, free: int, p: Any, table: Any, most: float, known: Any
) -> int:  # fmt: skip
    """Return how many tiles are not hopeless; their pairs' rows lead ``known.pairs``.

    ``constants`` are the numbers of ``dev``, of which number ``free``, the memory's rate, does not
    matter here. Where another has changed, works that ``known`` holds are given up.
    """
    same = known.chosen[0] > 0
    for f in range(constants.shape[0]):
        same = same and (f == free or constants[f] == known.constants[f])
    if same:
        return int(known.chosen[0])
    for f in range(constants.shape[0]):
        known.constants[f] = constants[f]
    known.worked[:] = 0
    least, tiles = 1e300, table.shape[0] // CLUSTERS
    for k in range(tiles):
        known.busy[k] = busy_clk(dev, table[k * CLUSTERS], p, most)
        least = min(least, known.busy[k])
    count = 0
    for k in range(tiles):
        if known.busy[k] <= LOOSE * least + LOOSE_CLK:
            known.pairs[count] = k * CLUSTERS + pair(p, table[k * CLUSTERS])
            count += 1
    known.chosen[0] = count
    return count
