"""Basic blocks of an instruction stream."""

from __future__ import annotations

from archsim.frontend.instruction import Block, Instruction
from archsim.frontend.sass_text import branch_target

_ENDS = frozenset({"BRA", "BRX", "JMP", "JMX", "EXIT", "RET", "CALL", "BSYNC", "KILL", "BPT"})


def basic_blocks(instructions: tuple[Instruction, ...]) -> tuple[Block, ...]:
    """Blocks in address order; a block ends at a transfer of control or before a target."""
    place = {item.address: index for index, item in enumerate(instructions)}
    leaders = {0} if instructions else set()
    for index, item in enumerate(instructions):
        target = branch_target(item)
        if target is not None and target in place:
            leaders.add(place[target])
        if item.opcode in _ENDS and index + 1 < len(instructions):
            leaders.add(index + 1)
    firsts = sorted(leaders)
    lasts = [first - 1 for first in firsts[1:]] + [len(instructions) - 1]
    return tuple(
        Block(first, last, _successors(instructions, last, place))
        for first, last in zip(firsts, lasts, strict=False)
    )


def _successors(
    instructions: tuple[Instruction, ...], last: int, place: dict[int, int]
) -> tuple[int, ...]:
    """Instruction indices that can follow ``last`` (direct transfers only)."""
    item = instructions[last]
    after: list[int] = []
    target = branch_target(item) if item.opcode in _ENDS else None
    if target is not None and target in place:
        after.append(place[target])
    falls = item.opcode not in ("BRA", "EXIT", "RET", "JMP", "BRX", "JMX", "KILL", "CALL")
    if (falls or item.guard is not None) and last + 1 < len(instructions):
        after.append(last + 1)
    return tuple(dict.fromkeys(after))
