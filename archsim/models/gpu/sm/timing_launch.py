"""One launch timed: occupancy, the replay of the sample and what follows from it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.frontend import Kernel
from archsim.models.gpu.sm import execute, state
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_core as core
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_sample as sample
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.faults import ExecutionError, plain_name
from archsim.models.gpu.sm.memory import lay_out
from archsim.models.gpu.sm.timing_traces import Kept, TraceStore

WARP_REGISTERS_UNIT, SHARED_UNIT = 256, 1024
MOST_TABLE_BITS = 22  # of the table of L2's sectors


@dataclass(frozen=True, slots=True)
class SmDevice:
    """What the timing needs of a device: limits, clock, the constants by name and the SMs of each
    GPC (empty: one), those that take clusters and those that share a port to L2; the half of the
    card that each port lies on."""

    name: str
    sms: int
    clock_hz: float
    threads: int
    ctas: int
    registers: int
    shared_bytes: int
    l1_bytes: int
    l2_bytes: int
    constants: dict[str, float]
    gpc_sms: tuple[int, ...] = ()
    port_sms: tuple[int, ...] = ()
    port_halves: tuple[int, ...] = ()

    def gpcs(self, used: int) -> NDArray[np.int64]:
        """GPC of the SM that each of the first ``used`` CTAs goes to: the first ones to GPC 0, the
        others in turns of the GPCs with an idle TPC left, then of those with the second SM of a TPC
        left (``placement`` records)."""
        left = list(self.port_sms or (self.sms,))
        found = [0] * min(used, int(self.constants["first_gpc_ctas"]), left[0])
        left[0] -= len(found)
        for turns in ([(sms + 1) // 2 for sms in left], [sms // 2 for sms in left]):
            for turn in range(max(turns)):
                found += [gpc for gpc, most in enumerate(turns) if turn < most]
        return np.array(found[:used], np.int64)

    def cluster_slots(self, cluster: int) -> int:
        """Clusters that run at a time with a CTA an SM: a cluster stays inside one GPC."""
        return max(1, sum(n // cluster for n in self.gpc_sms or (self.sms,)))


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
    the sub-cores' clocks; ``clocks`` float64[n, 3] (warp, clock, CTA) of clock reads;
    ``events`` as in `timing_state.Result`, of a sample whose last CTA ends at ``sampled_clocks``.
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
    events: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, ts.KEPT)))
    sampled_clocks: float = 0.0
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
    begin_together: bool = False, ports: NDArray[np.int64] | None = None,
) -> LaunchTiming:  # fmt: skip
    """Execute a sample of the launch's CTAs, replay them and compose the kernel's time.

    ``ports``: port to L2 of the SM that each CTA runs on, where it is not where the card puts it.
    """
    loaded = execute.load(kernel, args)
    shape, threads = execute.shape(grid, "grid"), execute.shape(block, "block")
    total = shape[0] * shape[1] * shape[2]
    lanes = threads[0] * threads[1] * threads[2]
    held = occupancy(loaded, device, lanes, dynamic_smem_bytes)
    held.ctas = max(1, held.ctas)
    used = min(device.sms, total)
    if cluster > 1:
        used = min(device.cluster_slots(cluster), total // cluster) * cluster
    if loaded.cooperative and total > held.ctas * device.sms:
        raise ValueError(
            f"grid must have at most the {held.ctas * device.sms} CTAs that run at a time, as the "
            f"kernel synchronises it, not {total}"
        )

    table = tt.table(loaded, device.constants)
    store = TraceStore(table, _starts_mbarrier(loaded))

    def trace(numbers: list[int]) -> list[Kept]:
        found: list[Kept] = []
        execute.run(
            loaded, shape, threads, args, cluster=cluster, dynamic_smem_bytes=dynamic_smem_bytes,
            ctas=numbers, trace=True, keep=lambda traces: found.extend(store.add(traces)),
        )  # fmt: skip
        return found

    chosen = sample.plan(trace, total, used, held.ctas,
                         total if loaded.cooperative else cluster, exact,
                         crowded=used < device.sms)  # fmt: skip
    return _replay(chosen, store, loaded, lanes, held, device, total, used, cluster,
                   dynamic_smem_bytes, keep_events, begin_together, _arrays(loaded, args),
                   device.gpcs(used) if ports is None else ports)  # fmt: skip


def constants(device: SmDevice, share: float, cta_cycles: float) -> NDArray[np.float64]:
    """The vector of constants for a launch whose sample has ``share`` of L2 and HBM."""
    K = np.zeros(c.COUNT)
    for i, name in enumerate(c.FIELDS):
        K[i] = device.constants[name]
    for i in (c.L2_BYTES, c.L2_WRITE_BYTES, c.HBM_BYTES, c.L2_KEEP_BYTES):
        K[i] *= share
    K[c.SHARE] = share
    K[c.CTA_RATE] = cta_cycles
    K[c.BANK_SLACK] = device.constants["bank_slack_cycles"]
    return K


def _arrays(kernel: Kernel, args: tuple[Any, ...]) -> NDArray[np.int64]:
    """First sector and sectors of each array: int64[n, 2]."""
    found = [(state.DEVICE_BASE + a.place, a.size) for a in lay_out(kernel, args).allocations]
    return np.array(found or [(0, 1)], np.int64) // mem.SECTOR


def _table_bits(store: TraceStore, arrays: NDArray[np.int64]) -> int:
    """Bits of the table of L2's sectors: twice those of the arrays or of what is accessed, with the
    other half of each 64 bytes. A bulk copy accesses more than its addresses."""
    most = int(arrays[:, 1].sum()) + 64 * len(arrays)
    if not (store.table[:, tt.KIND] == tt.BULK).any():
        most = min(most, 64 * int(store.used[0]))
    return min(MOST_TABLE_BITS, max(10, (2 * most).bit_length()))


def _starts_mbarrier(kernel: Kernel) -> NDArray[np.bool_]:
    """Which instructions initialise an mbarrier."""
    return np.array([i.opcode == "SYNCS" and "ARRIVE" not in i.modifiers
                     for i in kernel.instructions])  # fmt: skip


def _work(
    plan: sample.Plan, store: TraceStore, kernel: Kernel, resident: int, cluster: int
) -> tuple[ts.Work, list[int]]:
    """The sample as one set of arrays; returns the CTAs in their order."""
    order = sorted(plan.traces)
    index = {n: i for i, n in enumerate(order)}
    kept = [plan.traces[n] for n in order]
    streams = list(store.streams.values())
    first = np.stack([k.stream.base + k.stream.start for k in kept])
    own = np.cumsum([0, *(len(k.rows) for k in kept[:-1])])
    most = max(len(queue) for queue in plan.queues)
    queue = np.full((len(plan.queues), most), -1, np.int64)
    for i, numbers in enumerate(plan.queues):
        queue[i, : len(numbers)] = [index[n] for n in numbers]
    pending = np.concatenate(store.needed) if store.needed else np.zeros(1, np.int64)
    return ts.Work(
        store.table, np.concatenate([t.pc for t in streams]),
        np.concatenate([t.mask for t in streams]), np.concatenate([t.nth for t in streams]),
        np.concatenate([k.rows for k in kept]), store.rows, first, own, queue, resident,
        kept[0].warps, cluster, int(kernel.cooperative), pending, np.zeros(len(pending)),
    ), order  # fmt: skip


def _replay(
    plan: sample.Plan, store: TraceStore, kernel: Kernel, lanes: int, held: Occupancy,
    device: SmDevice, total: int, used: int, cluster: int, dynamic: int, keep_events: int,
    together: bool, arrays: NDArray[np.int64], places: NDArray[np.int64],
) -> LaunchTiming:  # fmt: skip
    sms = len(plan.queues)
    k = device.constants
    warps = -(-lanes // 32)
    rate = max(k["cta_interval_cycles"], k["warp_interval_cycles"] * warps)
    resident = max(1, min(held.ctas, max(len(queue) for queue in plan.queues)))
    work, order = _work(plan, store, kernel, resident, cluster)
    K = constants(device, sms / used, rate * used)
    shared = max(1024, kernel.shared_bytes) + dynamic
    bytes_used = shared * held.ctas if kernel.shared_bytes or dynamic else 0
    plan.order = order
    region, fresh = sample.sharing(plan, store, used, total, arrays, device.l2_bytes)
    simulated = [queue[0] % used if queue else 0 for queue in plan.queues]
    home, gates, side = sample.ports(places, simulated, k["gpc_port_bytes"], device.port_halves)
    l1 = carve_out(device, bytes_used)
    memory = mem.new_memory(sms, l1, _table_bits(store, arrays), region, fresh, home, gates, side)
    new = ts.new_state(sms, resident, work.warps, len(kernel.instructions))
    begin = np.zeros((sms, resident))
    if not together:
        for place in range(resident):
            for sm, queue in enumerate(plan.queues):
                first = queue[0] if queue else 0
                begin[sm, place] = rate * (place * used + first % used)
    result = ts.new_result(len(order), 4 * sms, len(order) * work.warps, keep_events)
    t0 = time.process_time()
    core.simulate(work, new, memory, result, K, begin, keep_events > 0)
    spent = time.process_time() - t0
    if not result.finish.all():
        raise ExecutionError(
            f"kernel {plain_name(kernel.name)} must end, but CTA "
            f"{order[int(np.argmin(result.finish))]} waits for an mbarrier that nothing completes"
        )
    end = sample.compose(plan, result.finish, held.ctas, total, used, rate)
    if memory.count[mem.L2_MISSES]:  # the slowest of all SMs' misses, not only of the sample's
        end += k["hbm_spread_cycles"] * float(np.log(used / sms))
    cycles = end + k["launch_cycles"] + k["drain_cycles"]
    return _answer(plan, kernel, held, device, result, memory, cycles, total, order, spent,
                   work.table[:, tt.UNIT].tolist())  # fmt: skip


def _answer(
    plan: sample.Plan, kernel: Kernel, held: Occupancy, device: SmDevice, result: ts.Result,
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
        result.events[: int(result.event_count[0])], float(result.finish.max()), spent,
        kernel.instructions,
        tuple(tt.UNIT_NAMES[unit] for unit in units_of),
    )  # fmt: skip
