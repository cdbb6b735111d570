"""What stops an execution, in words: memory faults and programs that cannot go on."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.errors import ArchsimError
from archsim.frontend import Kernel
from archsim.models.gpu.sm import state as st

_KINDS = {
    st.OUT_OF_BOUNDS: "an access of {size} bytes out of bounds",
    st.MISALIGNED: "a misaligned access of {size} bytes",
    st.UNINITIALISED: "a read of {size} bytes that nothing has written",
    st.SHARED_RACE: "a race on {size} bytes of shared memory",
    st.BAD_DESCRIPTOR: "a descriptor that names no valid matrix or tensor",
    st.BAD_JUMP: "a jump out of the program",
}


class ExecutionError(ArchsimError):
    """A kernel that cannot run to its end: deadlock or too many instructions."""


class MemoryFaultError(ArchsimError):
    """A faulty access; ``fault`` holds its particulars."""

    def __init__(self, message: str, fault: Fault) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Fault:
    """Kind (see `state`), source line (0: unknown), thread, CTA and byte address."""

    kind: int
    line: int
    instruction: str
    cta: tuple[int, int, int]
    thread: tuple[int, int, int]
    address: int


def plain_name(mangled: str) -> str:
    """The function's own name in a mangled one: the last part of ``_ZN4some4path6kernelB…``."""
    rest, name = mangled.removeprefix("_ZN"), ""
    while rest is not mangled and (length := re.match(r"\d+", rest)):
        end = length.end() + int(length[0])
        name, rest = rest[length.end() : end], rest[end:]
    return name or mangled


def thread_of(number: int, block: tuple[int, int, int]) -> tuple[int, int, int]:
    """Coordinates of the thread with a linear number in its CTA."""
    x, y, _ = block
    return number % x, number // x % y, number // (x * y)


def memory_fault(
    kernel: Kernel, block: tuple[int, int, int], W: NDArray[np.int64], F: NDArray[np.int64],
    where: str,
) -> MemoryFaultError:  # fmt: skip
    """The error for the fault record ``F``; ``where`` says which argument the address is near."""
    kind, pc, w, lane, address, size = (int(v) for v in F[:6])
    item = kernel.instructions[pc]
    cta = (int(W[w, st.CTAID_X]), int(W[w, st.CTAID_Y]), int(W[w, st.CTAID_Z]))
    thread = thread_of(int(W[w, st.WARP_IN_CTA]) * 32 + lane, block)
    fault = Fault(kind, item.line, item.text, cta, thread, address)
    line = f"{kernel.source}:{item.line}: " if item.line else ""
    what = _KINDS[kind].format(size=size)
    if kind == st.UNINITIALISED and item.opcode in ("LDS", "LDSM", "ATOMS"):
        what += " yet (is a barrier missing after another warp's write?)"
    message = (
        f"{line}kernel {plain_name(kernel.name)} must not make {what}: thread {thread} of block "
        f"{cta}, address {address:#x}{where}, instruction {item.text!r} at {item.address:#06x}"
    )
    return MemoryFaultError(message, fault)
