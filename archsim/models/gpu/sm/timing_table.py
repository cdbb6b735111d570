"""What the scheduler knows of each instruction: unit, interval, latency, control codes, banks.

One row of the table (int32) is one static instruction. The opcode decides the row; the control
codes come from the encoding, so that fixed latencies are the compiler's and only what returns
through a scoreboard has a latency here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archsim.frontend import Instruction, Kernel
from archsim.frontend.instruction import Kind, Operand
from archsim.models.gpu.sm.timing_wide import is_wide, readers

# Columns of the table.
(
    KIND, UNIT, INTERVAL, LATENCY, STALL, WRITE, READ, WAIT, QUEUED_UNIT, BYTES, EVEN, ODD,
    EVEN_REUSED, ODD_REUSED, COUNT, FLAGS,
) = range(16)  # fmt: skip
COLUMNS = 16
PORT, LOAD_A = EVEN, ODD  # of wgmma, in tenths of a clock

# Kinds: how the core handles an instruction.
(
    PLAIN, LOAD, STORE, ATOMIC, REDUCE, SHARED_LOAD, SHARED_STORE, SHARED_ATOMIC, CONSTANT, SHUFFLE,
    COPY_ASYNC, COPY_COMMIT, SCOREBOARD_WAIT, BULK, MBAR_ARRIVE, MBAR_WAIT, BARRIER, CLUSTER_ARRIVE,
    CLUSTER_WAIT, FENCE, EXIT, CLOCK, WGMMA, WGMMA_WAIT, NOTHING,
    MATCH,
) = range(26)  # fmt: skip

# Units of a sub-core.
FMA_HEAVY, FMA_LITE, ALU, FP64, XU, TENSOR, MIO, UNIFORM, BRANCH, NONE, FMA_ANY = range(11)
UNITS = 11
UNIT_NAMES = (
    "fma heavy", "fma lite", "alu", "fp64", "special", "tensor", "memory", "uniform", "branch",
    "none", "fma",
)  # fmt: skip

# What a stall waits for: reasons of the breakdown.
(
    ISSUED, EMPTY, FIXED, LONG, SHORT, PIPE, QUEUE, BARRIER_WAIT, FETCH, BANK, TENSOR_WAIT, OTHER,
) = range(12)  # fmt: skip
REASONS = (
    "issued", "no warp", "fixed latency", "memory", "shared memory or special function",
    "pipe busy", "memory queue full", "barrier", "instruction fetch", "register bank",
    "tensor result", "other",
)  # fmt: skip

FLAG_VOLATILE_L1, FLAG_GENERIC, FLAG_LOCAL, FLAG_COMMIT = 1, 2, 4, 8  # FLAGS bits
FLAG_CALL, FLAG_FLOAT, FLAG_CAS, FLAG_YIELD = 16, 32, 64, 128
FLAG_WIDE, READS_WIDE_SHIFT = 1 << 12, 13  # from there on: which of the last wide products it reads
FLAG_SILENT, FLAG_SPIN, FLAG_COUNT = 256, 512, 1024  # atomics in shared memory

_FMA = frozenset(["FFMA", "FMUL", "FADD", "FSWZADD", "HFMA2", "HADD2", "HMUL2"])
_HEAVY = frozenset(["IMAD", "IDP", "IDP4A", "FFMA32I"])
TENTHS = 10  # intervals of units are in tenths of a clock
_DOUBLE = frozenset(["DFMA", "DADD", "DMUL", "DSETP"])
_XU = frozenset(["MUFU", "F2F", "F2I", "I2F", "FRND", "POPC", "FLO", "BREV"])
_TENSOR = frozenset(["HMMA", "IMMA", "DMMA", "BMMA", "QMMA"])
_WGMMA = frozenset(["HGMMA", "IGMMA", "QGMMA", "BGMMA"])
_BRANCH = frozenset(
    (
        "BRA", "BRX", "JMP", "JMX", "CALL", "RET", "BSSY", "BSYNC", "BREAK", "WARPSYNC", "YIELD",
        "NANOSLEEP", "BMOV", "KILL", "BPT",
    )
)  # fmt: skip
_SIZES = {"8": 1, "U8": 1, "S8": 1, "16": 2, "U16": 2, "S16": 2, "64": 8, "128": 16}
_MEMORY = {
    "LDG": LOAD, "LD": LOAD, "LDL": LOAD, "STG": STORE, "ST": STORE, "STL": STORE,
    "ATOMG": ATOMIC, "ATOM": ATOMIC, "RED": REDUCE, "REDG": REDUCE, "REDAS": REDUCE,
    "LDS": SHARED_LOAD, "LDSM": SHARED_LOAD, "STS": SHARED_STORE, "STSM": SHARED_STORE,
    "ATOMS": SHARED_ATOMIC, "LDC": CONSTANT, "LDGSTS": COPY_ASYNC, "SHFL": SHUFFLE,
    "UBLKCP": BULK, "UBLKRED": BULK, "UTMALDG": BULK, "UTMASTG": BULK, "STAS": STORE,
}  # fmt: skip
_SPECIAL = {
    "BAR": BARRIER, "UCGABAR_ARV": CLUSTER_ARRIVE, "UCGABAR_WAIT": CLUSTER_WAIT, "EXIT": EXIT,
    "MEMBAR": FENCE, "ERRBAR": NOTHING, "CGAERRBAR": NOTHING, "FENCE": NOTHING, "NOP": NOTHING,
    "ARRIVES": MBAR_ARRIVE, "LDGDEPBAR": COPY_COMMIT, "DEPBAR": SCOREBOARD_WAIT, "CCTL": NOTHING,
}  # fmt: skip


def table(kernel: Kernel, latencies: dict[str, float]) -> NDArray[np.int32]:
    """int32[instructions, COLUMNS]; ``latencies`` holds the device's constants by name."""
    rows = np.zeros((len(kernel.instructions), COLUMNS), np.int32)
    before: dict[int, int] = {}
    waiting = readers(kernel.instructions)
    for n, (row, item) in enumerate(zip(rows, kernel.instructions, strict=True)):
        control = item.control
        row[STALL] = control.stall_cycles
        row[WRITE], row[READ], row[WAIT] = (
            control.write_barrier, control.read_barrier, control.wait_mask,
        )  # fmt: skip
        _classify(row, item, latencies)
        row[FLAGS] |= FLAG_YIELD if control.yields else 0
        row[FLAGS] |= waiting.get(n, 0) << READS_WIDE_SHIFT
        before = _banks(row, item, before)
        row[QUEUED_UNIT] = NONE if row[KIND] == WGMMA else row[UNIT]
    return rows


