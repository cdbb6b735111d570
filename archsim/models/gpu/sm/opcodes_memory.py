"""Which fields of a decoded row the memory, matrix and asynchronous opcodes fill."""

from __future__ import annotations

from archsim.frontend import Instruction, Operand
from archsim.frontend.instruction import Kind
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.program import (
    Builder,
    UnsupportedInstructionError,
    is_predicate,
    predicate,
)

_SPACES = {"LDG": col.GLOBAL, "STG": col.GLOBAL, "LDS": col.SHARED, "STS": col.SHARED,
           "LDL": col.LOCAL, "STL": col.LOCAL, "LD": col.GENERIC, "ST": col.GENERIC,
           "ATOMG": col.GLOBAL, "REDG": col.GLOBAL, "RED": col.GENERIC, "ATOM": col.GENERIC,
           "ATOMS": col.SHARED}  # fmt: skip
_WIDTHS = {"U8": 1, "S8": 1, "U16": 2, "S16": 2, "64": 8, "128": 16}
ATOMIC_OPS = ("ADD", "MIN", "MAX", "INC", "DEC", "AND", "OR", "XOR", "EXCH", "CAS", "POPC", "CAST")
ATOMIC_TYPES = ("U32", "S32", "U64", "S64", "F32", "F64", "F16x2", "BF16x2", "F32x2", "F32x4")
_TYPE_BYTES = (4, 4, 8, 8, 4, 8, 4, 4, 8, 16)


def _width(item: Instruction) -> int:
    return next((_WIDTHS[m] for m in item.modifiers if m in _WIDTHS), 4)


def address(builder: Builder, operand: Operand, space: int) -> None:
    """Fill base, uniform base, displacement, address mode and space."""
    row = builder.row
    row[col.A], row[col.B] = builder.register(operand.base), builder.uniform(operand.uniform)
    row[col.IMM], row[col.EXTRA] = operand.value, space
    if space in (col.SHARED, col.LOCAL):
        row[col.PS0] = col.ADDRESS32
    elif operand.uniform >= 0 and not operand.wide and operand.base >= 0:
        row[col.PS0] = col.ADDRESS_MIXED
    elif operand.uniform >= 0 and operand.base < 0:
        row[col.PS0] = col.ADDRESS_MIXED  # the zero row plus a uniform pair
    else:
        row[col.PS0] = col.ADDRESS64


def _memory_operand(item: Instruction) -> Operand:
    return next(o for o in item.operands if o.kind is Kind.MEMORY)


def _load(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP], row[col.WIDTH] = col.LOAD, _width(item)
    row[col.SUB] = any(m in ("S8", "S16") for m in item.modifiers)
    target = next(o for o in item.operands if o.kind is Kind.REGISTER)
    row[col.D] = builder.target(target)
    address(builder, _memory_operand(item), _SPACES[item.opcode])


def _store(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP], row[col.WIDTH] = col.STORE, _width(item)
    row[col.C] = builder.source(item.operands[-1])
    address(builder, _memory_operand(item), _SPACES[item.opcode])


def _atomic_type(item: Instruction) -> int:
    found = next((ATOMIC_TYPES.index(m) for m in item.modifiers if m in ATOMIC_TYPES), 0)
    return 2 if found == 0 and "64" in item.modifiers else found


def _atomic(builder: Builder, item: Instruction) -> None:
    row = builder.row
    kind = next(ATOMIC_OPS.index(m) for m in item.modifiers if m in ATOMIC_OPS)
    number = _atomic_type(item)
    row[col.OP], row[col.WIDTH] = col.ATOM, _TYPE_BYTES[number]
    row[col.SUB] = kind + (number << 4) + (("FTZ" in item.modifiers) << 8)
    row[col.SUB] += (item.opcode == "ATOMS" and "SPIN" in item.modifiers) << 9
    place = next(n for n, o in enumerate(item.operands) if o.kind is Kind.MEMORY)
    registers = [o for o in item.operands[:place] if not is_predicate(o)]
    if registers:
        row[col.D] = builder.target(registers[0])
    data = [builder.source(o) for o in item.operands[place + 1 :] if not is_predicate(o)]
    row[col.C] = data[0] if data else ~0
    row[col.MODS] = data[1] if len(data) > 1 else ~0
    address(builder, _memory_operand(item), _SPACES[item.opcode])


