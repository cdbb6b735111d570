"""Operands of arithmetic instructions by role, and their modifiers."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.frontend import Instruction, Operand
from archsim.frontend.instruction import Kind
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.program import Builder, is_predicate, predicate

COMPARES = ("F", "LT", "EQ", "LE", "GT", "NE", "GE", "NUM", "NAN", "LTU", "EQU", "LEU", "GTU",
            "NEU", "GEU", "T")  # fmt: skip
COMBINES = ("AND", "OR", "XOR")
_ROUNDINGS = {"RN": 0, "RZ": 1, "RM": 2, "RP": 3, "TRUNC": 1, "FLOOR": 2, "CEIL": 3}
_NO_TARGET = {"ISETP", "UISETP", "FSETP", "DSETP", "HSETP2", "PLOP3", "UPLOP3", "FCHK"}


@dataclass(slots=True)
class Parts:
    """Operands by role: the written register, written predicates, sources, read predicates."""

    target: Operand | None
    written: list[Operand]
    sources: list[Operand]
    read: list[Operand]


def split(item: Instruction, has_target: bool) -> Parts:
    """Roles of an arithmetic instruction's operands, by the order in which they are written."""
    rest = list(item.operands)
    parts = Parts(None, [], [], [])
    while rest and is_predicate(rest[0]):
        parts.written.append(rest.pop(0))
    if has_target:
        parts.target = rest.pop(0)
        while rest and is_predicate(rest[0]):
            parts.written.append(rest.pop(0))
    for operand in rest:
        (parts.read if is_predicate(operand) else parts.sources).append(operand)
    return parts


def _modifiers(operand: Operand) -> int:
    if operand.kind in (Kind.IMMEDIATE, Kind.FLOAT):
        return 0  # already in the value
    return (
        col.NEGATE * operand.negate + col.ABSOLUTE * operand.absolute + col.INVERT * operand.invert
    )


def standard(builder: Builder, item: Instruction, op: int, sub: int = 0, double: bool = False,
             default: int = col.PRED_FALSE) -> Parts:  # fmt: skip
    """Fill target, sources, modifiers and predicates; returns the roles."""
    parts = split(item, item.opcode not in _NO_TARGET)
    row = builder.row
    row[col.OP], row[col.SUB] = op, sub
    row[col.PS0] = row[col.PS1] = default
    if parts.target is not None:
        row[col.D] = builder.target(parts.target)
        row[col.UNIFORM] = parts.target.kind is Kind.UNIFORM
    for column, operand in zip((col.A, col.B, col.C), parts.sources, strict=False):
        row[column] = builder.source(operand, double)
    for shift, operand in enumerate(parts.sources[:3]):
        row[col.MODS] |= _modifiers(operand) << (4 * shift)
    for column, operand in zip((col.PD0, col.PD1), parts.written, strict=False):
        row[column] = predicate(operand, written=True)
    for column, operand in zip((col.PS0, col.PS1), parts.read, strict=False):
        row[column] = predicate(operand)
    if parts.written and parts.target is None:
        row[col.UNIFORM] = parts.written[0].kind is Kind.UNIFORM_PREDICATE
    return parts


def has(item: Instruction, *names: str) -> bool:
    """Whether the instruction has one of the modifiers."""
    return any(name in item.modifiers for name in names)


def pick(item: Instruction, names: tuple[str, ...], default: int) -> int:
    """Number of the modifier that is among ``names``."""
    return next((names.index(m) for m in item.modifiers if m in names), default)


def rounding(item: Instruction) -> int:
    """The rounding mode (see `bits`)."""
    return next((_ROUNDINGS[m] for m in item.modifiers if m in _ROUNDINGS), 0)
