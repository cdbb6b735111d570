"""Which CTAs and SMs of a launch are simulated, and how the rest follows from them.

CTA ``i`` goes to SM ``i`` modulo the SM count. A launch of at most `EXACT` warp instructions, or
`UNEVEN` where CTAs differ in length by their data, is simulated whole. Of a larger one up to
`MOST_SMS` SMs run all their CTAs, or within `BUDGET` their first ones, spread over the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_traces import Kept, TraceStore

BUDGET, UNEVEN = 1_500_000, 8_000_000
EXACT = BUDGET  # a sample may cost as much as the whole launch does
MOST_SMS, PROBES = 4, 8
IRREGULAR = 0.1  # coefficient of variation of the probes' lengths
BALANCED_WAVES = 1.5
TOGETHER = 0.05  # SMs that touch a sector within this share of a CTA do so at the same time

Run = Callable[[list[int]], list[Kept]]


@dataclass(slots=True)
class Plan:
    """Sampled SMs with their CTAs, the traces by CTA; ``whole``: every CTA of them runs."""

    queues: list[list[int]]
    traces: dict[int, Kept]
    whole: bool
    order: list[int] = field(default_factory=list)


def plan(
    run: Run, total: int, used: int, resident: int, cluster: int, exact: bool, crowded: bool = False
) -> Plan:
    """Choose SMs and CTAs under the budget; every CTA is traced once. ``crowded``: the GPC of the
    first SM has more SMs in use than the others."""
    if cluster > 1:
        return _plan_clusters(run, total, used, resident, cluster, exact)
    found = _probes(run, total)
    lengths = np.array([max(1, trace.records) for trace in found.values()], float)
    length, per_sm = float(lengths.mean()), -(-total // used)
    chosen, most = used, per_sm
    uneven = len(lengths) > 1 and lengths.std() > IRREGULAR * length
    if not exact and length * total > (UNEVEN if uneven else EXACT):
        chosen = int(np.clip(BUDGET // (length * per_sm), 1, min(MOST_SMS, used)))
        most = int(np.clip(BUDGET // (length * chosen), min(per_sm, resident), per_sm))
        if most < per_sm:
            most = min(per_sm, max(most, min(2 * resident, int(BUDGET // length))))
    sms = [int((i + 0.5) * used / chosen) for i in range(chosen)] if chosen < used else (
        list(range(used)))  # fmt: skip
    if chosen < used and ((total % used and most == per_sm) or crowded):
        sms[0] = 0  # it gets one CTA more than others, or its GPC has more SMs in use
    queues = [_spread(sm, total, used, most) for sm in sms]
    queued = {n for queue in queues for n in queue}
    wanted = sorted(queued - set(found))
    found.update(zip(wanted, run(wanted) if wanted else [], strict=True))
    traces = {n: found[n] for n in queued}
    return Plan(queues, traces, most >= per_sm)


def _plan_clusters(
    run: Run, total: int, used: int, resident: int, cluster: int, exact: bool
) -> Plan:
    """The same for clusters, which run as one; of a grid that synchronises (``cluster`` CTAs are
    all of them) every CTA is traced and some SMs run theirs."""
    first = dict(enumerate(run([0])))
    length = max(1.0, sum(trace.records for trace in first.values()) / len(first))
    if cluster == total and cluster > used:
        chosen = used if exact or length * total <= EXACT else max(1, min(MOST_SMS, used))
        sms = [int((i + 0.5) * used / chosen) for i in range(chosen)]
        own_lists = [list(range(sm, total, used)) for sm in sms]
        return Plan(own_lists, {n: first[n] for own in own_lists for n in own}, True)
    slots, groups = max(1, used // cluster), total // cluster
    per_slot = -(-groups // slots)
    chosen, most = slots, per_slot
    if not exact and length * total > EXACT:
        most_slots = max(1, min(MOST_SMS // cluster, slots))
        chosen = int(np.clip(BUDGET // (length * cluster * per_slot), 1, most_slots))
        fitting = BUDGET // (length * cluster * chosen)
        most = int(np.clip(fitting, min(per_slot, resident), per_slot))
    queues: list[list[int]] = []
    traces: dict[int, Kept] = {}
    places = [int((n + 0.5) * slots / chosen) if chosen < slots else n for n in range(chosen)]
    if groups % slots and most == per_slot:
        places[0] = 0  # a slot that gets one cluster more than the others
    for place in places:
        own = _spread(place, groups, slots, most)
        found = run([g * cluster for g in own if g])
        numbers = [g * cluster + rank for g in own for rank in range(cluster)]
        traced = list(first.values()) if 0 in own else []
        traces.update(zip(numbers, traced + found, strict=True))
        queues += [[g * cluster + rank for g in own] for rank in range(cluster)]
    return Plan(queues, traces, most >= per_slot)


def _probes(run: Run, total: int) -> dict[int, Kept]:
    """Traces of a few CTAs from all over the grid."""
    places = sorted({int((i + 0.5) * total / PROBES) for i in range(PROBES)})
    middle = places[len(places) // 2]
    first = {middle: run([middle])[0]}
    if first[middle].records * len(places) > BUDGET // 2:
        return first
    rest = [n for n in places if n != middle]
    return {**first, **dict(zip(rest, run(rest) if rest else [], strict=True))}


def _spread(sm: int, total: int, used: int, most: int) -> list[int]:
    """``most`` CTAs of the SM's list, evenly spaced: CTAs differ where the data does."""
    own = list(range(sm, total, used))
    return own if most >= len(own) else [own[int(i * len(own) / most)] for i in range(most)]


