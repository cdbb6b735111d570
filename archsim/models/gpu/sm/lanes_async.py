"""Asynchronous instructions (compiled): mbarriers, bulk and tensor copies, remote stores.

Copies are done when they are issued and then complete their bytes on the mbarrier: one of the
orders that the memory model allows. An mbarrier is a 64-bit word as the machine code initialises
it: bits 1-20 hold 2 ** 20 - count, 21-42 the pending transaction bytes (signed), 43-62
2 ** 20 - pending arrivals (0: none pending), bit 63 the phase.

A tensor map is 16 words of 64 bits of this simulator's own layout (see `tensor_map`).
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint8, uint32, uint64

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.bits import f32, pair, u32
from archsim.models.gpu.sm.lanes_integer import place, set_predicate
from archsim.models.gpu.sm.lanes_memory import cluster_place, fail, global_place

_D, _A, _B, _C, _SUB, _WIDTH = col.D, col.A, col.B, col.C, col.SUB, col.WIDTH
_FIELD, _TX = 0xFFFFF, 0x3FFFFF


@inner
def word_at(M32: Any, at: Any) -> Any:
    """The 64-bit word at byte ``at`` of the buffer."""
    return pair(M32[at >> 2], M32[(at >> 2) + 1])


@inner
def put_word(M32: Any, at: Any, word: Any) -> None:
    """Write a 64-bit word at byte ``at`` of the buffer."""
    M32[at >> 2] = uint32(word & uint64(0xFFFFFFFF))
    M32[(at >> 2) + 1] = uint32(word >> uint64(32))


@inner
def update_barrier(M32: Any, at: Any, arrivals: Any, transfer: Any) -> None:
    """Add pending bytes and arrivals; a phase with neither pending completes."""
    word = word_at(M32, at)
    initial = (word >> uint64(1)) & uint64(_FIELD)
    pending = ((word >> uint64(43)) + uint64(arrivals)) & uint64(_FIELD)
    tx = ((word >> uint64(21)) + uint64(transfer)) & uint64(_TX)
    phase = word >> uint64(63)
    if pending == uint64(0) and tx == uint64(0):
        phase, pending = phase ^ uint64(1), initial
    put_word(M32, at, (word & uint64(0x1FFFFF)) | (tx << uint64(21)) | (pending << uint64(43))
             | (phase << uint64(63)))  # fmt: skip


@inner
def _barrier_place(L: Any, W: Any, w: Any, pc: Any, lane: Any, address: Any, F: Any) -> Any:
    at = cluster_place(L, W, w, address, 8)
    if at < 0 or address & int64(7):
        fail(F, st.OUT_OF_BOUNDS if at < 0 else st.MISALIGNED, pc, w, lane, address, 8)
        return int64(-1)
    return at


@inner
def with_phase(M32: Any, at: Any, address: Any) -> Any:
    """The mbarrier's address for the trace, with the phase that the access finds it in."""
    return address | (int64(word_at(M32, at) >> uint64(63)) << st.PARITY_SHIFT)


@inner
def phase_complete(R: Any, code: Any, pc: Any, wb: Any, M32: Any, at: Any, lane: Any) -> bool:
    """Whether the phase named by bit 31 of the operand (or of a state's upper word) is over."""
    asked = R[place(code[pc, _C], wb) + lane] >> uint32(31)
    return bool((M32[(at >> 2) + 1] >> uint32(31)) != asked)


@inner
def test_phases(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, L: Any, W: Any, w: Any,
                M32: Any, A: Any, mask: Any, F: Any) -> int:  # fmt: skip
    """``PHASECHK``: sets the predicate; 1 when complete in every lane, 0 when not, -1 fault."""
    true = uint32(0)
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            at = _barrier_place(L, W, w, pc, lane, A[lane], F)
            if at < 0:
                return -1
            true |= uint32(phase_complete(R, code, pc, wb, M32, at, lane)) << uint32(lane)
            A[lane] = with_phase(M32, at, A[lane])
    set_predicate(P, pb, code[pc, col.PD0], true, mask)
    return 1 if true == mask else 0


@inner
def arrive(R: Any, code: Any, pc: Any, wb: Any, L: Any, W: Any, w: Any, M32: Any, A: Any,
           mask: Any, F: Any) -> bool:  # fmt: skip
    """``SYNCS.EXCH`` (initialise) and ``SYNCS.ARRIVE``: the register gets the old state."""
    d, c, how = place(code[pc, _D], wb), place(code[pc, _C], wb), code[pc, _WIDTH]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        at = _barrier_place(L, W, w, pc, lane, A[lane], F)
        if at < 0:
            return False
        old, data = word_at(M32, at), int64(R[c + lane])
        A[lane] = with_phase(M32, at, A[lane])
        R[d + lane] = uint32(old & uint64(0xFFFFFFFF))
        R[d + 32 + lane] = uint32(old >> uint64(32))
        if code[pc, _SUB] == 0:
            put_word(M32, at, pair(R[c + lane], R[c + 32 + lane]))
            return True
        arrivals, transfer = how & int64(3), how >> 2
        arrivals = data if arrivals == 2 else arrivals
        transfer = data if transfer == 2 else transfer
        update_barrier(M32, at, arrivals, transfer)
    return True


