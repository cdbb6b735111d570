"""What a CTA executed, warp by warp: the record that the timing half replays.

One record is one issued warp instruction: its index in the program, the lanes that executed it
(active and guard true; 0 for an instruction whose guard is false in every active lane) and, for
an instruction that touches memory, a row of per-lane addresses. Branch outcomes are the next
record's index. A wait on an mbarrier (``SYNCS…TRYWAIT``) is one record, however often the
functional order polled it: it blocks until the phase is complete.

Rows of the address pool, ``int64[32]``, -1 where a lane takes no part:

- global memory: device addresses; generic accesses: generic addresses (see `memory`: shared and
  local memory are windows of the generic address space);
- shared memory and mbarriers: rank of the CTA in its cluster << 24 plus the byte offset in its
  shared memory; through generic accesses the same in the shared window;
- local memory: byte offsets in the thread's local memory; indexed constants: in their bank;
- bulk copies (``UBLKCP``, ``UTMALDG``…): lane 0 global address, lane 1 shared address, lane 2
  bytes, lane 3 the mbarrier's shared address, else -1;
- ``MATCH``: the value of each lane;
- ``HGMMA``: lane 0 and 1 the matrix descriptors of A and B (A: -1 when it lies in registers).

Cost: 12 bytes a record (14 while recording) and 256 bytes a row; about 76 bytes a warp
instruction for a kernel in which every fourth instruction touches memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANES = 32
_FIRST_RECORDS = 1 << 14
MOST_BYTES = 4 << 30
"""Of a log. A CTA whose records fill it most likely waits for one that does not run with it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The records of one CTA, warp after warp.

    ``cta`` is its (x, y, z) in the grid and ``rank`` its rank in the cluster. Warp ``w`` owns
    records ``start[w]:start[w + 1]`` of ``pc`` (int32, index in the program), ``mask`` (uint32)
    and ``mem`` (int32, row of ``address`` or -1). ``address`` is int64[rows, 32], shared by the
    CTAs of a cluster.
    """

    cta: tuple[int, int, int]
    rank: int
    start: NDArray[np.int64]
    pc: NDArray[np.int32]
    mask: NDArray[np.uint32]
    mem: NDArray[np.int32]
    address: NDArray[np.int64]

    @property
    def warps(self) -> int:
        """Warps of the CTA."""
        return len(self.start) - 1

    @property
    def size_bytes(self) -> int:
        """Bytes that the arrays hold."""
        return sum(a.nbytes for a in (self.start, self.pc, self.mask, self.mem, self.address))


class TraceLog:
    """Records in the order of functional execution, in arrays that double when full.

    The executor writes record ``used[0]`` and address row ``used[1]`` and stops before an
    instruction that might not fit; the driver then calls `grow` and resumes.
    """

    def __init__(self, enabled: bool) -> None:
        records = _FIRST_RECORDS if enabled else 0
        self.used: NDArray[np.int64] = np.zeros(2, np.int64)
        self.warp: NDArray[np.int16] = np.zeros(records, np.int16)
        self.pc: NDArray[np.int32] = np.zeros(records, np.int32)
        self.mask: NDArray[np.uint32] = np.zeros(records, np.uint32)
        self.mem: NDArray[np.int32] = np.zeros(records, np.int32)
        self.address: NDArray[np.int64] = np.zeros((records // 4, LANES), np.int64)

    def grow(self) -> bool:
        """Double the arrays that are more than half full; False where they would be too large."""
        if sum(a.nbytes for a in (self.warp, self.pc, self.mask, self.mem, self.address)) > (
            MOST_BYTES // 2
        ):
            return False
        if 2 * int(self.used[0]) >= len(self.pc):
            self.warp, self.pc, self.mask, self.mem = (
                _doubled(a) for a in (self.warp, self.pc, self.mask, self.mem)
            )
        if 2 * int(self.used[1]) >= len(self.address):
            self.address = _doubled(self.address)
        return True

    def split(self, ctas: list[tuple[int, int, int]], warps: int) -> list[Trace]:
        """One `Trace` per CTA; ``warps`` is the number of warps of each. Empties the log."""
        records, rows = (int(n) for n in self.used)
        order = np.argsort(self.warp[:records], kind="stable")
        counts = np.bincount(self.warp[:records], minlength=warps * len(ctas))
        ends = np.concatenate([[0], np.cumsum(counts)])
        pc, mask, mem = self.pc[order], self.mask[order], self.mem[order]
        address = self.address[:rows].copy()
        self.used[:] = 0
        traces = []
        for rank, cta in enumerate(ctas):
            start = ends[rank * warps : (rank + 1) * warps + 1]
            own = slice(int(start[0]), int(start[-1]))
            traces.append(Trace(cta, rank, start - start[0], pc[own], mask[own], mem[own], address))
        return traces


def _doubled(array: NDArray[Any]) -> NDArray[Any]:
    bigger = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)
    bigger[: len(array)] = array
    return bigger
