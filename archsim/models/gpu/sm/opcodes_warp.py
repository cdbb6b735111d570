"""Which fields of a decoded row the control and warp-wide opcodes fill."""

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


def _named(operands: tuple[Operand, ...], *kinds: Kind) -> list[Operand]:
    return [o for o in operands if o.kind in kinds]


def _predicates(item: Instruction) -> list[Operand]:
    return [o for o in item.operands if is_predicate(o)]


def _target_index(builder: Builder, item: Instruction) -> int:
    label = _named(item.operands, Kind.LABEL)[0]
    return builder.place[label.index]


def _branch(builder: Builder, item: Instruction) -> None:
    """Target index in IMM; SUB: 1 all lanes go when any does, 2 when the warp is divergent."""
    row = builder.row
    row[col.OP], row[col.IMM] = col.BRA, _target_index(builder, item)
    extra = _predicates(item)
    row[col.PS0] = predicate(extra[0]) if extra else col.PRED_TRUE
    if "DIV" in item.modifiers:
        row[col.SUB] = 2
    elif "CONV" in item.modifiers:
        row[col.SUB] = 3
    elif "ANY" in item.modifiers:
        row[col.SUB] = 1


def _call(builder: Builder, item: Instruction) -> None:
    if not _named(item.operands, Kind.LABEL):
        raise UnsupportedInstructionError("indirect call")
    builder.row[col.PS0] = col.PRED_TRUE
    builder.row[col.OP], builder.row[col.IMM] = col.BRA, _target_index(builder, item)


