"""The typed instruction stream: operands, control codes, instructions, kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What an operand names."""

    REGISTER = "register"
    UNIFORM = "uniform register"
    PREDICATE = "predicate"
    UNIFORM_PREDICATE = "uniform predicate"
    BARRIER = "convergence barrier"
    CONSTANT = "constant"
    IMMEDIATE = "immediate"
    FLOAT = "float immediate"
    MEMORY = "memory"
    SPECIAL = "special register"
    LABEL = "label"
    DESCRIPTOR = "matrix descriptor"


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand.

    ``index`` is the register number (255 or 63 for the zero registers, 7 for the true
    predicates), the constant bank, the first uniform register of a matrix descriptor, or the target
    address of a label. ``value`` is an immediate,
    the offset of a constant or the displacement of an address. A memory or constant operand
    names its address register in ``base`` (-1: none) and a uniform one in ``uniform``.
    """

    kind: Kind
    index: int = 0
    value: int = 0
    base: int = -1
    uniform: int = -1
    wide: bool = False
    descriptor: int = -1
    negate: bool = False
    absolute: bool = False
    invert: bool = False
    name: str = ""
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """Scheduling fields that the compiler put into the upper bits of an encoding.

    ``stall_cycles`` 0..15; ``write_barrier`` and ``read_barrier`` 0..5, or 7 for none;
    ``wait_mask`` has one bit per barrier; ``reuse`` one bit per source operand.
    """

    stall_cycles: int
    yields: bool
    write_barrier: int
    read_barrier: int
    wait_mask: int
    reuse: int

    @classmethod
    def decode(cls, encoding: int) -> Control:
        """The control fields of a 128-bit ``encoding`` (bits 105 to 125)."""
        bits = encoding >> 105
        return cls(
            stall_cycles=bits & 15,
            yields=not (bits >> 4) & 1,
            write_barrier=(bits >> 5) & 7,
            read_barrier=(bits >> 8) & 7,
            wait_mask=(bits >> 11) & 63,
            reuse=(bits >> 17) & 15,
        )


@dataclass(frozen=True, slots=True)
class Instruction:
    """One machine instruction of 16 bytes at ``address`` bytes from the kernel's start.

    ``guard`` is the predicate operand or None; ``line`` the source line or 0.
    """

    address: int
    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[Operand, ...]
    guard: Operand | None
    control: Control
    encoding: int
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """Instructions ``first`` to ``last`` (indices, inclusive), entered only at the first."""

    first: int
    last: int
    successors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One kernel parameter: its place in the parameter area, bytes."""

    ordinal: int
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel's machine code with what a launch needs to know.

    ``constants`` holds the initial bytes of each constant bank (bank 0 without parameters);
    ``parameter_base`` is the offset of the parameters in bank 0. ``globals_image`` is the initial
    global data of the module, and ``relocations`` names the 8-byte words (bank, offset) that must
    hold an address: the load address of the global data plus the addend. A ``cooperative`` kernel
    synchronises its grid, whose CTAs must all run at the same time.
    """

    name: str
    instructions: tuple[Instruction, ...]
    blocks: tuple[Block, ...]
    registers: int
    shared_bytes: int
    stack_bytes: int
    parameters: tuple[Parameter, ...]
    parameter_base: int
    constants: dict[int, bytes] = field(default_factory=dict)
    globals_image: bytes = b""
    relocations: tuple[tuple[int, int, int], ...] = ()
    source: str = ""
    cooperative: bool = False
