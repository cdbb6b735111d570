"""One launch timed: occupancy, the sample of SMs, the replay and what follows from it.

Rule of the sample. CTA ``i`` goes to SM ``i`` modulo the SM count. A sample of SMs runs all its
CTAs in detail with its share of L2 and HBM; when that is more than ``BUDGET`` warp instructions,
each sampled SM runs its first CTAs only, and the rest follow at the rate at which CTAs ended
between the first full wave and the last of the sample. ``exact`` runs every SM and every CTA.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.frontend import Kernel
from archsim.models.gpu.sm import execute
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_core as core
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.trace import Trace

BUDGET = 1_500_000
MOST_SMS = 4
WARP_REGISTERS_UNIT, SHARED_UNIT = 256, 1024
TABLE_BITS = 20
BALANCED_WAVES = 1.5
TOGETHER = 0.05  # SMs that touch a sector within this share of a CTA do so at the same time


@dataclass(frozen=True, slots=True)
class SmDevice:
    """What the timing needs of a device: limits, clock and the constants by name."""

    name: str
    sms: int
    clock_hz: float
    threads: int
    ctas: int
    registers: int
    shared_bytes: int
    l1_bytes: int
    constants: dict[str, float]


@dataclass(slots=True)
class Occupancy:
    """Resident CTAs of an SM and what bounds them."""

    ctas: int
    warps: int
    limit: str


@dataclass(slots=True)
class LaunchTiming:
    """The timing of one launch.

    ``cycles`` from the start of the kernel to its end as CUPTI sees them; ``reasons`` shares of
    the sub-cores' clocks; ``clocks`` float64[n, 3] (warp, clock, CTA) of clock reads.
    """

    cycles: float
    us: float
    occupancy: Occupancy
    reasons: dict[str, float]
    units: dict[str, float]
    counters: dict[str, float]
    sampled_sms: int
    sampled_ctas: int
    grid_ctas: int
    warp_instructions: int
    limiter: str
    kernel: str
    clocks: NDArray[np.float64]
    ctas: list[int]
    events: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))
    core_seconds: float = 0.0
    instructions: tuple[Any, ...] = ()
    unit_names: tuple[str, ...] = ()


def occupancy(kernel: Kernel, device: SmDevice, threads: int, dynamic: int) -> Occupancy:
    """Resident CTAs by threads, CTA slots, registers and shared memory."""
    warps = -(-threads // 32)
    per_warp = -(-kernel.registers * 32 // WARP_REGISTERS_UNIT) * WARP_REGISTERS_UNIT
    shared = -(-(max(kernel.shared_bytes, 1024) + dynamic) // 128) * 128
    limits = {
        "threads": device.threads // 32 // warps,
        "CTA slots": device.ctas,
        "registers": device.registers // max(1, per_warp * (-(-warps // 4) * 4)),
        "shared memory": device.shared_bytes // shared,
    }
    limit = min(limits, key=lambda name: limits[name])
    return Occupancy(max(1, limits[limit]), max(1, limits[limit]) * warps, limit)


def carve_out(device: SmDevice, shared: int) -> int:
    """Bytes of L1 beside ``shared`` bytes of shared memory in use by the SM."""
    for size in (0, 8, 16, 32, 64, 100, 132, 164, 196, 228):
        if shared <= size * 1024:
            return device.l1_bytes - size * 1024
    return device.l1_bytes - 228 * 1024


def time_launch(
    kernel: Any, grid: Any, block: Any, args: tuple[Any, ...], device: SmDevice, *,
    cluster: int = 1, dynamic_smem_bytes: int = 0, exact: bool = False, keep_events: int = 0,
    begin_together: bool = False,
) -> LaunchTiming:  # fmt: skip
    """Execute a sample of the launch's CTAs, replay them and compose the kernel's time."""
    loaded = execute.load(kernel, args)
    shape, threads = execute.shape(grid, "grid"), execute.shape(block, "block")
    total = shape[0] * shape[1] * shape[2]
    lanes = threads[0] * threads[1] * threads[2]
    held = occupancy(loaded, device, lanes, dynamic_smem_bytes)
    held.ctas = max(1, held.ctas)
    used = min(device.sms, total)

    def run(numbers: list[int]) -> list[Trace]:
        return execute.run(
            loaded, shape, threads, args, cluster=cluster, dynamic_smem_bytes=dynamic_smem_bytes,
            ctas=numbers, trace=True,
        ).traces  # fmt: skip

    plan = _plan(run, total, used, held.ctas, cluster, exact)
    return _replay(plan, loaded, lanes, held, device, total, used, cluster, dynamic_smem_bytes,
                   keep_events, begin_together)  # fmt: skip


@dataclass(slots=True)
class _Plan:
    """Sampled SMs with their CTAs, and the traces by CTA."""

    queues: list[list[int]]
    traces: dict[int, Trace]
    whole: bool


def _plan(run: Any, total: int, used: int, resident: int, cluster: int, exact: bool) -> _Plan:
    """Choose SMs and CTAs under the budget; every CTA is executed once."""
    if cluster > 1:
        group = list(range(min(cluster, total)))
        traces = dict(zip(group, run(group[:1]), strict=True))
        return _Plan([[n] for n in group], traces, total <= cluster)
    probe = _middle(total)
    traces = {probe: run([probe])[0]}
    length = max(1, len(traces[probe].pc))
    per_sm = -(-total // used)
    if exact:
        chosen, most = used, per_sm
    else:
        chosen = int(np.clip(BUDGET // max(1, length * per_sm), 1, min(MOST_SMS, used)))
        most = int(np.clip(BUDGET // max(1, length * chosen), min(per_sm, resident), per_sm))
        if most < per_sm:
            most = min(per_sm, max(most, min(2 * resident, BUDGET // length)))
    sms = sorted({int((i + 0.5) * used / chosen) for i in range(chosen)} if chosen < used
                 else set(range(used)))  # fmt: skip
    if chosen < used and total % used and most == per_sm:
        sms[0] = 0  # an SM that gets one CTA more than the others
    queues = [list(range(sm, total, used))[:most] for sm in sms]
    if most < per_sm:  # spread over the grid: CTAs differ where the data does
        queues = [
            _spread(queue, sm, total, used, most) for queue, sm in zip(queues, sms, strict=True)
        ]
    wanted = sorted({n for queue in queues for n in queue} - {probe})
    traces.update(zip(wanted, run(wanted) if wanted else [], strict=True))
    return _Plan(queues, traces, most >= per_sm)


def _middle(total: int) -> int:
    return total // 2


def _spread(queue: list[int], sm: int, total: int, used: int, most: int) -> list[int]:
    """``most`` CTAs of the SM's list, evenly spaced."""
    own = list(range(sm, total, used))
    return [own[int(i * len(own) / most)] for i in range(most)]