def _constant(builder: Builder, item: Instruction) -> None:
    target, source = item.operands
    row = builder.row
    row[col.D], row[col.UNIFORM] = builder.target(target), target.kind is Kind.UNIFORM
    width = _width(item)
    indexed = (source.base not in (-1, 255)) or (source.uniform not in (-1, 63))
    if not indexed and width >= 4:
        row[col.OP], row[col.WIDTH] = col.MOV, width // 4
        words = (("const", source.index, source.value + 4 * n) for n in range(width // 4))
        row[col.A] = builder.pooled(*words)
        return
    if source.index < 0:
        raise UnsupportedInstructionError("bindless constant")
    row[col.OP], row[col.SUB], row[col.WIDTH] = col.LDC, source.index, width
    row[col.C] = any(m in ("S8", "S16") for m in item.modifiers)
    row[col.A], row[col.B] = builder.register(source.base), builder.uniform(source.uniform)
    row[col.IMM], row[col.EXTRA], row[col.PS0] = source.value, col.CONSTANT, col.ADDRESS32


def _ldgsts(builder: Builder, item: Instruction) -> None:
    row = builder.row
    places = [o for o in item.operands if o.kind is Kind.MEMORY]
    row[col.OP], row[col.WIDTH] = col.LDGSTS, _width(item)
    row[col.SUB] = "ZFILL" in item.modifiers
    address(builder, places[1], col.GLOBAL)
    # The shared address: register in C, uniform register in D, displacement in MODS.
    row[col.C], row[col.D] = builder.register(places[0].base), builder.uniform(places[0].uniform)
    row[col.MODS] = places[0].value
    guards = [o for o in item.operands if is_predicate(o)]
    row[col.PS1] = predicate(guards[0]) if guards else col.PRED_TRUE


def _matrix_count(item: Instruction) -> int:
    return next((int(m) for m in item.modifiers if m in ("2", "4")), 1)


def _ldsm(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP], row[col.WIDTH], row[col.SUB] = col.LDSM, 16, "MT88" in item.modifiers
    row[col.PS1] = _matrix_count(item)
    row[col.D] = builder.target(item.operands[0])
    address(builder, item.operands[1], col.SHARED)


def _stsm(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP], row[col.WIDTH], row[col.SUB] = col.STSM, 16, "MT88" in item.modifiers
    row[col.PS1] = _matrix_count(item)
    row[col.C] = builder.source(item.operands[1])
    address(builder, item.operands[0], col.SHARED)


MATRIX_SHAPES = {"16816": (16, 8, 16), "1688": (16, 8, 8), "1684": (16, 8, 4),
                 "16832": (16, 8, 32), "8816": (8, 8, 16), "16864": (16, 8, 64),
                 "8x8x4": (8, 8, 4), "16x8x4": (16, 8, 4), "16x8x8": (16, 8, 8),
                 "16x8x16": (16, 8, 16), "168256": (16, 8, 256), "88128": (8, 8, 128),
                 "168128": (16, 8, 128)}  # fmt: skip


def _mma(builder: Builder, item: Instruction) -> None:
    """``HMMA``, ``IMMA``, ``DMMA``: D, A, B, C; shape in IMM, types in SUB, sparsity in EXTRA."""
    row = builder.row
    if "SP" in item.modifiers:  # metadata and selector
        row[col.EXTRA], row[col.MODS] = 1, builder.source(item.operands[4])
        row[col.WIDTH] = item.operands[5].value
    shape = next(MATRIX_SHAPES[m] for m in item.modifiers if m in MATRIX_SHAPES)
    row[col.OP] = {"H": col.HMMA, "I": col.IMMA, "B": col.IMMA, "D": col.DMMA}[item.opcode[0]]
    row[col.D] = builder.target(item.operands[0])
    row[col.A], row[col.B], row[col.C] = (builder.source(o) for o in item.operands[1:4])
    row[col.IMM] = shape[0] + (shape[1] << 8) + (shape[2] << 16)
    if item.opcode == "HMMA":
        kind = 1 if "BF16" in item.modifiers else 2 if "TF32" in item.modifiers else 0
        row[col.SUB] = kind + 4 * ("F32" in item.modifiers)
    elif item.opcode == "IMMA":
        signs = [m[0] == "S" for m in item.modifiers if m in ("S8", "U8")]
        if len(signs) != 2:
            raise UnsupportedInstructionError("integer type")
        row[col.SUB] = signs[0] + 2 * signs[1] + 4 * ("SAT" in item.modifiers)
    elif item.opcode == "BMMA":
        row[col.SUB] = 8 + 16 * ("XOR" in item.modifiers)


def _movm(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP] = col.MOVM
    row[col.D], row[col.A] = builder.target(item.operands[0]), builder.source(item.operands[1])


def _syncs(builder: Builder, item: Instruction) -> None:
    """mbarrier operations; SUB: 0 exchange, 1 arrive, 2 test, 3 try and wait, 4 none."""
    row = builder.row
    names = item.modifiers
    row[col.OP] = col.SYNCS
    place = next(n for n, o in enumerate(item.operands) if o.kind is Kind.MEMORY)
    data = item.operands[place + 1 :]
    row[col.C] = builder.source(data[0]) if data else ~0
    before = item.operands[:place]
    if before and is_predicate(before[0]):
        row[col.PD0] = predicate(before[0], written=True)
    elif before:
        row[col.D] = builder.target(before[0])
    address(builder, item.operands[place], col.SHARED)
    if "EXCH" in names:
        row[col.SUB] = 0
        row[col.UNIFORM] = 1
    elif "ARRIVE" in names:
        # WIDTH: arrivals and transaction bytes: constants 0 and 1, or -1 for the data register.
        suffix = next((m for m in names if m[0] == "A" and "T" in m[1:]), "A1TR")
        arrive, _, transfer = suffix[1:].partition("T")
        if suffix == "ARRIVE":
            arrive, transfer = "1", "R"
        counts = {"0": 0, "1": 1, "R": 2}
        row[col.SUB] = 1
        row[col.WIDTH] = counts[arrive] + 4 * counts[transfer]
    elif "PHASECHK" in names:
        row[col.SUB] = 3 if "TRYWAIT" in names else 2
    elif "CCTL" in names:
        row[col.SUB] = 4
    else:
        raise UnsupportedInstructionError("mbarrier operation")


def _arrives(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.ARRIVES
    builder.row[col.SUB] = "TRANSCNT" in item.modifiers
    address(builder, _memory_operand(item), col.SHARED)


def _bulk(builder: Builder, item: Instruction) -> None:
    """``UBLKCP``: target pair in A, source in B, 16-byte units in C; SUB: 0 S.G, 1 G.S, 2 S.S."""
    row = builder.row
    kinds = {("S", "G"): 0, ("G", "S"): 1, ("S", "S"): 2}
    row[col.OP], row[col.UNIFORM] = col.BULK, 1
    row[col.SUB] = kinds[item.modifiers[0], item.modifiers[1]]
    row[col.EXTRA] = "MULTICAST" in item.modifiers
    if item.opcode == "UBLKRED":
        if not any(m == "ADD" for m in item.modifiers) or "F32" not in item.modifiers:
            raise UnsupportedInstructionError("bulk reduction")
        row[col.SUB] = 3
    target, source, size = item.operands[:3]
    row[col.A], row[col.B] = builder.uniform(target.uniform), builder.uniform(source.uniform)
    row[col.C] = builder.source(size)


def _tma(builder: Builder, item: Instruction) -> None:
    """Tensor copies: coordinates, shared address and mbarrier from A; descriptor address in B."""
    row = builder.row
    row[col.OP], row[col.UNIFORM] = col.TMA, 1
    row[col.SUB] = item.opcode == "UTMASTG"
    row[col.WIDTH] = next(int(m[0]) for m in item.modifiers if m in ("1D", "2D", "3D", "4D", "5D"))
    if any(m in ("IM2COL", "TILE_GATHER4") for m in item.modifiers):
        raise UnsupportedInstructionError("im2col")
    row[col.EXTRA] = "MULTICAST" in item.modifiers
    row[col.A] = builder.uniform(item.operands[0].uniform)
    row[col.B] = builder.uniform(item.operands[1].uniform)
    row[col.C] = builder.source(item.operands[2]) if len(item.operands) > 2 else ~0


def _stas(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP], row[col.WIDTH] = col.STAS, _width(item)
    row[col.SUB] = 1 if item.opcode == "REDAS" else 0
    if item.opcode == "REDAS" and "ADD" not in item.modifiers:
        raise UnsupportedInstructionError("asynchronous reduction")
    place = _memory_operand(item)
    row[col.A], row[col.IMM] = builder.register(place.base), place.value
    row[col.C] = builder.source(item.operands[-1])


_SHAPE_TYPES = {"HGMMA": 0, "IGMMA": 4, "QGMMA": 5}


def _wgmma(builder: Builder, item: Instruction) -> None:
    """Warp-group products: descriptors or registers of A in A, descriptor of B in B, C in C."""
    row = builder.row
    names = item.modifiers
    m, n, k = next(tuple(map(int, x.split("x"))) for x in names if x.count("x") == 2)
    row[col.OP] = col.WGMMA
    row[col.IMM] = m + (n << 8) + (k << 20)
    row[col.D] = builder.target(item.operands[0])
    sources = [o for o in item.operands[1:] if o.kind in (Kind.REGISTER, Kind.DESCRIPTOR)]
    if "SP" in names:  # metadata in PD0, selector in WIDTH; PD1 marks it
        row[col.PD0], row[col.PD1] = builder.source(sources[-1]), 1
        selectors = [o for o in item.operands if o.kind is Kind.IMMEDIATE]
        row[col.WIDTH] = selectors[0].value if selectors else 0  # types of 8 bits have none
    both = sources[0].kind is Kind.DESCRIPTOR
    matrix = sources[0] if both else sources[1]
    row[col.EXTRA] = both
    # One descriptor operand names four uniform registers: A's pair, then B's.
    row[col.A] = builder.source(sources[0])
    row[col.B] = builder.uniform(matrix.index + 2)
    accumulator = sources[1] if both else sources[2]
    row[col.C] = builder.source(accumulator)
    flags = {"negA": 1, "negB": 2, "tnspA": 4, "tnspB": 8}
    row[col.MODS] = sum(v for key, v in flags.items() if key in matrix.suffixes)
    scale = [o for o in item.operands[2:] if is_predicate(o)]
    row[col.PS0] = predicate(scale[0]) if scale else col.PRED_TRUE
    if "SP" not in names:
        row[col.PD1] = 0
    row[col.SUB] = _wgmma_types(item.opcode, names) + 64 * ("F32" in names)


def _wgmma_types(opcode: str, names: tuple[str, ...]) -> int:
    """Element types of A and B (3 bits each): fp16, bf16, tf32, s8, u8, e4m3, e5m2."""
    order = ("F16", "BF16", "TF32", "S8", "U8", "E4M3", "E5M2")
    found = [order.index(x) for x in names if x in order and x != "F16"]
    if opcode == "HGMMA":
        found = found[:1] * 2 or [0, 0]
    return found[0] + (found[-1] << 3)


MEMORY = {
    **dict.fromkeys(("LDG", "LDS", "LDL", "LD"), _load),
    **dict.fromkeys(("STG", "STS", "STL", "ST"), _store),
    **dict.fromkeys(("ATOMG", "ATOM", "ATOMS", "REDG", "RED"), _atomic),
    "LDC": _constant, "ULDC": _constant, "LDGSTS": _ldgsts, "LDSM": _ldsm, "STSM": _stsm,
    "HMMA": _mma, "IMMA": _mma, "DMMA": _mma, "BMMA": _mma, "MOVM": _movm, "SYNCS": _syncs,
    "ARRIVES": _arrives, "UBLKCP": _bulk, "UBLKRED": _bulk, "UTMALDG": _tma, "UTMASTG": _tma,
    "STAS": _stas, "REDAS": _stas, "HGMMA": _wgmma, "IGMMA": _wgmma, "QGMMA": _wgmma,
}  # fmt: skip
