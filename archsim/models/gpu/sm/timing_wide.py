"""Products with an upper half: which instructions wait for them.

``IMAD.HI`` and ``IMAD.WIDE`` pass the multiplier twice. They issue two clocks later than the warp's
stall count says, and what reads the result waits seven clocks from there even where the compiler
put four to six behind them (``hi_lo``, ``hi_add_xor`` and ``int32_mad_hi`` records); of unsigned
``WIDE`` the compiler's count holds (``int64_mad``).
"""

from __future__ import annotations

from collections.abc import Sequence

from archsim.frontend import Instruction
from archsim.frontend.instruction import Kind

REACH, MOST = 8, 4
"""Instructions behind a product that may come before its result; products on their way."""


def is_wide(item: Instruction) -> bool:
    """Whether ``item`` is a product with an upper half."""
    return item.opcode == "IMAD" and bool({"HI", "WIDE"} & set(item.modifiers))


def readers(items: Sequence[Instruction]) -> dict[int, int]:
    """Instructions that read in straight code what a product just before them wrote: which of the
    last products, 1 the latest."""
    found: dict[int, int] = {}
    for at, item in enumerate(items):
        unsigned = {"WIDE", "U32"} <= set(item.modifiers)
        if not is_wide(item) or unsigned or item.operands[0].kind is not Kind.REGISTER:
            continue
        low = item.operands[0].index
        written = {low, low + 1} if "WIDE" in item.modifiers else {low}
        back = 1
        for n in range(at + 1, min(at + 1 + REACH, len(items))):
            if items[n].opcode in ("BRA", "EXIT", "CALL", "RET", "BSYNC"):
                break
            if written & _read(items[n]):
                found[n] = min(back, found.get(n, back))
            written -= _written(items[n])
            back += is_wide(items[n])
            if not written or back > MOST:
                break
    return found


def _read(item: Instruction) -> set[int]:
    """Registers that ``item`` reads, with the second of each pair that holds an address."""
    stores = item.opcode.startswith(("ST", "RED", "ATOM"))
    read: set[int] = set()
    for place, operand in enumerate(item.operands):
        if operand.kind is Kind.REGISTER and (place > 0 or stores):
            read.add(operand.index)
        elif operand.base >= 0:
            read |= {operand.base, operand.base + 1}
    return read - {255}


def _written(item: Instruction) -> set[int]:
    """The register that ``item`` writes first, as far as it is one."""
    first = item.operands[0] if item.operands else None
    return {first.index} if first is not None and first.kind is Kind.REGISTER else set()
