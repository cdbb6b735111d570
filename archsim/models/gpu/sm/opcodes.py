"""Which fields of a decoded row each opcode fills: arithmetic (memory and control: own modules)."""

from __future__ import annotations

from collections.abc import Callable

from archsim.frontend import Instruction
from archsim.frontend.instruction import Kind
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import specials
from archsim.models.gpu.sm.opcodes_float import FLOAT
from archsim.models.gpu.sm.opcodes_memory import MEMORY
from archsim.models.gpu.sm.opcodes_warp import WARP
from archsim.models.gpu.sm.program import Builder, UnsupportedInstructionError, predicate
from archsim.models.gpu.sm.roles import COMBINES, COMPARES, has, pick, standard

Filler = Callable[[Builder, Instruction], None]
_PRMT = ("", "F4E", "B4E", "RC8", "ECL", "ECR", "RC16")


def _iadd3(builder: Builder, item: Instruction) -> None:
    wide = has(item, "64")
    parts = standard(builder, item, col.IADD3, int(wide))
    if wide and (parts.written or parts.read):
        raise UnsupportedInstructionError("carries of a 64-bit sum")


def _imad(builder: Builder, item: Instruction) -> None:
    wide = 0 if has(item, "WIDE", "HI") else None
    if wide is None:
        move = item.operands[1].index == 255 and item.operands[1].kind is Kind.REGISTER
        parts = standard(builder, item, col.IMAD)
        if move and has(item, "MOV", "U32") and parts.sources[1].index == 255:
            builder.row[col.OP] = col.MOV
            builder.row[col.A] = builder.row[col.C]
            builder.row[col.MODS] >>= 8
            builder.row[col.WIDTH] = 1
        return
    signed = not has(item, "U32")
    standard(builder, item, col.IMADW, signed + 2 * has(item, "HI"))


def _mov(builder: Builder, item: Instruction) -> None:
    standard(builder, item, col.MOV)
    builder.row[col.WIDTH] = 1


def _lop3(builder: Builder, item: Instruction) -> None:
    parts = standard(builder, item, col.LOP3)
    builder.row[col.SUB] = parts.sources[3].value & 255
    builder.row[col.EXTRA] = has(item, "PAND")


def _shf(builder: Builder, item: Instruction) -> None:
    wide, signed = has(item, "U64", "S64"), has(item, "S32", "S64")
    sub = has(item, "R") + 2 * signed + 4 * wide + 8 * has(item, "HI") + 16 * has(item, "W")
    standard(builder, item, col.SHF, sub)


def _lea(builder: Builder, item: Instruction) -> None:
    sub = has(item, "HI") + 2 * has(item, "SX32")
    parts = standard(builder, item, col.LEA, sub)
    builder.row[col.IMM] = parts.sources[-1].value & 31
    if len(parts.sources) == 3:
        builder.row[col.C] = ~0


def _isetp(builder: Builder, item: Instruction) -> None:
    sub = pick(item, COMPARES[:7], 15) + (pick(item, COMBINES, 0) << 4)
    sub += (has(item, "U32") << 6) + (has(item, "EX") << 7)
    standard(builder, item, col.ISETP, sub, default=col.PRED_TRUE)


def _sel(builder: Builder, item: Instruction) -> None:
    standard(builder, item, col.SEL, item.opcode == "FSEL")


def _vmnmx(builder: Builder, item: Instruction) -> None:
    kind = {"VIMNMX": 0, "VIADDMNMX": 1, "VIMNMX3": 2}[item.opcode]
    number = 2 * has(item, "S16x2", "U16x2") + has(item, "U32", "U16x2")
    parts = standard(builder, item, col.VMNMX, number + 4 * has(item, "RELU") + 8 * kind)
    if len(parts.written) > 0:
        raise UnsupportedInstructionError("predicate output")


def _prmt(builder: Builder, item: Instruction) -> None:
    standard(builder, item, col.PRMT, pick(item, _PRMT, 0))


def _bitop(builder: Builder, item: Instruction) -> None:
    name = item.opcode.removeprefix("U")
    kinds = {"POPC": 0, "FLO": 1, "BREV": 3, "IABS": 4, "SGXT": 5, "BMSK": 7}
    sub = kinds[name] + (name in ("FLO", "SGXT") and not has(item, "U32"))
    standard(builder, item, col.BITOP, sub + 16 * has(item, "SH") + 32 * has(item, "W"))


