"""Functional execution of a kernel: the machine code on NumPy arguments, CTA by CTA.

CTAs run one after another (the CTAs of a cluster together), each in a deterministic order of its
warps, so that a result that depends on the order of atomic operations is the same in every run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.frontend import Kernel, load_numba
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.faults import ExecutionError, memory_fault, plain_name
from archsim.models.gpu.sm.gang import Gang, Log
from archsim.models.gpu.sm.interpret import run as run_gang
from archsim.models.gpu.sm.memory import (
    Arguments,
    constant_banks,
    lay_out,
    parameter_bank,
)
from archsim.models.gpu.sm.program import LANES, POOL_START, Program, decode
from archsim.models.gpu.sm.trace import Trace, TraceLog

Shape = tuple[int, int, int]
_DEFAULT_STACK = 1024  # bytes a thread that the driver reserves where the code cannot say how many
MAX_GANG_WARPS = 32767
_CALL_STACK = 512  # bytes for callees, whose frames the attributes of a kernel do not count
MAX_THREADS, MAX_SHARED_BYTES = 1024, 232448
_INSTRUCTION_LIMIT = 2_000_000_000


@dataclass(slots=True)
class Execution:
    """What ran: the program, executed CTAs, warp instructions, and traces when asked for."""

    program: Program
    grid: Shape
    block: Shape
    ctas: list[Shape]
    warp_instructions: int = 0
    traces: list[Trace] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Start:
    """Initial warps, splits and predicates of a gang (see `state`)."""

    W: NDArray[np.int64]
    S: NDArray[np.int64]
    P: NDArray[np.uint32]


@dataclass(slots=True)
class Launch:
    """A launch made ready: decoded program, laid-out arguments, buffers of the device."""

    program: Program
    grid: Shape
    block: Shape
    cluster: int
    laid: Arguments
    gang: Gang
    log: TraceLog
    start: Start = field(init=False)

    def __post_init__(self) -> None:
        self.start = _at_start(self)

    @property
    def threads(self) -> int:
        """Threads of a CTA."""
        return self.block[0] * self.block[1] * self.block[2]

    @property
    def together(self) -> int:
        """CTAs that run at the same time: a cluster, or the grid of a cooperative kernel."""
        return int(self.gang.L[st.CTAS])


def run(
    kernel: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    args: tuple[Any, ...],
    *,
    cluster: int = 1,
    dynamic_smem_bytes: int = 0,
    ctas: list[int] | None = None,
    trace: bool = False,
    check: bool = False,
    keep: Callable[[list[Trace]], None] | None = None,
) -> Execution:
    """Execute ``kernel`` (a Numba ``@cuda.jit`` function or a front-end `Kernel`).

    ``grid`` counts CTAs and ``block`` threads in x, y, z; ``cluster`` is the number of CTAs along x
    in a cluster. ``ctas`` names the CTAs to run by linear number (None: all), with whole clusters.
    Array arguments get their results only when all CTAs run. ``trace`` records `Trace`s, which
    ``keep`` gets, a CTA or cluster at a time, instead of the `Execution`;
    ``check`` also finds reads of uninitialised memory and races in shared memory.

    Raises ValueError for an impossible launch, `UnsupportedInstructionError`, `MemoryFaultError`,
    and `ExecutionError` for a deadlock.
    """
    launch = prepare(kernel, grid, block, args, cluster, dynamic_smem_bytes, trace, check)
    numbers = _cluster_starts(launch, ctas)
    done = Execution(launch.program, launch.grid, launch.block, [])
    for number in numbers:
        group = [cta_of(number + rank, launch.grid) for rank in range(launch.together)]
        done.warp_instructions += _run_group(launch, group)
        done.ctas += group
        if trace:
            traces = launch.log.split(group, int(launch.gang.L[st.WARPS_PER_CTA]))
            (keep or done.traces.extend)(traces)
    if ctas is None:
        _copy_back(launch)
    return done


def shape(value: int | tuple[int, ...], name: str) -> Shape:
    """Three extents; raises ValueError unless they are 1 to 3 positive integers."""
    extents = (value,) if isinstance(value, int) else tuple(value)
    if not 1 <= len(extents) <= 3 or any(int(n) < 1 for n in extents):
        raise ValueError(f"{name} must be 1 to 3 positive extents, not {value!r}")
    whole = [int(n) for n in extents] + [1, 1]
    return whole[0], whole[1], whole[2]


def cta_of(number: int, grid: Shape) -> Shape:
    """Coordinates of the CTA with a linear number."""
    return number % grid[0], number // grid[0] % grid[1], number // (grid[0] * grid[1])


def load(kernel: Any, args: tuple[Any, ...]) -> Kernel:
    """The front end's kernel for a Numba function and the types of its arguments."""
    if isinstance(kernel, Kernel):
        return kernel
    typeof: Any = importlib.import_module(
        "numba"
    ).typeof  # a slow import that hand-written kernels do not need

    return load_numba(kernel, tuple(typeof(value) for value in args))