def _classify(row: NDArray[np.int32], item: Instruction, latencies: dict[str, float]) -> None:
    """Kind, unit, interval (tenths of a clock) and latency of one instruction."""
    row[KIND], row[UNIT], row[INTERVAL] = PLAIN, ALU, 2 * TENTHS
    op, short = item.opcode, latencies["short_result_cycles"]
    if op in _MEMORY or op in _SPECIAL or op == "SYNCS" or op in _WGMMA or op == "WARPGROUP":
        _special(row, item, latencies)
        return
    if op in ("CS2R", "S2R", "S2UR"):
        clock = any("SR_CLOCK" in o.name for o in item.operands)
        row[KIND], row[UNIT] = (CLOCK if clock else PLAIN), NONE
        row[LATENCY] = latencies["special_register_cycles"]
    elif op in _TENSOR:
        row[UNIT] = TENSOR
        row[INTERVAL], row[LATENCY], row[COUNT] = _mma_cycles(item, latencies)
    elif op in _FMA:
        row[UNIT] = FMA_HEAVY if op == "HFMA2" and "MMA" in item.modifiers else FMA_ANY
    elif op == "VIADD":
        row[UNIT] = FMA_LITE
    elif op in _HEAVY:
        double = is_wide(item)
        row[UNIT], row[INTERVAL] = FMA_HEAVY, (4 if double else 2) * TENTHS
        row[LATENCY] = short + 3 * double
        row[FLAGS] |= FLAG_WIDE if double else 0
    elif op in _DOUBLE:
        row[UNIT], row[LATENCY] = FP64, short
        row[INTERVAL] = int(TENTHS * latencies["fp64_interval_cycles"])
    elif op in _XU:
        wide = "F64" in item.modifiers or "64" in item.modifiers
        name = "xu_wide_interval_cycles" if wide else "xu_interval_cycles"
        row[UNIT], row[INTERVAL] = XU, int(TENTHS * latencies[name])
        row[LATENCY] = latencies["xu_wide_cycles" if wide else "xu_cycles"]
    elif op in ("REDUX", "CREDUX"):
        row[UNIT], row[INTERVAL], row[LATENCY] = XU, 8 * TENTHS, latencies["redux_cycles"]
    elif op == "MATCH":
        row[KIND], row[UNIT], row[LATENCY] = MATCH, NONE, latencies["match_cycles"]
        row[COUNT] = "ALL" in item.modifiers
    elif op in ("VOTE", "VOTEU", "R2UR", "ELECT"):
        row[LATENCY] = latencies["vote_cycles"]
    elif op in _BRANCH:
        row[UNIT] = BRANCH
        row[FLAGS] |= FLAG_CALL if op in ("CALL", "RET", "BRX", "JMX") else 0
        if op == "BREAK":  # taken or not
            row[COUNT] = item.control.stall_cycles + latencies["call_cycles"]
    elif op.startswith("U") and op != "UNPACK":
        row[UNIT], row[LATENCY] = UNIFORM, latencies["uniform_cycles"]
    else:
        row[LATENCY] = short