def _dot(builder: Builder, item: Instruction) -> None:
    kind = {"IDP": 0, "VABSDIFF": 3, "VABSDIFF4": 4}[item.opcode]
    signed = [m in ("S8", "S16", "S32") for m in item.modifiers if m[0] in "SU" and m[1].isdigit()]
    if item.opcode == "IDP":
        kind = 0 if has(item, "4A") else 1 + has(item, "HI")
    first, second = (signed * 2)[:2] if signed else (True, True)
    standard(builder, item, col.DOT, kind + 8 * first + 16 * second)


def _plop3(builder: Builder, item: Instruction) -> None:
    operands = list(item.operands)
    row = builder.row
    row[col.OP] = col.PLOP3
    row[col.PD0], row[col.PD1] = (predicate(o, written=True) for o in operands[:2])
    # Three sources in PS0, PS1 and A; two tables.
    row[col.PS0], row[col.PS1], row[col.A] = (predicate(o) for o in operands[2:5])
    row[col.SUB] = operands[5].value & 255
    row[col.EXTRA] = operands[6].value & 255 if len(operands) > 6 else 0
    row[col.UNIFORM] = operands[0].kind is Kind.UNIFORM_PREDICATE


def _nothing(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.NOP


def _s2r(builder: Builder, item: Instruction) -> None:
    target, source = item.operands
    number = specials.NUMBERS.get(source.name)
    if number is None:
        raise UnsupportedInstructionError(f"special register {source.name}")
    row = builder.row
    row[col.OP], row[col.SUB] = col.S2R, number
    row[col.D], row[col.UNIFORM] = builder.target(target), target.kind is Kind.UNIFORM
    row[col.WIDTH] = 1 if item.opcode != "CS2R" or has(item, "32") else 2


_ARITHMETIC: dict[str, Filler] = {
    "IADD3": _iadd3, "VIADD": _iadd3, "IMAD": _imad, "MOV": _mov, "LOP3": _lop3, "SHF": _shf,
    "LEA": _lea, "ISETP": _isetp, "SEL": _sel, "FSEL": _sel, "VIMNMX": _vmnmx, "VIMNMX3": _vmnmx,
    "VIADDMNMX": _vmnmx, "PRMT": _prmt, "POPC": _bitop, "FLO": _bitop, "BREV": _bitop,
    "IABS": _bitop, "SGXT": _bitop, "BMSK": _bitop, "IDP": _dot, "VABSDIFF": _dot,
    "VABSDIFF4": _dot, "PLOP3": _plop3, "S2R": _s2r, "CS2R": _s2r,
}  # fmt: skip
_UNIFORM = ("IADD3", "IMAD", "MOV", "LOP3", "SHF", "LEA", "ISETP", "SEL", "PRMT", "POPC", "FLO",
            "BREV", "SGXT", "BMSK", "PLOP3")  # fmt: skip
_WORDS = ("MOV", "LOP3", "LEA", "ISETP", "SEL", "PRMT", "IMAD")  # 32-bit words only
_NO_EFFECT = ("NOP", "MEMBAR", "ERRBAR", "CGAERRBAR", "CCTL", "CCTLL", "DEPBAR", "LDGDEPBAR",
              "FENCE", "UTMACMDFLUSH", "UTMACCTL", "UBLKPF", "NANOSLEEP", "WARPGROUP",
              "USETMAXREG", "PMTRIG", "UTMAPF", "ACQBULK", "ENDCOLLECTIVE", "PREEXIT")  # fmt: skip
FILLERS: dict[str, Filler] = {
    **_ARITHMETIC,
    **{f"U{name}": _ARITHMETIC[name] for name in _UNIFORM},
    "S2UR": _s2r,
    **dict.fromkeys(_NO_EFFECT, _nothing),
    **FLOAT,
    **MEMORY,
    **WARP,
}


def fill(builder: Builder, item: Instruction) -> None:
    """Fill ``builder.row`` with ``item``; KeyError for an opcode that is not known."""
    if "64" in item.modifiers and item.opcode.removeprefix("U") in _WORDS:
        raise UnsupportedInstructionError("64-bit form")
    FILLERS[item.opcode](builder, item)
