"""Decoded programs: a kernel's instructions as a matrix that compiled code reads.

`decode` turns a front-end `Kernel` into a `Program`. What a row means is in `columns`; which fields
an opcode fills is in `opcodes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import ArchsimError
from archsim.frontend import Instruction, Kernel, Operand
from archsim.frontend.instruction import Kind
from archsim.models.gpu.sm import columns as col

LANES = 32
ZERO_ROWS = 16
POOL_START = 2 * ZERO_ROWS  # after the zero rows and the rows that writes to RZ go to
_RZ, _URZ = 255, 63


class UnsupportedInstructionError(ArchsimError):
    """An opcode that the functional executor does not know."""


@dataclass(frozen=True, slots=True)
class Program:
    """A kernel ready to execute.

    ``code`` is int64[instructions, columns.COLUMNS]. ``pool`` names what each pool row after the
    first ``POOL_START`` holds: ("imm", word) or ("const", bank, offset). ``registers`` is the
    number of register rows of a warp; rows from ``uniform_row`` on hold uniform registers.
    """

    kernel: Kernel
    code: NDArray[np.int64]
    pool: tuple[tuple[Any, ...], ...]
    registers: int
    uniform_row: int


class Builder:
    """Assembles rows; knows where registers lie and collects the pool."""

    def __init__(self, kernel: Kernel) -> None:
        used = [o.index for i in kernel.instructions for o in i.operands if o.kind is Kind.REGISTER]
        used += [o.base for i in kernel.instructions for o in i.operands if o.kind is Kind.MEMORY]
        highest = max([r for r in used if r < _RZ], default=0)
        self.kernel = kernel
        # Fragments reach past their first register, those of warp-group products by up to 128.
        reach = 136 if any(i.opcode.endswith("GMMA") for i in kernel.instructions) else 16
        named = kernel.registers if kernel.registers < _RZ else 0
        self.uniform_row = max(named, highest + 1) + reach
        self.registers = self.uniform_row + 68
        self.place = {item.address: n for n, item in enumerate(kernel.instructions)}
        self._pool: dict[tuple[Any, ...], int] = {}
        self._entries: list[tuple[Any, ...]] = []
        self.row: NDArray[np.int64] = np.zeros(col.COLUMNS, np.int64)

    @property
    def entries(self) -> tuple[tuple[Any, ...], ...]:
        """What the pool holds, in order."""
        return tuple(self._entries)

    def pooled(self, *words: tuple[Any, ...]) -> int:
        """Code of consecutive pool rows that hold ``words``."""
        if words not in self._pool:
            self._pool[words] = POOL_START + len(self._entries)
            self._entries.extend(words)
        return ~(self._pool[words] * LANES)

    def immediate(self, value: int, high: int | None = None) -> int:
        """Code of a row with a 32-bit immediate, and the next row with its upper word."""
        upper = (value >> 32 if value >= 0 else -1) if high is None else high
        return self.pooled(("imm", value & 0xFFFFFFFF), ("imm", upper & 0xFFFFFFFF))

    def source(self, operand: Operand, double: bool = False) -> int:
        """Code of the row that ``operand`` reads (the first row of a wider one)."""
        if operand.kind is Kind.REGISTER:
            return ~0 if operand.index == _RZ else operand.index * LANES
        if operand.kind is Kind.UNIFORM or operand.kind is Kind.DESCRIPTOR:
            return ~0 if operand.index == _URZ else (self.uniform_row + operand.index) * LANES
        if operand.kind is Kind.CONSTANT and operand.base < 0 and operand.uniform < 0:
            word = (operand.index, operand.value)
            return self.pooled(("const", *word), ("const", word[0], word[1] + 4))
        if operand.kind is Kind.IMMEDIATE:
            value = -operand.value if operand.negate else operand.value
            return self.immediate(~value if operand.invert else value)
        if operand.kind is Kind.FLOAT:
            if double:
                return self.immediate(0, operand.value)
            return self.immediate(operand.value)
        raise UnsupportedInstructionError(f"operand of kind {operand.kind.value}")

    def target(self, operand: Operand) -> int:
        """Code of the row that ``operand`` writes; zero registers go to the junk rows."""
        if operand.kind is Kind.REGISTER:
            return ~(ZERO_ROWS * LANES) if operand.index == _RZ else operand.index * LANES
        if operand.index == _URZ:
            return ~(ZERO_ROWS * LANES)
        return (self.uniform_row + operand.index) * LANES

    def register(self, index: int) -> int:
        """Code of the row of vector register ``index`` as a source."""
        return ~0 if index in (-1, _RZ) else index * LANES

    def uniform(self, index: int) -> int:
        """Code of the row of uniform register ``index`` as a source."""
        return ~0 if index in (-1, _URZ) else (self.uniform_row + index) * LANES


def predicate(operand: Operand, written: bool = False) -> int:
    """Number of a predicate operand; a true predicate that is written is thrown away."""
    uniform = 8 if operand.kind is Kind.UNIFORM_PREDICATE else 0
    if written and operand.index == col.PRED_TRUE:
        return col.PRED_JUNK
    return operand.index + uniform + (col.PRED_NEGATE if operand.invert else 0)


def is_predicate(operand: Operand) -> bool:
    """Whether the operand is a predicate of either file."""
    return operand.kind in (Kind.PREDICATE, Kind.UNIFORM_PREDICATE)


def decode(kernel: Kernel) -> Program:
    """Decode ``kernel``; raises UnsupportedInstructionError naming opcode, address and line."""
    from archsim.models.gpu.sm.opcodes import fill  # the table needs this module's Builder

    builder = Builder(kernel)
    code = np.zeros((len(kernel.instructions), col.COLUMNS), np.int64)
    for n, item in enumerate(kernel.instructions):
        builder.row = code[n]
        code[n, [col.PD0, col.PD1]] = col.PRED_JUNK
        code[n, [col.PS0, col.PS1]] = col.PRED_TRUE
        code[n, [col.A, col.B, col.C]] = ~0
        code[n, col.D] = ~(ZERO_ROWS * LANES)
        code[n, col.GUARD] = predicate(item.guard) if item.guard else col.PRED_TRUE
        try:
            fill(builder, item)
        except (UnsupportedInstructionError, KeyError, IndexError) as error:
            raise UnsupportedInstructionError(_unsupported(kernel, item, error)) from error
    return Program(kernel, code, builder.entries, builder.registers, builder.uniform_row)


def _unsupported(kernel: Kernel, item: Instruction, error: Exception) -> str:
    line = f", line {item.line} of {kernel.source or 'the source'}" if item.line else ""
    return (
        f"instruction at {item.address:#06x}{line} must be one that the executor knows, "
        f"not {item.text!r} ({error})"
    )