def constants(device: SmDevice, share: float, cta_cycles: float) -> NDArray[np.float64]:
    """The vector of constants for a launch whose sample has ``share`` of L2 and HBM."""
    K = np.zeros(c.COUNT)
    for i, name in enumerate(c.FIELDS):
        K[i] = device.constants[name]
    for i in (c.L2_BYTES, c.L2_WRITE_BYTES, c.HBM_BYTES):
        K[i] *= share
    K[c.SHARE] = share
    K[c.CTA_RATE] = cta_cycles
    K[c.BANK_SLACK] = device.constants["bank_slack_cycles"]
    return K


def _work(
    plan: _Plan, table: NDArray[np.int32], resident: int, cluster: int
) -> tuple[core.Work, list[int]]:
    """Traces of the sample as one set of arrays; returns the CTAs in their order."""
    order = sorted(plan.traces)
    index = {n: i for i, n in enumerate(order)}
    traces = [plan.traces[n] for n in order]
    warps = traces[0].warps
    first, rows, base, at = [0], [], 0, 0
    addresses, seen = [], {}
    for trace in traces:
        first += [int(n) + at for n in trace.start[1:]]
        at += len(trace.pc)
        key = id(trace.address)
        if key not in seen:
            seen[key] = base
            addresses.append(trace.address)
            base += len(trace.address)
        rows.append(np.where(trace.mem >= 0, trace.mem.astype(np.int64) + seen[key], -1))
    most = max(len(queue) for queue in plan.queues)
    queue = np.full((len(plan.queues), most), -1, np.int64)
    for i, numbers in enumerate(plan.queues):
        queue[i, : len(numbers)] = [index[n] for n in numbers]
    address = np.concatenate(addresses) if base else np.full((1, 32), -1, np.int64)
    return core.Work(
        table, np.concatenate([t.pc for t in traces]),
        np.concatenate([t.mask for t in traces]).astype(np.int64), np.concatenate(rows), address,
        np.array(first, np.int64), queue, resident, warps, cluster,
    ), order  # fmt: skip


