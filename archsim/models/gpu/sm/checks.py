"""Checks of the memory checker: initialised bytes and races in shared memory (compiled).

``ready`` has one byte per byte of the buffer. ``race`` has, per word of shared memory, the last
writer and the last reader as 2 * warp + (1 if atomic), each with the CTA's epoch of barriers.
Two warps race when one of them writes and no barrier lies between; two atomics do not, nor do an
atomic and a read (compiled compare-and-swap loops read first), nor writes of the same value.
Threads of one warp are taken as ordered. Any completed barrier or mbarrier phase counts as one for
the whole CTA: what is reported is a race, but some are missed.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint32

from archsim.engine.jit import inlined, inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.lanes_integer import place
from archsim.models.gpu.sm.lanes_memory import cluster_place, fail, own_place

WRITER, WRITER_EPOCH, READER, READER_EPOCH = range(4)
_MANY = 1 << 20


@inner
def _conflicts(race: Any, word: Any, epoch: Any, w: Any, writes: bool, atomic: bool) -> bool:
    """Whether an access of warp ``w`` races; notes it otherwise."""
    writer, reader = race[word, WRITER], race[word, READER]
    harmless = (writer & int64(1)) != 0 and (atomic or not writes)
    if race[word, WRITER_EPOCH] == epoch and writer >> 1 != w and not harmless:
        return True
    plain = writes and not atomic
    if plain and race[word, READER_EPOCH] == epoch and reader != w:
        return True
    if writes:
        race[word, WRITER], race[word, WRITER_EPOCH] = 2 * w + (1 if atomic else 0), epoch
    if not writes:
        many = race[word, READER_EPOCH] == epoch and reader != w
        race[word, READER] = int64(_MANY) if many else w
        race[word, READER_EPOCH] = epoch
    return False


@inlined
def _same_value(R: Any, code: Any, pc: Any, wb: Any, M32: Any, at: Any, word: Any,
                lane: Any) -> bool:  # fmt: skip
    if code[pc, col.OP] != col.STORE or code[pc, col.WIDTH] < 4:
        return False
    return bool(M32[(at >> 2) + word] == R[place(code[pc, col.C], wb) + 32 * word + lane])


@inner
def access(R: Any, code: Any, pc: Any, wb: Any, L: Any, W: Any, w: Any, B: Any, M32: Any, A: Any,
           Q: Any, mask: Any, ready: Any, race: Any, F: Any) -> bool:  # fmt: skip
    """Check the executing lanes' accesses; False after recording a fault."""
    op, size = code[pc, col.OP], code[pc, col.WIDTH]
    writes = op == col.STORE or op == col.ATOM or op == col.STSM
    first, last = L[st.SHARED_PLACE], L[st.SHARED_PLACE] + L[st.CTAS] * L[st.SHARED_BYTES]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        at = Q[lane]
        for byte in range(size):
            if not writes or op == col.ATOM:
                if not ready[at + byte]:
                    return fail(F, st.UNINITIALISED, pc, w, lane, A[lane], size)
            else:
                ready[at + byte] = 1
        if at < first or at >= last:
            continue
        epoch = B[(at - first) // L[st.SHARED_BYTES], st.EPOCH_ROW, 0]
        for word in range((size + 3) >> 2):
            if writes and _same_value(R, code, pc, wb, M32, at, word, lane):
                continue
            number = ((at - first) >> 2) + word
            if _conflicts(race, number, epoch, w, writes, op == col.ATOM):
                return fail(F, st.SHARED_RACE, pc, w, lane, A[lane], size)
    return True


@inner
def mark_copied(R: Any, code: Any, pc: Any, wb: Any, L: Any, W: Any, w: Any, ready: Any,
                mask: Any) -> None:  # fmt: skip
    """Bytes that an asynchronous copy (``LDGSTS``) has written."""
    c, u, width = place(code[pc, col.C], wb), place(code[pc, col.D], wb), code[pc, col.WIDTH]
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            address = int64(R[c + lane]) + int64(R[u + lane]) + code[pc, col.MODS]
            at = own_place(L, W, w, address & int64(0xFFFFFFFF), width)
            for byte in range(width):
                ready[at + byte] = 1


@inner
def _mark(ready: Any, at: Any, size: Any) -> None:
    for byte in range(size if at >= 0 else int64(0)):
        ready[at + byte] = 1


@inner
def mark_asynchronous(op: Any, code: Any, pc: Any, L: Any, W: Any, w: Any, A: Any, ready: Any,
                      mask: Any) -> None:  # fmt: skip
    """Bytes that mbarrier operations, bulk copies and remote stores have written."""
    if op == col.BULK or op == col.TMA:
        inward = A[3] >= 0
        for rank in range(L[st.CLUSTER]):
            chosen = code[pc, col.EXTRA] or rank == A[1] >> 24
            if inward and chosen:
                offset = (int64(rank) << 24) | (A[1] & int64(0xFFFFFF))
                _mark(ready, cluster_place(L, W, w, offset, A[2]), A[2])
        return
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            size = code[pc, col.WIDTH] if op == col.STAS else int64(8)
            _mark(ready, cluster_place(L, W, w, A[lane], size), size)