def _special(row: NDArray[np.int32], item: Instruction, latencies: dict[str, float]) -> None:
    """Memory, barriers and the asynchronous units."""
    op, mods = item.opcode, set(item.modifiers)
    row[UNIT], row[INTERVAL] = NONE, TENTHS
    if op in _MEMORY:
        row[KIND], row[UNIT] = _MEMORY[op], MIO
        row[BYTES] = next(
            (_SIZES[m] for m in item.modifiers if m in _SIZES), 8 if "F64" in mods else 4
        )
        if op in ("LDSM", "STSM"):
            row[COUNT] = next((int(m) for m in item.modifiers if m in ("2", "4")), 1)
            row[BYTES] = 4 * row[COUNT]
        row[FLAGS] |= FLAG_VOLATILE_L1 if "GPU" in mods or "SYS" in mods or "BYPASS" in mods else 0
        row[FLAGS] |= FLAG_GENERIC if op in ("LD", "ST", "ATOM", "RED") else 0
        row[FLAGS] |= FLAG_LOCAL if op in ("LDL", "STL") else 0
        row[FLAGS] |= FLAG_CAS if {"CAS", "CAST"} & mods else 0
        row[FLAGS] |= (
            FLAG_FLOAT if any(m.startswith(("F16", "F32", "F64", "BF16")) for m in mods) else 0
        )
        if op == "ATOMS":
            silent = item.operands[0].kind is Kind.REGISTER and item.operands[0].index == 255
            row[FLAGS] |= FLAG_SILENT if silent else 0
            row[FLAGS] |= FLAG_SPIN if "SPIN" in mods else 0
            row[FLAGS] |= FLAG_COUNT if "POPC" in mods else 0
        row[LATENCY] = latencies["constant_cycles"] if op == "LDC" else 0
        if op == "SHFL" and "IDX" in mods:  # the lane comes from a register
            row[LATENCY] = 2
    elif op == "SYNCS":
        wait = any(m.startswith(("PHASECHK", "TRYWAIT")) for m in item.modifiers)
        row[KIND], row[UNIT] = (MBAR_WAIT if wait else MBAR_ARRIVE), MIO
        row[LATENCY] = latencies["mbarrier_cycles"]
    elif op in _WGMMA:
        row[KIND], row[UNIT] = WGMMA, TENSOR
        row[INTERVAL], row[LATENCY], row[LOAD_A], row[PORT] = _wgmma_cycles(item, latencies)
        row[FLAGS] |= FLAG_COMMIT if any(o.name.startswith("gsb") for o in item.operands) else 0
    elif op == "WARPGROUP":
        row[KIND] = WGMMA_WAIT if "DEPBAR" in mods else NOTHING
        row[COUNT] = item.operands[-1].value if item.operands else 0
    else:
        row[KIND] = _SPECIAL[op]
        if op == "DEPBAR":
            row[COUNT] = next((o.value for o in item.operands if o.kind is Kind.IMMEDIATE), 0)
        if (op == "BAR" and "ARV" in mods) or op == "ARRIVES":
            row[FLAGS] |= FLAG_COMMIT


