"""Phases of mbarriers: which arrivals and copies complete what each wait waits for.

The functional execution notes with every access to an mbarrier the phase that it found. Accesses
to one mbarrier in their order give the number of its phases, so every arrival, completed copy and
wait belongs to one *event*: a phase of an mbarrier. The timing core counts down the contributions
that an event still misses and lets a wait go on at the latest of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.trace import Trace

_ADDRESS = (1 << st.PARITY_SHIFT) - 1
_INIT, _GIVES, _WAITS = range(3)


def events(
    traces: list[Trace], table: NDArray[np.int32], inits: NDArray[np.bool_], first_event: int = 0
) -> NDArray[np.int64]:
    """Contributions that each event needs, int64[events], numbered from ``first_event``.

    ``traces`` are all CTAs of an address space. In their rows the mbarriers are replaced by numbers
    of events, or -1 where nothing is waited for. ``inits`` says which instructions initialise an
    mbarrier.
    """
    address = traces[0].address
    rows, lanes, roles = _accesses(traces, table[:, tt.KIND], inits)
    if not len(rows):
        return np.zeros(1, np.int64)
    value = address[rows, lanes]
    kept = value >= 0
    rows, lanes, roles, value = rows[kept], lanes[kept], roles[kept], value[kept]
    where, parity = value & _ADDRESS, value >> st.PARITY_SHIFT
    order = np.lexsort((lanes, rows, where))
    rows, lanes, roles, where, parity = (a[order] for a in (rows, lanes, roles, where, parity))
    first = np.ones(len(rows), bool)
    first[1:] = where[1:] != where[:-1]
    fresh = roles == _INIT
    parity = np.where(fresh, 0, parity)
    turned = np.zeros(len(rows), bool)
    turned[1:] = parity[1:] != parity[:-1]
    phase = np.cumsum(first * 2 + fresh * 2 + (turned & ~first & ~fresh))
    started = np.maximum.accumulate(np.where(first | fresh, phase, 0))
    waits = roles == _WAITS
    wanted = np.where(waits, phase - 1, phase)  # a wait ends when the phase before is over
    gives = roles == _GIVES
    numbers, index = np.unique(wanted, return_inverse=True)
    needed = np.bincount(index[gives], minlength=len(numbers)).astype(np.int64)
    nothing = fresh | (waits & ((wanted < started) | (needed[index] == 0)))
    address[rows, lanes] = np.where(nothing, -1, index + first_event)
    return needed


def _accesses(
    traces: list[Trace], kinds: NDArray[np.int32], inits: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(row, lane, role) of everything that touches an mbarrier; lanes of copies: one a rank."""
    found: list[NDArray[np.int64]] = [np.zeros((0, 3), np.int64)]
    for trace in traces:
        kind = kinds[trace.pc]
        for copies, slots in ((False, np.arange(32)), (True, np.arange(st.RANK_SLOTS, 32))):
            wanted = (tt.BULK,) if copies else (tt.MBAR_ARRIVE, tt.MBAR_WAIT)
            records = np.flatnonzero((trace.mem >= 0) & np.isin(kind, wanted))
            gives = np.where(inits[trace.pc[records]], _INIT, _GIVES)
            role = np.where(kind[records] == tt.MBAR_WAIT, _WAITS, gives)
            rows = trace.mem[records].astype(np.int64)
            columns = (np.repeat(rows, len(slots)), np.tile(slots, len(rows)),
                       np.repeat(role, len(slots)))  # fmt: skip
            found.append(np.stack(columns, axis=1))
    every = np.concatenate(found)
    return every[:, 0], every[:, 1], every[:, 2]