def ports(
    gpc_of: NDArray[np.int64], sms: list[int], gpc_bytes: float, halves: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """(port of each simulated SM, bytes a clock of each port, half of the card it lies on).

    ``gpc_of`` int64[used]: GPC of every SM in use. Where all are simulated the ports are the GPCs';
    else sampled SMs whose GPCs have as many SMs in use share what each has of its own port, and
    such ports lie on no half (-1). ``halves``: of each GPC (empty: unknown).
    """
    crowd = np.bincount(gpc_of)
    if len(sms) == len(gpc_of):
        side = np.array(halves or (-1,) * len(crowd), np.int64)[: len(crowd)]
        return gpc_of, np.full(len(crowd), gpc_bytes), side
    levels, home = np.unique(crowd[gpc_of[sms]], return_inverse=True)
    own = np.bincount(home, minlength=len(levels))
    return home.astype(np.int64), gpc_bytes * own / levels, np.full(len(levels), -1, np.int64)


def compose(
    chosen: Plan, finish: NDArray[np.float64], resident: int, total: int, used: int, rate: float
) -> float:
    """End of the last CTA: of the sample, or extrapolated for the CTAs that were not replayed."""
    end, sms, order = float(finish.max()), len(chosen.queues), chosen.order
    if chosen.whole and 2 <= sms < used:
        ends = [max(float(finish[order.index(n)]) for n in q) for q in chosen.queues]
        waves = total / used / resident
        if waves > BALANCED_WAVES:  # CTAs go to whichever SM has room: the SMs end together
            end = float(np.mean(ends))
        else:
            spread = _expected_maximum(used) - _expected_maximum(sms)
            end = max(ends) + float(np.std(ends)) * spread
    if not chosen.whole:
        done = np.sort(finish)
        count = len(order)
        skip = min(resident * sms, count // 2)
        steady = (done[-1] - done[skip - 1]) / max(1, count - skip) if skip else done[-1] / count
        end += (total / used * sms - count) * steady
    return max(end, rate * total)


def _expected_maximum(n: int) -> float:
    """Expected largest of ``n`` standard normal values (Blom's approximation)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf((n - 0.375) / (n + 0.25)) if n > 1 else 0.0


def sharing(
    chosen: Plan,
    store: TraceStore,
    used: int,
    total: int,
    arrays: NDArray[np.int64],
    l2_bytes: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(first sectors of regions, share of the sample's first touches that are the grid's first).

    Sampled SMs touch ``n`` sectors of a region of 64 KB, ``r`` of them touched by another sampled
    SM, too; as in capture and recapture, pairs of touches over ``r`` estimate how many sectors the
    region has for all SMs, and so how often an SM finds a sector that another one has fetched.
    Where no two sampled SMs met, an array that L2 can keep bounds it: if all CTAs together touch
    more sectors than it has, each is touched that often. ``arrays`` int64[n, 2]:
    first sector and sectors of each array.
    """
    sms, alone = len(chosen.queues), (np.zeros(1, np.int64), np.tile([1.0, 0.0], (1, 1)))
    if sms == used:
        return alone
    touched = [_first_touches(chosen, store, queue) for queue in chosen.queues]
    every = np.concatenate([t[0] for t in touched])
    if not len(every):
        return alone
    places = np.concatenate([t[1] for t in touched])
    sectors, inverse, times = np.unique(every, return_inverse=True, return_counts=True)
    regions, index = np.unique(sectors >> 11, return_inverse=True)
    n = np.bincount(index, times.astype(float))
    repeats = np.bincount(index, (times * (times - 1) / 2).astype(float))
    unique = np.bincount(index).astype(float)
    pool = np.maximum(n * n / 2 * (1 - 1 / sms) / np.maximum(repeats, 0.5), unique)
    everything = n * used / sms
    first = pool * -np.expm1(-everything / pool)
    fresh = np.clip(first / everything * n / unique, 0.0, 1.0)
    scale, most = total / max(1, len(chosen.order)), l2_bytes // mem.SECTOR
    crowd = _touches(sectors, times, scale, arrays, most)
    crowd = np.bincount(index, crowd) / unique
    fresh[repeats == 0] = np.minimum(1.0, 1.0 / crowd[repeats == 0])
    low, high = np.full(len(sectors), 2.0), np.full(len(sectors), -1.0)
    np.minimum.at(low, inverse, places)
    np.maximum.at(high, inverse, places)
    shared = times > 1
    apart = np.bincount(index[shared], (high - low)[shared], len(regions))
    met = np.bincount(index[shared], None, len(regions))
    together = (met > 0) & (apart / np.maximum(1, met) < TOGETHER)
    return (regions << 11).astype(np.int64), np.stack([fresh, together.astype(float)], axis=1)


def _touches(
    sectors: NDArray[np.int64],
    times: NDArray[np.int64],
    scale: float,
    arrays: NDArray[np.int64],
    most: int,
) -> NDArray[np.float64]:
    """How often all CTAs touch each of ``sectors`` while it is in L2 if they spread over its array
    as the sampled ones do, which touched it ``times``; ``scale``: CTAs of the grid over those of
    the sample. Once for an array of more than ``most`` sectors, which L2 does not keep."""
    at = np.clip(np.searchsorted(arrays[:, 0], sectors, "right") - 1, 0, len(arrays) - 1)
    touched = np.bincount(at, times, len(arrays)) * scale
    often = np.maximum(1.0, touched / np.maximum(1, arrays[:, 1]))
    often[arrays[:, 1] > most] = 1.0
    return often[at]


def _first_touches(
    chosen: Plan, store: TraceStore, queue: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sectors that an SM loads, and how far in its CTA (0 to 1) it first does."""
    sectors, places = [np.zeros(0, np.int64)], [np.zeros(0)]
    for n in queue:
        stream, own = chosen.traces[n].stream, chosen.traces[n].rows
        kinds = store.table[stream.pc, tt.KIND]
        loads = ((kinds == tt.LOAD) | (kinds == tt.COPY_ASYNC)) & (stream.nth >= 0)
        records = np.flatnonzero(loads)
        if not len(records):
            continue
        warp = np.searchsorted(stream.start, records, "right") - 1
        length = np.maximum(1, np.diff(stream.start))[warp]
        where = np.repeat((records - stream.start[warp]) / length, 32)
        found = (store.rows[own[stream.nth[records]]] // mem.SECTOR).ravel()
        kept = found >= 0
        order = np.argsort(where[kept], kind="stable")
        values, at = np.unique(found[kept][order], return_index=True)
        sectors.append(values)
        places.append(where[kept][order][at])
    every, where = np.concatenate(sectors), np.concatenate(places)
    values, at = np.unique(every, return_index=True)
    return values, where[at]