def _return(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.RET
    builder.row[col.A] = builder.source(item.operands[0])


def _indirect(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP] = col.BRX
    row[col.A] = builder.source(_named(item.operands, Kind.REGISTER, Kind.UNIFORM)[0])
    row[col.IMM] = item.address + 16 + _named(item.operands, Kind.IMMEDIATE)[0].value


def _exit(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.EXIT


def _barrier_number(item: Instruction) -> int:
    return _named(item.operands, Kind.BARRIER)[0].index


def _bssy(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP], builder.row[col.SUB] = col.BSSY, _barrier_number(item)


def _bsync(builder: Builder, item: Instruction) -> None:
    extra = _predicates(item)
    builder.row[col.PS0] = predicate(extra[0]) if extra else col.PRED_TRUE
    builder.row[col.OP], builder.row[col.SUB] = col.BSYNC, _barrier_number(item)


def _break(builder: Builder, item: Instruction) -> None:
    extra = _predicates(item)
    builder.row[col.PS0] = predicate(extra[0]) if extra else col.PRED_TRUE
    builder.row[col.OP], builder.row[col.SUB] = col.BREAK, _barrier_number(item)


def _bmov(builder: Builder, item: Instruction) -> None:
    """Between a register and a convergence barrier; EXTRA: 0 to the register, 1 to the barrier."""
    row = builder.row
    row[col.OP], row[col.SUB] = col.BMOV, _barrier_number(item)
    first, second = item.operands[:2]
    if first.kind is Kind.BARRIER:
        row[col.EXTRA], row[col.A] = 1, builder.source(second)
    else:
        row[col.D] = builder.target(first)
        row[col.IMM] = "CLEAR" in item.modifiers


def _warpsync(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP] = col.WARPSYNC
    masks = _named(item.operands, Kind.REGISTER, Kind.IMMEDIATE, Kind.UNIFORM)
    row[col.A] = builder.source(masks[0]) if masks else builder.immediate(0xFFFFFFFF)


def _barrier(builder: Builder, item: Instruction) -> None:
    """CTA barriers; SUB: 0 wait, 1 arrive only; EXTRA: reduction 0 none, 1 popc, 2 and, 3 or."""
    row = builder.row
    row[col.OP] = col.BAR
    row[col.SUB] = "ARV" in item.modifiers
    row[col.EXTRA] = next(
        (n for n, m in ((1, "POPC"), (2, "AND"), (3, "OR")) if m in item.modifiers), 0
    )
    numbers = [o for o in item.operands if not is_predicate(o)]
    row[col.A] = builder.source(numbers[0])
    row[col.B] = builder.source(numbers[1]) if len(numbers) > 1 else ~0
    # A register number packs the count: bits 0 to 3 the barrier, 16 to 27 the threads.
    row[col.IMM] = numbers[0].kind is Kind.REGISTER and len(numbers) > 1
    row[col.C] = len(numbers) > 1
    extra = _predicates(item)
    row[col.PS0] = predicate(extra[0]) if extra else col.PRED_TRUE


def _barrier_result(builder: Builder, item: Instruction) -> None:
    if "RESULT" not in item.modifiers:
        raise UnsupportedInstructionError("barrier register")
    builder.row[col.OP] = col.B2R
    builder.row[col.D] = builder.target(item.operands[0])
    extra = _predicates(item)
    builder.row[col.PD0] = predicate(extra[0], written=True) if extra else col.PRED_JUNK


def _yield(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.YIELD


def _cluster_arrive(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.CGA_ARRIVE


def _cluster_wait(builder: Builder, item: Instruction) -> None:
    builder.row[col.OP] = col.CGA_WAIT


def _vote(builder: Builder, item: Instruction) -> None:
    """SUB: 0 all, 1 any, 2 equal."""
    row = builder.row
    row[col.OP] = col.VOTE
    row[col.SUB] = 0 if "ALL" in item.modifiers else 1 if "ANY" in item.modifiers else 2
    targets = _named(item.operands, Kind.REGISTER, Kind.UNIFORM)
    predicates = _predicates(item)
    if targets:
        row[col.D] = builder.target(targets[0])
    row[col.PS0] = predicate(predicates[-1])
    row[col.PD0] = predicate(predicates[0], written=True) if len(predicates) > 1 else col.PRED_JUNK
    row[col.UNIFORM] = item.opcode == "VOTEU"


def _shuffle(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP] = col.SHFL
    row[col.SUB] = next(n for n, m in enumerate(("IDX", "UP", "DOWN", "BFLY")) if m in
                        item.modifiers)  # fmt: skip
    written, target, *sources = item.operands
    row[col.PD0], row[col.D] = predicate(written, written=True), builder.target(target)
    row[col.A], row[col.B], row[col.C] = (builder.source(o) for o in sources)


def _r2ur(builder: Builder, item: Instruction) -> None:
    row = builder.row
    written = _predicates(item)
    target, source = [o for o in item.operands if not is_predicate(o)]
    row[col.OP], row[col.SUB] = col.R2UR, "OR" in item.modifiers
    row[col.D], row[col.A] = builder.target(target), builder.source(source)
    row[col.PD0] = predicate(written[0], written=True) if written else col.PRED_JUNK


def _p2r(builder: Builder, item: Instruction) -> None:
    row = builder.row
    target, predicates, base, mask = item.operands
    row[col.OP], row[col.UNIFORM] = col.P2R, target.kind is Kind.UNIFORM
    row[col.EXTRA] = _first_of(predicates)
    row[col.D], row[col.A], row[col.B] = (
        builder.target(target), builder.source(base), builder.source(mask),
    )  # fmt: skip
    row[col.SUB] = next((8 * int(m[1]) for m in item.modifiers if m in ("B1", "B2", "B3")), 0)


def _r2p(builder: Builder, item: Instruction) -> None:
    row = builder.row
    predicates, source, mask = item.operands
    row[col.OP], row[col.UNIFORM] = col.R2P, source.kind is Kind.UNIFORM
    row[col.EXTRA] = _first_of(predicates)
    row[col.A], row[col.B] = builder.source(source), builder.source(mask)
    row[col.SUB] = next((8 * int(s[1]) for s in source.suffixes if s in ("B1", "B2", "B3")), 0)


def _first_of(predicates: Operand) -> int:
    """Number of the first predicate of ``PR`` or ``UPR``."""
    return col.PRED_TRUE + 1 if predicates.name == "UPR" else 0


def _match(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP] = col.MATCH
    row[col.SUB] = ("ALL" in item.modifiers) + 2 * ("U64" in item.modifiers)
    written = _predicates(item)
    target, source = [o for o in item.operands if not is_predicate(o)]
    row[col.PD0] = predicate(written[0], written=True) if written else col.PRED_JUNK
    row[col.D], row[col.A] = builder.target(target), builder.source(source)


def _redux(builder: Builder, item: Instruction) -> None:
    row = builder.row
    kinds = ("SUM", "MIN", "MAX", "AND", "OR", "XOR")
    kind = next((kinds.index(m) for m in item.modifiers if m in kinds), 3)
    row[col.OP], row[col.SUB] = col.REDUX, kind + 8 * ("S32" in item.modifiers)
    row[col.D], row[col.A] = builder.target(item.operands[0]), builder.source(item.operands[1])


def _elect(builder: Builder, item: Instruction) -> None:
    row = builder.row
    row[col.OP] = col.ELECT
    written = _predicates(item)
    row[col.PD0] = predicate(written[0], written=True)
    row[col.D] = builder.target(_named(item.operands, Kind.UNIFORM)[0])


def _address_space(builder: Builder, item: Instruction) -> None:
    """``QSPC``: whether a generic address lies in shared (S), local (L) or global memory."""
    row = builder.row
    row[col.OP] = col.ADDRESS_SPACE
    row[col.SUB] = next(
        (n for n, m in ((col.SHARED, "S"), (col.LOCAL, "L"), (col.GLOBAL, "G"))
         if m in item.modifiers), col.GLOBAL,
    )  # fmt: skip
    row[col.PD0] = predicate(item.operands[0], written=True)
    place = _named(item.operands, Kind.MEMORY)[0]
    row[col.A], row[col.IMM] = builder.register(place.base), place.value
    row[col.B], row[col.PS0] = builder.uniform(place.uniform), col.ADDRESS64


WARP = {
    "BRA": _branch, "JMP": _branch, "CALL": _call, "RET": _return, "BRX": _indirect,
    "EXIT": _exit, "KILL": _exit, "BSSY": _bssy, "BSYNC": _bsync, "BREAK": _break, "BMOV": _bmov,
    "WARPSYNC": _warpsync, "BAR": _barrier, "B2R": _barrier_result, "YIELD": _yield,
    "UCGABAR_ARV": _cluster_arrive, "UCGABAR_WAIT": _cluster_wait, "VOTE": _vote, "VOTEU": _vote,
    "SHFL": _shuffle, "R2UR": _r2ur, "P2R": _p2r, "R2P": _r2p,
    "UP2UR": _p2r, "UR2UP": _r2p, "MATCH": _match, "REDUX": _redux,
    "ELECT": _elect, "QSPC": _address_space,
}  # fmt: skip