def prepare(
    kernel: Any, grid: int | tuple[int, ...], block: int | tuple[int, ...], args: tuple[Any, ...],
    cluster: int, dynamic_smem_bytes: int, trace: bool, check: bool,
) -> Launch:  # fmt: skip
    """Compile, decode and lay out a launch."""
    grid, block = shape(grid, "grid"), shape(block, "block")
    threads = block[0] * block[1] * block[2]
    if threads > MAX_THREADS:
        raise ValueError(f"block must have at most {MAX_THREADS} threads, not {threads}")
    if cluster < 1 or cluster > 16 or grid[0] % cluster:
        raise ValueError(f"cluster must be 1 to 16 and divide the grid's x, not {cluster}")
    loaded = load(kernel, args)
    shared = max(loaded.shared_bytes, 1024) + dynamic_smem_bytes
    if shared > MAX_SHARED_BYTES + 1024:
        raise ValueError(f"shared memory must be at most {MAX_SHARED_BYTES} bytes, not {shared}")
    program = decode(loaded)
    laid = lay_out(loaded, args)
    if loaded.cooperative:
        _check_cooperative(cluster, grid[0] * grid[1] * grid[2] * -(-threads // LANES))
    gang = _gang(program, laid, grid, block, cluster, -(-shared // 128) * 128, dynamic_smem_bytes,
                 trace, check)  # fmt: skip
    return Launch(program, grid, block, cluster, laid, gang, TraceLog(trace))


def _check_cooperative(cluster: int, warps: int) -> None:
    what = "a kernel that synchronises its grid"
    if cluster > 1:
        raise ValueError(f"cluster must be 1 for {what}, not {cluster}")
    if warps > MAX_GANG_WARPS:
        raise ValueError(f"grid must have at most {MAX_GANG_WARPS} warps for {what}, not {warps}")


def _gang(
    program: Program, laid: Arguments, grid: Shape, block: Shape, cluster: int, shared: int,
    dynamic: int, trace: bool, check: bool,
) -> Gang:  # fmt: skip
    kernel = program.kernel
    ctas = grid[0] * grid[1] * grid[2] if kernel.cooperative else cluster
    threads = block[0] * block[1] * block[2]
    warps = -(-threads // LANES)
    calls = any(item.opcode == "CALL" for item in kernel.instructions)
    unknown = kernel.stack_bytes >= 1 << 30  # recursion
    stack = _DEFAULT_STACK if unknown else -(-kernel.stack_bytes // 16) * 16
    local = stack + _CALL_STACK * (calls and not unknown)
    L = np.zeros(st.LAYOUT_FIELDS, np.int64)
    shared_place = -(-laid.end // 1024) * 1024
    local_place = shared_place + shared * ctas
    L[: st.TOGETHER + 1] = (
        st.DEVICE_BASE, laid.end, shared_place, shared, local_place, local, cluster, check, trace,
        ctas, warps, ctas,
    )  # fmt: skip
    M32 = np.zeros((local_place + local * LANES * warps * ctas) // 4 + 4, np.uint32)
    M8 = M32.view(np.uint8)
    ends = np.zeros(laid.end // (1 << st.GRANULE_BITS) + 2, np.int64)
    for item, content in zip(laid.allocations, laid.contents, strict=True):
        first = item.place >> st.GRANULE_BITS
        ends[first : first + -(-item.size // (1 << st.GRANULE_BITS))] = item.place + item.size
        if content is not None:
            M8[item.place : item.place + item.size] = content
    ready = np.zeros(M8.size if check else 0, np.uint8)
    ready[: laid.end if check else 0] = 1
    base = st.DEVICE_BASE + (laid.allocations[0].place if kernel.globals_image else 0)
    bank0 = parameter_bank(kernel, laid, grid, block, cluster, local, dynamic)
    constants, starts = constant_banks(kernel, bank0, base)
    total = warps * ctas
    return Gang(
        R=_registers(program, constants, starts, total),
        P=np.zeros(total * col.PREDICATES, np.uint32), code=program.code,
        W=np.zeros((total, st.WARP_FIELDS), np.int64),
        T=np.tile(_threads(block, warps), (ctas, 1)),
        S=np.zeros((total, 33, 4), np.int64), Y=np.zeros((total, 16), np.uint32),
        B=np.zeros((ctas, 17, 4), np.int64), K=np.zeros((ctas, 2), np.int64), L=L, ends=ends,
        M8=M8, M32=M32, constants=constants, starts=starts, A=np.zeros(LANES, np.int64),
        Q=np.zeros(LANES, np.int64), X=np.zeros(32768), F=np.zeros(8, np.int64), ready=ready,
        race=np.zeros((shared * ctas // 4 if check else 0, 4), np.int64),
    )  # fmt: skip


def _registers(
    program: Program, constants: NDArray[np.uint8], starts: NDArray[np.int64], warps: int
) -> NDArray[np.uint32]:
    """The flat register array with its pool filled."""
    rows = POOL_START + len(program.pool)
    R = np.zeros((rows + warps * program.registers, LANES), np.uint32)
    for n, entry in enumerate(program.pool):
        if entry[0] == "imm":
            R[POOL_START + n] = entry[1]
            continue
        bank, offset = entry[1:]
        start, end = int(starts[bank]) + offset, int(starts[bank + 1])
        word = constants[start : min(start + 4, end)].tobytes() if start < end else b""
        R[POOL_START + n] = int.from_bytes(word.ljust(4, b"\0"), "little")
    return R.reshape(-1)


def _threads(block: Shape, warps: int) -> NDArray[np.uint32]:
    """Thread coordinates of one CTA: uint32[warps, 3 * 32]."""
    number = np.arange(warps * LANES, dtype=np.uint32).reshape(warps, LANES)
    x, y = np.uint32(block[0]), np.uint32(block[1])
    return np.concatenate([number % x, number // x % y, number // (x * y)], axis=1)


def _at_start(launch: Launch) -> Start:
    """State of a gang before its first instruction: one split per warp, true predicates."""
    g, size = launch.gang, launch.program.registers
    per_cta = int(g.L[st.WARPS_PER_CTA])
    number = np.arange(len(g.W))
    W, S = np.zeros_like(g.W), np.zeros_like(g.S)
    lanes = np.minimum(launch.threads - number % per_cta * LANES, LANES)
    W[:, st.CTA] = number // per_cta
    W[:, st.RANK] = W[:, st.CTA] % launch.cluster
    W[:, st.HEAD] = W[:, st.CTA] // launch.together * launch.together
    W[:, st.WARP_IN_CTA] = number % per_cta
    W[:, st.REGISTERS] = (POOL_START + len(launch.program.pool) + number * size) * LANES
    W[:, st.PREDICATES] = number * col.PREDICATES
    W[:, st.ALIVE] = S[:, 0, st.LANES] = (1 << lanes) - 1
    W[:, st.SPLITS] = 1
    W[:, st.FIRST_THREAD] = number * LANES
    predicates = np.zeros((len(g.W), col.PREDICATES), np.uint32)
    predicates[:, [col.PRED_TRUE, col.PRED_TRUE + 8]] = 0xFFFFFFFF
    return Start(W, S, predicates.reshape(-1))


def _reset(launch: Launch, group: list[Shape]) -> None:
    """Make the gang ready for the CTAs of ``group``."""
    g, start = launch.gang, launch.start
    g.R[(POOL_START + len(launch.program.pool)) * LANES :] = 0
    g.W[:], g.S[:], g.P[:] = start.W, start.S, start.P
    g.W[:, st.CTAID_X : st.CTAID_Z + 1] = np.repeat(group, int(g.L[st.WARPS_PER_CTA]), axis=0)
    for array in (g.Y, g.B, g.K, g.F, g.race):
        array.fill(0)
    g.race[:, 1::2] = -1
    shared = int(g.L[st.SHARED_PLACE])
    g.M8[shared:] = 0
    g.ready[shared:] = 0


def _run_group(launch: Launch, group: list[Shape]) -> int:
    """Run one CTA or cluster; returns the executed warp instructions."""
    _reset(launch, group)
    g, log = launch.gang, launch.log
    while True:
        arrays = Log(log.used, log.warp, log.pc, log.mask, log.mem, log.address)
        status = run_gang(g, arrays, _INSTRUCTION_LIMIT)
        if status != st.GROW or not log.grow():
            break
    if status == st.FAULT:
        address = int(g.F[4])
        raise memory_fault(launch.program.kernel, launch.block, g.W, g.F, _near(launch, address))
    if status != st.DONE:
        why = "wait for each other" if status == st.DEADLOCK else "execute too many instructions"
        if status == st.GROW:
            why = "execute more than can be traced (do they wait for another block?)"
        raise ExecutionError(
            f"kernel {plain_name(launch.program.kernel.name)} must end, but the threads of block "
            f"{group[0]} {why}{_waiting(launch)}"
        )
    return int(g.W[:, st.EXECUTED].sum())


def _waiting(launch: Launch) -> str:
    """Where the first live warp stands."""
    g = launch.gang
    for w in range(len(g.W)):
        if g.W[w, st.ALIVE]:
            item = launch.program.kernel.instructions[int(g.S[w, int(g.W[w, st.CURRENT]), st.PC])]
            return f": warp {w} at {item.address:#06x}, line {item.line}, {item.text!r}"
    return ""


def _near(launch: Launch, address: int) -> str:
    """Which argument an address lies in or after."""
    offset = address - st.DEVICE_BASE
    before = [a for a in launch.laid.allocations if a.place <= offset and a.argument >= 0]
    if not 0 <= offset < launch.laid.end or not before:
        return ""
    last = before[-1]
    return f" (byte {offset - last.place} of argument {last.argument}, which has {last.size})"


def _cluster_starts(launch: Launch, ctas: list[int] | None) -> list[int]:
    total = launch.grid[0] * launch.grid[1] * launch.grid[2]
    if ctas is None:
        return list(range(0, total, launch.together))
    if any(not 0 <= n < total for n in ctas):
        raise ValueError(f"ctas must be numbers below {total}, not {ctas!r}")
    return sorted({n // launch.together * launch.together for n in ctas})


def _copy_back(launch: Launch) -> None:
    """Write the allocations back to the arguments."""
    for item, content in zip(launch.laid.allocations, launch.laid.contents, strict=True):
        if item.argument >= 0 and content is not None and content.flags.writeable:
            content[:] = launch.gang.M8[item.place : item.place + item.size]