@inner
def arrive_copies(code: Any, pc: Any, L: Any, W: Any, w: Any, M32: Any, A: Any, mask: Any,
                  F: Any) -> bool:  # fmt: skip
    """``ARRIVES.LDGSTSBAR``: a thread's earlier copies are done, so it arrives now."""
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            at = _barrier_place(L, W, w, pc, lane, A[lane], F)
            if at < 0:
                return False
            A[lane] = with_phase(M32, at, A[lane])
            if code[pc, _SUB]:
                update_barrier(M32, at, int64(0), int64(-1))
            else:
                update_barrier(M32, at, int64(1), int64(0))
    return True


@inner
def _copy(M32: Any, target: Any, source: Any, size: Any, adds: Any) -> None:
    for n in range(size >> 2):
        if adds:
            total = f32(M32[(target >> 2) + n]) + f32(M32[(source >> 2) + n])
            M32[(target >> 2) + n] = u32(total)
        else:
            M32[(target >> 2) + n] = M32[(source >> 2) + n]


@inner
def bulk(R: Any, code: Any, pc: Any, wb: Any, L: Any, W: Any, w: Any, ends: Any, M32: Any,
         A: Any, F: Any) -> bool:  # fmt: skip
    """``UBLKCP`` and ``UBLKRED``; ``A`` gets (global, shared, bytes, mbarrier), and the mbarrier of
    each rank that it completes."""
    a, b, c = place(code[pc, _A], wb), place(code[pc, _B], wb), place(code[pc, _C], wb)
    kind, size = code[pc, _SUB], int64(R[c] & uint32(0xFFFF)) << 4
    first, second = int64(pair(R[a], R[a + 32])), int64(pair(R[b], R[b + 32]))
    inward = kind == 0 or kind == 2
    barrier = int64(R[a + 32]) if inward else int64(-1)
    A[:] = -1
    A[2], A[3] = size, barrier
    A[0] = second if kind == 0 else int64(-1) if kind == 2 else first
    A[1] = int64(R[a]) if inward else int64(R[b])
    if (A[1] | A[0] * (kind != 2) | size) & int64(15):
        return fail(F, st.MISALIGNED, pc, w, 0, A[1], size)
    if inward:
        source = cluster_place(L, W, w, int64(R[b]), size) if kind == 2 else global_place(
            L, ends, second, size)  # fmt: skip
        if source < 0:
            return fail(F, st.OUT_OF_BOUNDS, pc, w, 0, A[0], size)
        chosen = int64(R[c] >> uint32(16)) if code[pc, col.EXTRA] else int64(1) << (A[1] >> 24)
        for rank in range(L[st.CLUSTER]):
            if (chosen >> rank) & int64(1):
                high = int64(rank) << 24
                target = cluster_place(L, W, w, high | (A[1] & int64(0xFFFFFF)), size)
                at = cluster_place(L, W, w, high | (barrier & int64(0xFFFFFF)), 8)
                if target < 0 or at < 0:
                    return fail(F, st.OUT_OF_BOUNDS, pc, w, 0, A[1], size)
                _copy(M32, target, source, size, False)
                A[st.RANK_SLOTS + rank] = with_phase(M32, at, high | (barrier & int64(0xFFFFFF)))
                update_barrier(M32, at, int64(0), -size)
        return True
    target, source = global_place(L, ends, first, size), cluster_place(L, W, w, A[1], size)
    if target < 0 or source < 0:
        return fail(F, st.OUT_OF_BOUNDS, pc, w, 0, A[0] if target < 0 else A[1], size)
    _copy(M32, target, source, size, kind == 3)
    return True


@inner
def _box(M32: Any, at: Any, n: Any) -> Any:
    word = word_at(M32, at + 88 + 8 * (n >> 2))
    return int64((word >> (uint64(16) * uint64(n & 3))) & uint64(0xFFFF))


@inner
def _inside(R: Any, first: Any, M32: Any, at: Any, rank: Any, size: Any, A: Any) -> None:
    """Where the part of the box inside the tensor lies: start, row bytes, counts and strides."""
    for n in range(rank):
        coordinate = int64(R[first + 32 * n])
        coordinate = coordinate - (int64(1) << 32) if coordinate >> 31 else coordinate
        low = max(coordinate, int64(0))
        high = min(coordinate + _box(M32, at, n), int64(word_at(M32, at + 16 + 8 * n)))
        count = max(high - low, int64(0))
        stride = size if n == 0 else int64(word_at(M32, at + 48 + 8 * n))
        A[0] += low * stride
        if n == 0:
            A[4] = count * size
        else:
            A[3 + 2 * n], A[4 + 2 * n] = count, stride


