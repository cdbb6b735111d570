"""Which fields of a decoded row the floating-point opcodes fill."""

from __future__ import annotations

from archsim.frontend import Instruction, Operand
from archsim.frontend.instruction import Kind
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.program import Builder
from archsim.models.gpu.sm.roles import COMBINES, COMPARES, Parts, has, pick, rounding, standard

_TYPES = ("F16", "F32", "F64", "BF16", "U8", "S8", "U16", "S16", "U32", "S32", "U64", "S64")
_MUFU = ("RCP", "RSQ", "EX2", "LG2", "SIN", "COS", "SQRT", "TANH", "RCP64H", "RSQ64H")


def _float(builder: Builder, item: Instruction) -> None:
    kind = {"ADD": 0, "MUL": 1, "FMA": 2}[item.opcode[1:]]
    sub = kind + (rounding(item) << 2) + (has(item, "FTZ") << 4) + (has(item, "SAT") << 5)
    double = item.opcode[0] == "D"
    standard(builder, item, col.DARITH if double else col.FARITH, sub, double)


def _fsetp(builder: Builder, item: Instruction) -> None:
    kind = 16 if has(item, "MAX") else 17 if has(item, "MIN") else pick(item, COMPARES, 0)
    sub = (kind & 15) + (pick(item, COMBINES, 0) << 4) + (has(item, "FTZ") << 6)
    sub += (kind >> 4) << 7
    sub += ((item.opcode == "FSET") << 8) + (has(item, "BF") << 9)
    double = item.opcode[0] == "D"
    standard(builder, item, col.DSETP if double else col.FSETP, sub, double, col.PRED_TRUE)


def _fmnmx(builder: Builder, item: Instruction) -> None:
    sub = has(item, "FTZ") + 2 * has(item, "NAN") + 4 * has(item, "XORSIGN")
    standard(builder, item, col.FMNMX, sub)


def _fchk(builder: Builder, item: Instruction) -> None:
    standard(builder, item, col.FCHK)


def _mufu(builder: Builder, item: Instruction) -> None:
    parts = standard(builder, item, col.MUFU, pick(item, _MUFU, 0) + (has(item, "F16") << 4))
    builder.row[col.IMM] = "H1" in parts.sources[0].suffixes or "H1_H1" in parts.sources[0].suffixes


def _conversion(builder: Builder, item: Instruction) -> None:
    named = [_TYPES.index(m) for m in item.modifiers if m in _TYPES]
    floats = [n for n in named if n < 4]
    whole = [n for n in named if n >= 4]
    if item.opcode == "F2F":
        target, source = named
    elif item.opcode == "FRND":
        target = source = (named or [1])[0]
    elif item.opcode == "F2I":
        target, source = (whole or [9])[0], (floats or [1])[0]
    elif item.opcode == "I2I":
        target, source = named
    else:
        target, source = (floats or [1])[0], (whole or [9])[0]
    whole_number = item.opcode in ("FRND", "F2I")
    sub = source + (target << 4) + (rounding(item) << 8) + (has(item, "FTZ") << 10)
    sub += (has(item, "SAT") << 11) + (whole_number << 12)
    parts = standard(builder, item, col.CONV, sub, double=source == 2)
    places = {"H1": 16, "H1_H1": 16, "B1": 8, "B2": 16, "B3": 24}
    builder.row[col.IMM] = sum(places.get(s, 0) for s in parts.sources[0].suffixes)


def _swizzle(operand: Operand) -> int:
    names = {"H0_H0": 1, "H0_NH0": 1, "H1_H1": 2, "F32": 3}
    return next((names[s] for s in operand.suffixes if s in names), 0)


def _merged(item: Instruction) -> Instruction:
    """Two fp16 immediates of a packed instruction are one 32-bit immediate."""
    kept: list[Operand] = []
    for operand in item.operands:
        if kept and kept[-1].kind is Kind.FLOAT and operand.kind is Kind.FLOAT:
            continue
        kept.append(operand)
    return Instruction(
        item.address, item.opcode, item.modifiers, tuple(kept), item.guard, item.control,
        item.encoding, item.text, item.line,
    )  # fmt: skip


def _half_swizzles(builder: Builder, parts: Parts) -> None:
    builder.row[col.IMM] = sum(_swizzle(o) << (2 * n) for n, o in enumerate(parts.sources[:3]))


def _half(builder: Builder, item: Instruction) -> None:
    kind = {"HADD2": 0, "HMUL2": 1, "HFMA2": 2}[item.opcode]
    sub = kind + 4 * has(item, "BF16_V2") + 8 * has(item, "FTZ") + 16 * has(item, "SAT")
    sub += 32 * has(item, "RELU") + 64 * has(item, "F32")
    _half_swizzles(builder, standard(builder, _merged(item), col.HARITH, sub))


def _half_compare(builder: Builder, item: Instruction) -> None:
    sub = pick(item, COMPARES, 0) + (pick(item, COMBINES, 0) << 4)
    sub += (has(item, "BF16_V2") << 6) + (has(item, "H_AND") << 7)
    sub += ((item.opcode == "HSET2") << 8) + (has(item, "BF") << 9)
    parts = standard(builder, _merged(item), col.HSETP, sub, default=col.PRED_TRUE)
    _half_swizzles(builder, parts)


def _half_extreme(builder: Builder, item: Instruction) -> None:
    sub = has(item, "BF16_V2") + 2 * has(item, "NAN") + 4 * has(item, "XORSIGN")
    _half_swizzles(builder, standard(builder, _merged(item), col.HMNMX, sub))


def _pack(builder: Builder, item: Instruction) -> None:
    if has(item, "UNPACK_B"):
        sub = 4 + has(item, "E5M2")
    else:
        formats = {"F16": 0, "BF16": 1, "E4M3": 2, "E5M2": 3}
        sub = next(formats[m] for m in item.modifiers if m in formats)
    sub += (rounding(item) << 4) + (has(item, "RELU") << 6) + (has(item, "MERGE_C") << 7)
    sub += has(item, "PACK_AB_MERGE_C") << 7
    parts = standard(builder, item, col.PACK, sub)
    builder.row[col.IMM] = 16 if "H1" in parts.sources[0].suffixes else 0


FLOAT = {
    "FADD": _float,
    "FMUL": _float,
    "FFMA": _float,
    "DADD": _float,
    "DMUL": _float,
    "DFMA": _float,
    "FSET": _fsetp,
    "FSETP": _fsetp,
    "DSETP": _fsetp,
    "FMNMX": _fmnmx,
    "FCHK": _fchk,
    "MUFU": _mufu,
    "F2F": _conversion,
    "F2I": _conversion,
    "I2F": _conversion,
    "I2FP": _conversion,
    "FRND": _conversion,
    "I2I": _conversion,
    "HADD2": _half,
    "HMUL2": _half,
    "HFMA2": _half,
    "HSETP2": _half_compare,
    "HSET2": _half_compare,
    "HMNMX2": _half_extreme,
    "F2FP": _pack,
}