def _mma_cycles(item: Instruction, latencies: dict[str, float]) -> tuple[int, int, int]:
    """(interval in tenths, latency, clocks until the same warp's next one) of a synchronous matrix
    instruction of one warp."""
    name = next((m for m in item.modifiers if m[:1].isdigit()), "16816")
    if item.opcode == "DMMA":
        k, tall = int(name.rsplit("x", 1)[-1]) if "x" in name else 4, name.startswith("16")
        step = latencies["dmma_interval_cycles"] * k / 4
        own = max(0, 2 * step - latencies["dmma_own_cycles"]) if tall else 0
        latency = latencies["dmma_cycles"] + (latencies["dmma_interval_cycles"] / 2 if tall else 0)
        return int(TENTHS * step), int(max(latency, own)), int(own)
    sparse = "SP" in item.modifiers
    depth = {"1684": 4, "1688": 8, "16816": 16, "16832": 32, "16864": 64}.get(name, 16)
    bits = 32 if "TF32" in item.modifiers else 8 if item.opcode in ("IMMA", "QMMA") else 16
    steps = max(depth * bits / 128 / (2 if sparse else 1), 1)
    interval = latencies["mma_base_cycles"] + latencies["mma_step_cycles"] * (steps + sparse)
    latency = latencies["mma_cycles"] + latencies["mma_extra_cycles"] * (steps - 2)
    return int(TENTHS * interval), int(latency), 0


def _wgmma_cycles(item: Instruction, latencies: dict[str, float]) -> tuple[int, int, int, int]:
    """(clocks of the tensor core, of the way out of it, until A is there, of the operands' port);
    all but the second in tenths.

    The tensor core takes half a clock a column. B comes from shared memory at 128 bytes a clock, A
    from there, too, or from the registers; sparse operands count their stored half.
    """
    shape = next(m for m in item.modifiers if m.startswith("64x"))
    _, n, k = (int(part) for part in shape.split("x"))
    sparse = "SP" in item.modifiers
    size = {"HGMMA": 2, "QGMMA": 1, "IGMMA": 1, "BGMMA": 0}[item.opcode]
    size = 4 if "TF32" in item.modifiers else size
    row_bytes = k * size if size else k // 8
    stored = row_bytes // 2 if sparse else row_bytes
    kinds = [o.kind for o in item.operands]
    from_shared = Kind.REGISTER not in kinds[1 : kinds.index(Kind.DESCRIPTOR)]
    b = n * row_bytes / 128
    way = "wgmma_sparse_registers_cycles" if sparse else "wgmma_registers_cycles"
    a = 64 * stored / 128 if from_shared else latencies[way] * stored / 32
    tensor = max(n * stored / 64, b)
    port = a + b if from_shared else max(a, b)
    out = latencies["wgmma_cycles"] + (0 if from_shared else -latencies["wgmma_descriptor_cycles"])
    out += latencies["wgmma_sparse_cycles"] if sparse else 0
    return int(TENTHS * tensor), int(out), int(TENTHS * a), int(TENTHS * port)


def _sources(item: Instruction) -> list[tuple[int, Operand]]:
    """(slot, operand) of the register sources of a plain instruction."""
    values = [o for o in item.operands
              if o.kind not in (Kind.PREDICATE, Kind.UNIFORM_PREDICATE)]  # fmt: skip
    if item.opcode not in ("ISETP", "FSETP", "DSETP", "HSETP2", "PLOP3"):
        values = values[1:]
    return [(slot, o) for slot, o in enumerate(values[:3]) if o.kind is Kind.REGISTER]


def _banks(row: NDArray[np.int32], item: Instruction, before: dict[int, int]) -> dict[int, int]:
    """Reads of the even and the odd register bank, a register once: all, and without what the reuse
    cache holds.

    ``before`` is what the warp's instructions left in the cache: a register by operand slot and
    bank, until another one of that slot and bank is read. Returns what this one leaves.
    """
    kept = dict(before)
    if row[KIND] != PLAIN or row[UNIT] in (TENSOR, UNIFORM, BRANCH, NONE):
        return kept
    pair, read = item.opcode in _DOUBLE, set()
    for slot, operand in _sources(item):
        if operand.index >= 255:
            continue
        for index in (operand.index, operand.index + 1) if pair else (operand.index,):
            bank = index & 1
            if index not in read:
                row[ODD if bank else EVEN] += 1
                if before.get(2 * slot + bank) != index:
                    row[ODD_REUSED if bank else EVEN_REUSED] += 1
            read.add(index)
            kept.pop(2 * slot + bank, None)
            if "reuse" in operand.suffixes:
                kept[2 * slot + bank] = index
    return kept