@inner
def _tile(R: Any, a: Any, M8: Any, M32: Any, at: Any, start: Any, offset: Any, first: Any,
          rank: Any, stores: Any, size: Any, swizzle: Any, base: Any) -> None:  # fmt: skip
    """Copy the box of a tensor: element by element, zeros outside; ``start`` is byte 0 of shared
    memory in the buffer, ``offset`` the box's place in it."""
    total = int64(1)
    for n in range(rank):
        total *= _box(M32, at, n)
    keep = int64(7) >> (3 - swizzle) if swizzle else int64(0)
    for number in range(total):
        rest, source, inside = int64(number), base, True
        for n in range(rank):
            width = _box(M32, at, n)
            coordinate = int64(R[a + 32 * (first + n)])
            coordinate = coordinate - (int64(1) << 32) if coordinate >> 31 else coordinate
            coordinate += rest % width
            rest //= width
            inside = inside and 0 <= coordinate < int64(word_at(M32, at + 16 + 8 * n))
            source += coordinate * (size if n == 0 else int64(word_at(M32, at + 48 + 8 * n)))
        shared = offset + number * size
        shared ^= ((shared >> 7) & keep) << 4
        for byte in range(size):
            if stores and inside:
                M8[source + byte] = M8[start + shared + byte]
            elif not stores:
                M8[start + shared + byte] = M8[source + byte] if inside else uint8(0)


@inner
def tensor_copy(R: Any, code: Any, pc: Any, wb: Any, L: Any, W: Any, w: Any, ends: Any, M8: Any,
                M32: Any, A: Any, F: Any) -> bool:  # fmt: skip
    """``UTMALDG`` and ``UTMASTG`` of a tile; ``A`` gets (first byte, shared, bytes, mbarrier), the
    bytes of a row inside the tensor, (rows, stride) of up to four more dimensions, and the mbarrier
    of each rank."""
    a, b, c = place(code[pc, _A], wb), place(code[pc, _B], wb), place(code[pc, _C], wb)
    stores, rank = code[pc, _SUB], code[pc, _WIDTH]
    descriptor = int64(pair(R[b], R[b + 32]))
    at = global_place(L, ends, descriptor, 128)
    head = word_at(M32, at + 8) if at >= 0 else uint64(0)
    if at < 0 or int64(head & uint64(255)) != rank:
        return fail(F, st.BAD_DESCRIPTOR, pc, w, 0, descriptor, 128)
    size, swizzle = (
        int64((head >> uint64(8)) & uint64(255)),
        int64((head >> uint64(16)) & uint64(3)),
    )
    base = int64(word_at(M32, at)) - L[st.GLOBAL_BASE]
    shared, barrier = int64(R[a]), int64(-1) if stores else int64(R[a + 32])
    total = size
    for n in range(rank):
        total *= _box(M32, at, n)
    A[:] = -1
    A[0], A[1], A[2], A[3] = base + L[st.GLOBAL_BASE], shared, total, barrier
    _inside(R, a + 32 * (1 if stores else 2), M32, at, rank, size, A)
    chosen = int64(R[c] >> uint32(16)) if code[pc, col.EXTRA] else int64(1) << (shared >> 24)
    for cta in range(L[st.CLUSTER]):
        if not (chosen >> cta) & int64(1):
            continue
        offset = shared & int64(0xFFFFFF)
        start = cluster_place(L, W, w, int64(cta) << 24, 0)
        if offset + total > L[st.SHARED_BYTES]:
            return fail(F, st.OUT_OF_BOUNDS, pc, w, 0, shared, total)
        _tile(R, a, M8, M32, at, start, offset, 1 if stores else 2, rank, stores, size, swizzle,
              base)  # fmt: skip
        if not stores:
            place_of = start + (barrier & int64(0xFFFFFF))
            A[st.RANK_SLOTS + cta] = with_phase(
                M32, place_of, (int64(cta) << 24) | (barrier & int64(0xFFFFFF))
            )
            update_barrier(M32, place_of, int64(0), -total)
    return True


@inner
def remote(R: Any, code: Any, pc: Any, wb: Any, L: Any, W: Any, w: Any, M32: Any, A: Any,
           mask: Any, F: Any) -> bool:  # fmt: skip
    """``STAS`` and ``REDAS``: a word to another CTA, which completes its bytes there."""
    a, c, width = place(code[pc, _A], wb), place(code[pc, _C], wb), code[pc, _WIDTH]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        address = int64(R[a + lane]) + code[pc, col.IMM]
        A[lane] = address
        at = cluster_place(L, W, w, address, width)
        if at < 0 or address & (width - 1):
            kind = st.OUT_OF_BOUNDS if at < 0 else st.MISALIGNED
            return fail(F, kind, pc, w, lane, address, width)
        barrier = _barrier_place(L, W, w, pc, lane, int64(R[a + 32 + lane]), F)
        if barrier < 0:
            return False
        for word in range(width >> 2):
            new, n = R[c + 32 * word + lane], (at >> 2) + word
            M32[n] = M32[n] + new if code[pc, _SUB] else new
        update_barrier(M32, barrier, int64(0), -width)
    return True
