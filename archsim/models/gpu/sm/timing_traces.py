"""Traces kept small: what CTAs have in common is kept once.

CTAs of a regular kernel execute the same instructions with the same lanes, and differ only in where
their memory accesses go. A `Stream` (program counters, lanes, which instructions touch memory) is
therefore shared by all CTAs that have it; a CTA itself is a list of numbers of address rows. Equal
rows, such as offsets in shared memory or what a block reads that its neighbours read too, are kept
once for all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.engine.jit import lean
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_events import events
from archsim.models.gpu.sm.trace import LANES, Trace

_ODD = -7046029254386353131  # a hash multiplies by it
_KINDS_OF_EVENTS = (tt.MBAR_ARRIVE, tt.MBAR_WAIT, tt.BULK)


@dataclass(frozen=True, slots=True)
class Stream:
    """Records of a CTA as in `Trace`, from record ``base`` of the store; ``nth`` int32 is -1 or
    which of the CTA's rows a record has."""

    base: int
    start: NDArray[np.int64]
    pc: NDArray[np.int32]
    mask: NDArray[np.uint32]
    nth: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Kept:
    """One CTA: its stream and the store's rows (int32) that its memory accesses have."""

    stream: Stream
    rows: NDArray[np.int32]

    @property
    def warps(self) -> int:
        """Warps of the CTA."""
        return len(self.stream.start) - 1

    @property
    def records(self) -> int:
        """Executed warp instructions."""
        return len(self.stream.pc)


@dataclass(slots=True)
class TraceStore:
    """Streams and address rows of the CTAs that `add` was given, and the mbarriers' events.

    ``table`` is the program's (`timing_table`), ``inits`` says which instructions initialise an
    mbarrier. ``rows`` int64[capacity, 32], of which ``used[0]`` are there; ``needed`` as in
    `timing_events`, one array a group of CTAs.
    """

    table: NDArray[np.int32]
    inits: NDArray[np.bool_]
    streams: dict[bytes, Stream] = field(default_factory=dict)
    records: int = 0
    rows: NDArray[np.int64] = field(default_factory=lambda: np.full((1, LANES), -1, np.int64))
    index: NDArray[np.int32] = field(default_factory=lambda: np.full(1 << 12, -1, np.int32))
    used: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    needed: list[NDArray[np.int64]] = field(default_factory=list)
    events: int = 0

    def add(self, traces: list[Trace]) -> list[Kept]:
        """Keep the CTAs of a group that share an address space."""
        address = traces[0].address
        if np.isin(self.table[:, tt.KIND], _KINDS_OF_EVENTS).any():
            self.needed.append(events(traces, self.table, self.inits, self.events))
            self.events += len(self.needed[-1])
        self._make_room(len(address))
        places = np.zeros(len(address), np.int32)
        if len(address):
            _intern(address, self.rows, self.index, self.used, places)
        return [self._keep(trace, places) for trace in traces]

    def _keep(self, trace: Trace, places: NDArray[np.int32]) -> Kept:
        with_row = trace.mem >= 0
        key = hashlib.blake2b(digest_size=24)
        for array in (trace.start, trace.pc, trace.mask, with_row):
            key.update(array.data)
        stream = self.streams.get(key.digest())
        if stream is None:
            nth = np.where(with_row, np.cumsum(with_row) - 1, -1).astype(np.int32)
            stream = Stream(self.records, trace.start, trace.pc, trace.mask, nth)
            self.streams[key.digest()] = stream
            self.records += len(trace.pc)
        return Kept(stream, places[trace.mem[with_row]])

    def _make_room(self, more: int) -> None:
        """Room for ``more`` rows, and an index that is at most half full."""
        least = int(self.used[0]) + more
        if least > len(self.rows):
            grown = np.empty((least + least // 4, LANES), np.int64)
            grown[: self.used[0]] = self.rows[: self.used[0]]
            self.rows = grown
        if 2 * least > len(self.index):
            self.index = np.full(1 << (2 * least).bit_length(), -1, np.int32)
            _rebuild(self.rows, self.index, self.used)


@lean
def _slot(row: Any, rows: Any, index: Any) -> int:
    """Slot of ``row`` in the open-addressing ``index``: where it is or where it would go."""
    value = 0
    for lane in range(32):
        value = (value ^ row[lane]) * _ODD
        value ^= value >> 29
    slot = value & (index.shape[0] - 1)
    while index[slot] >= 0:
        found, same = rows[index[slot]], True
        for lane in range(32):
            same = same and found[lane] == row[lane]
        if same:
            break
        slot = (slot + 1) & (index.shape[0] - 1)
    return slot


@lean
def _intern(address: Any, rows: Any, index: Any, used: Any, places: Any) -> None:
    """Number in ``rows`` of every row of ``address``; what is not there is appended."""
    for n in range(address.shape[0]):
        slot = _slot(address[n], rows, index)
        if index[slot] < 0:
            for lane in range(32):
                rows[used[0], lane] = address[n, lane]
            index[slot] = used[0]
            used[0] += 1
        places[n] = index[slot]


@lean
def _rebuild(rows: Any, index: Any, used: Any) -> None:
    for n in range(used[0]):
        index[_slot(rows[n], rows, index)] = n