def _sharing(
    plan: _Plan, table: NDArray[np.int32], order: list[int], total: int, used: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(first sectors of regions, share of the sample's first touches that are the grid's first).

    Sampled SMs touch ``n`` sectors of a region of 64 KB, ``r`` of them touched by another sampled
    SM, too; as in capture and recapture, pairs of touches over ``r`` estimate how many sectors the
    region has for all SMs, and so how often an SM finds a sector that another one has fetched.
    """
    sms = len(plan.queues)
    touched = [_first_touches(plan, table, queue) for queue in plan.queues]
    every = np.concatenate([t[0] for t in touched])
    if sms == used or sms < 2 or not len(every):
        return np.zeros(1, np.int64), np.tile([1.0, 0.0], (1, 1))
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
    fresh[repeats == 0] = 1.0
    low, high = np.full(len(sectors), 2.0), np.full(len(sectors), -1.0)
    np.minimum.at(low, inverse, places)
    np.maximum.at(high, inverse, places)
    shared = times > 1
    apart = np.bincount(index[shared], (high - low)[shared], len(regions))
    together = apart / np.maximum(1, np.bincount(index[shared], None, len(regions))) < TOGETHER
    return (regions << 11).astype(np.int64), np.stack([fresh, together.astype(float)], axis=1)


def _first_touches(
    plan: _Plan, table: NDArray[np.int32], queue: list[int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sectors that an SM loads, and how far in its CTA (0 to 1) it first does."""
    sectors, places = [np.zeros(0, np.int64)], [np.zeros(0)]
    for n in queue:
        trace = plan.traces[n]
        kinds = table[trace.pc, tt.KIND]
        rows = np.flatnonzero(((kinds == tt.LOAD) | (kinds == tt.COPY_ASYNC)) & (trace.mem >= 0))
        if not len(rows):
            continue
        warp = np.searchsorted(trace.start, rows, "right") - 1
        length = np.maximum(1, np.diff(trace.start))[warp]
        where = np.repeat((rows - trace.start[warp]) / length, 32)
        found = (trace.address[trace.mem[rows]] // mem.SECTOR).ravel()
        kept = found >= 0
        order = np.argsort(where[kept], kind="stable")
        values, at = np.unique(found[kept][order], return_index=True)
        sectors.append(values)
        places.append(where[kept][order][at])
    every, where = np.concatenate(sectors), np.concatenate(places)
    values, at = np.unique(every, return_index=True)
    return values, where[at]


def _state(sms: int, resident: int, warps: int) -> core.State:
    """Idle SMs; warp ``i`` of a CTA belongs to sub-core ``i`` modulo 4 (single warps in turn)."""
    slots, subs = sms * resident * warps, sms * 4
    member = np.full((subs, -(-resident * warps // 4) + resident + 1), -1, np.int64)
    used = np.zeros(subs, np.int64)
    for slot in range(slots):
        sm = slot // (resident * warps)
        q = sm * 4 + quarter(slot, warps, resident)
        member[q, used[q]] = slot
        used[q] += 1
    return core.State(
        np.zeros((slots, core.WARP_COLUMNS)), np.zeros(slots, np.int64), np.zeros(slots, np.int64),
        np.full(slots, -1, np.int64), np.zeros((subs, tt.UNITS)), np.zeros((subs, 64)),
        np.zeros(subs, np.int64), np.zeros((subs, 4)), np.full((subs, 2), -1, np.int64), member,
        np.zeros((sms, resident, 4), np.int64), np.zeros((slots, 2, core.RING)),
        np.zeros((slots, 4), np.int64), np.zeros((sms, resident + 1)),
    )  # fmt: skip


def quarter(slot: int, warps: int, resident: int) -> int:
    """Sub-core of a warp slot: round robin over the warps of the SM."""
    place, warp = slot // warps % resident, slot % warps
    return (warp + (place * warps if warps % 4 else 0)) % 4


def _replay(
    plan: _Plan, kernel: Kernel, lanes: int, held: Occupancy, device: SmDevice, total: int,
    used: int, cluster: int, dynamic: int, keep_events: int, together: bool,
) -> LaunchTiming:  # fmt: skip
    sms = len(plan.queues)
    k = device.constants
    warps = -(-lanes // 32)
    rate = max(k["cta_interval_cycles"], k["warp_interval_cycles"] * warps)
    resident = max(1, min(held.ctas, max(len(queue) for queue in plan.queues)))
    table = tt.table(kernel, k)
    work, order = _work(plan, table, resident, cluster)
    K = constants(device, sms / used, rate * used)
    shared = max(1024, kernel.shared_bytes) + dynamic
    bytes_used = shared * held.ctas if kernel.shared_bytes or dynamic else 0
    region, fresh = _sharing(plan, table, order, total, used)
    memory = mem.new_memory(sms, carve_out(device, bytes_used), TABLE_BITS, region, fresh)
    state = _state(sms, resident, work.warps)
    begin = np.zeros((sms, resident))
    if not together:
        for place in range(resident):
            for sm, queue in enumerate(plan.queues):
                first = queue[0] if queue else 0
                begin[sm, place] = rate * (place * used + first % used)
    result = core.Result(
        np.zeros(len(order)), np.zeros(len(order)), np.zeros((4 * sms, len(tt.REASONS))),
        np.zeros(1, np.int64), np.zeros(tt.UNITS), np.zeros((4 * len(work.first) * 4, 3)),
        np.zeros(1, np.int64), np.zeros((keep_events, 4)), np.zeros(1, np.int64),
    )  # fmt: skip
    import time

    t0 = time.process_time()
    core.simulate(work, state, memory, result, K, begin, keep_events > 0)
    spent = time.process_time() - t0
    end = _compose(plan, result, order, held.ctas, total, used, rate)
    if memory.count[mem.L2_MISSES]:  # the slowest of all SMs' misses, not only of the sample's
        end += k["hbm_spread_cycles"] * float(np.log(used / sms))
    cycles = end + k["launch_cycles"] + k["drain_cycles"]
    return _answer(plan, kernel, held, device, result, memory, cycles, total, order, spent,
                   work.table[:, tt.UNIT].tolist())  # fmt: skip


def _compose(
    plan: _Plan, result: core.Result, order: list[int], resident: int, total: int, used: int,
    rate: float,
) -> float:  # fmt: skip
    """End of the last CTA: of the sample, or extrapolated for the CTAs that were not replayed."""
    end = float(result.finish.max())
    sms = len(plan.queues)
    if plan.whole and 2 <= sms < used:
        ends = [max(float(result.finish[order.index(n)]) for n in q) for q in plan.queues]
        waves = total / used / resident
        if waves > BALANCED_WAVES:  # CTAs go to whichever SM has room: the SMs end together
            end = float(np.mean(ends))
        else:
            end += float(np.std(ends)) * (_expected_maximum(used) - _expected_maximum(sms))
    if not plan.whole:
        done = np.sort(result.finish)
        count = len(order)
        skip = min(resident * sms, count // 2)
        steady = (done[-1] - done[skip - 1]) / max(1, count - skip) if skip else done[-1] / count
        left = total / used * sms - count
        end += left * steady
    return max(end, rate * total)


def _expected_maximum(n: int) -> float:
    """Expected largest of ``n`` standard normal values (Blom's approximation)."""
    from statistics import NormalDist

    return NormalDist().inv_cdf((n - 0.375) / (n + 0.25)) if n > 1 else 0.0


def _answer(
    plan: _Plan, kernel: Kernel, held: Occupancy, device: SmDevice, result: core.Result,
    memory: mem.Memory, cycles: float, total: int, order: list[int], spent: float,
    units_of: list[int],
) -> LaunchTiming:  # fmt: skip
    sums = result.reasons.sum(axis=0)
    clocks = max(1.0, float(result.finish.max()) * result.reasons.shape[0])
    sums[tt.EMPTY] += max(0.0, clocks - sums.sum())
    shares = dict(zip(tt.REASONS, (sums / sums.sum()).tolist(), strict=True))
    units = {name: float(v / clocks) for name, v in zip(
        tt.UNIT_NAMES[:9], result.units, strict=False)}  # fmt: skip
    scale = total / max(1, len(order))
    us = cycles / device.clock_hz * 1e6
    count = memory.count
    counters = {
        "l1_hits": count[mem.L1_HITS] * scale, "l1_misses": count[mem.L1_MISSES] * scale,
        "l2_read_bytes": count[mem.READ_BYTES] * scale,
        "l2_write_bytes": count[mem.WRITE_BYTES] * scale,
        "hbm_read_bytes": count[mem.HBM_READ] * scale,
        "shared_passes": count[mem.SHARED_PASSES] * scale,
    }  # fmt: skip
    waits = {name: share for name, share in shares.items() if name not in ("issued", "no warp")}
    top = max(waits, key=lambda name: waits[name])
    limiter = "issue" if shares["issued"] > max(waits.values()) else top
    return LaunchTiming(
        cycles, us, held, shares, units, {k: float(v) for k, v in counters.items()},
        len(plan.queues), len(order), total, int(result.issued[0]), limiter, kernel.name,
        result.clocks[: int(result.clock_count[0])], order,
        result.events[: int(result.event_count[0])], spent, kernel.instructions,
        tuple(tt.UNIT_NAMES[unit] for unit in units_of),
    )  # fmt: skip
