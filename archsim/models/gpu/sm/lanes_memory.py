"""Addresses, checks, loads and stores of a warp (compiled).

All memory spaces lie in one buffer, seen as bytes ``M8`` and words ``M32``. ``A`` (int64[32]) holds
the lanes' addresses, ``Q`` (int64[32]) their places in the buffer. ``ends`` gives for each 512-byte
granule of global memory the end of the allocation in it (0: none). ``ready`` marks initialised
bytes of the buffer when memory is checked.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint32, uint64

from archsim.engine.jit import inlined, inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.lanes_integer import place

_D, _A, _B, _C, _SUB, _IMM = col.D, col.A, col.B, col.C, col.SUB, col.IMM
_PS0, _EXTRA, _WIDTH = col.PS0, col.EXTRA, col.WIDTH
OFFSET_BITS = 0xFFFFFF  # of an address in shared memory; above: the CTA's rank in its cluster


@inner
def addresses(R: Any, code: Any, pc: Any, wb: Any, mask: Any, A: Any) -> None:
    """Byte addresses of the executing lanes; -1 elsewhere."""
    a, b = place(code[pc, _A], wb), place(code[pc, _B], wb)
    mode, displacement = code[pc, _PS0], code[pc, _IMM]
    for lane in range(32):
        if mode == col.ADDRESS32:
            v = (int64(R[a + lane]) + int64(R[b + lane]) + displacement) & int64(0xFFFFFFFF)
        elif mode == col.ADDRESS64:
            v = int64(uint64(R[a + lane]) | (uint64(R[a + 32 + lane]) << uint64(32)))
            pair = int64(uint64(R[b + lane]) | (uint64(R[b + 32 + lane]) << uint64(32)))
            v = v + pair + displacement
        else:
            pair = int64(uint64(R[b + lane]) | (uint64(R[b + 32 + lane]) << uint64(32)))
            v = int64(R[a + lane]) + pair + displacement
        A[lane] = v if (mask >> uint32(lane)) & uint32(1) else int64(-1)


@inner
def fail(F: Any, kind: int, pc: Any, w: Any, lane: Any, address: Any, size: Any) -> bool:
    """Record a fault; returns False."""
    F[0], F[1], F[2], F[3], F[4], F[5] = kind, pc, w, lane, address, size
    return False


@inner
def own_place(L: Any, W: Any, w: Any, address: Any, size: Any) -> Any:
    """Place of an address in the CTA's own shared memory (the rank does not count), or -1."""
    offset = address & int64(OFFSET_BITS)
    if offset + size > L[st.SHARED_BYTES]:
        return int64(-1)
    return L[st.SHARED_PLACE] + W[w, st.CTA] * L[st.SHARED_BYTES] + offset


@inner
def cluster_place(L: Any, W: Any, w: Any, address: Any, size: Any) -> Any:
    """Place of a shared-memory address whose rank picks the CTA of the cluster, or -1."""
    offset, rank = address & int64(OFFSET_BITS), address >> 24
    if offset + size > L[st.SHARED_BYTES] or rank < 0 or rank >= L[st.CLUSTER]:
        return int64(-1)
    cta = W[w, st.CTA] - W[w, st.RANK] + rank
    return L[st.SHARED_PLACE] + cta * L[st.SHARED_BYTES] + offset


@inner
def global_place(L: Any, ends: Any, address: Any, size: Any) -> Any:
    """Place of a global address, or -1 when it lies outside every allocation."""
    offset = address - L[st.GLOBAL_BASE]
    if offset < 0 or offset + size > L[st.GLOBAL_BYTES]:
        return int64(-1)
    return offset if offset + size <= ends[offset >> st.GRANULE_BITS] else int64(-1)


@inner
def space_place(L: Any, W: Any, w: Any, ends: Any, space: Any, lane: Any, address: Any,
                size: Any) -> Any:  # fmt: skip
    """Place in the buffer of one lane's address, or -1."""
    if space == col.GENERIC:
        window = address >> 32
        if window == st.SHARED_WINDOW:
            return cluster_place(L, W, w, address & int64(0xFFFFFFFF), size)
        space = int64(col.LOCAL if window == st.LOCAL_WINDOW else col.GLOBAL)
    if space == col.GLOBAL:
        return global_place(L, ends, address, size)
    if space == col.SHARED:
        return own_place(L, W, w, address, size)
    offset = address & int64(OFFSET_BITS)
    if offset + size > L[st.LOCAL_BYTES]:
        return int64(-1)
    thread = W[w, st.FIRST_THREAD] + lane
    return L[st.LOCAL_PLACE] + thread * L[st.LOCAL_BYTES] + offset


@inner
def places(code: Any, pc: Any, L: Any, W: Any, w: Any, ends: Any, A: Any, Q: Any, mask: Any,
           F: Any) -> bool:  # fmt: skip
    """Fill ``Q``; False after recording the first fault."""
    space, size = code[pc, _EXTRA], code[pc, _WIDTH]
    if code[pc, col.OP] == col.ATOM and (code[pc, _SUB] >> 4) & int64(15) >= 8:
        alignment = int64(4)
    else:
        alignment = size
    first_global, bytes_global = L[st.GLOBAL_BASE], L[st.GLOBAL_BYTES]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        address = A[lane]
        if address & (alignment - 1):
            return fail(F, st.MISALIGNED, pc, w, lane, address, size)
        offset = address - first_global
        if space == col.GLOBAL and offset >= 0 and offset + size <= bytes_global:
            inside = offset + size <= ends[offset >> st.GRANULE_BITS]
            Q[lane] = offset if inside else int64(-1)
        else:
            Q[lane] = space_place(L, W, w, ends, space, lane, address, size)
        if Q[lane] < 0:
            return fail(F, st.OUT_OF_BOUNDS, pc, w, lane, address, size)
    return True


@inner
def _extended(v: Any, width: Any, signed: Any) -> Any:
    if signed:
        shift = int64(64) - int64(8) * width
        return uint32(((int64(v) << shift) >> shift) & int64(0xFFFFFFFF))
    return v


@inner
def load(R: Any, code: Any, pc: Any, wb: Any, M8: Any, M32: Any, Q: Any, mask: Any) -> None:
    """Loads of 1 to 16 bytes."""
    d, width = place(code[pc, _D], wb), code[pc, _WIDTH]
    if width >= 4:
        for word in range(width >> 2):
            for lane in range(32):
                if (mask >> uint32(lane)) & uint32(1):
                    R[d + 32 * word + lane] = M32[((Q[lane] & int64(0x7FFFFFFFFFFF)) >> 2) + word]
        return
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            v = uint32(M8[Q[lane]])
            if width == 2:
                v |= uint32(M8[Q[lane] + 1]) << uint32(8)
            R[d + lane] = _extended(v, width, code[pc, _SUB])


@inner
def store(R: Any, code: Any, pc: Any, wb: Any, M8: Any, M32: Any, Q: Any, mask: Any) -> None:
    """Stores of 1 to 16 bytes; of lanes with one address the highest wins."""
    c, width = place(code[pc, _C], wb), code[pc, _WIDTH]
    if width >= 4:
        for word in range(width >> 2):
            for lane in range(32):
                if (mask >> uint32(lane)) & uint32(1):
                    M32[((Q[lane] & int64(0x7FFFFFFFFFFF)) >> 2) + word] = R[c + 32 * word + lane]
        return
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            M8[Q[lane]] = R[c + lane] & uint32(255)
            if width == 2:
                M8[Q[lane] + 1] = (R[c + lane] >> uint32(8)) & uint32(255)


@inner
def load_constant(R: Any, code: Any, pc: Any, wb: Any, constants: Any, starts: Any, A: Any,
                  mask: Any) -> None:  # fmt: skip
    """``LDC`` with an index: bytes of a constant bank; zero past its end."""
    d, width = place(code[pc, _D], wb), code[pc, _WIDTH]
    lanes = uint32(0xFFFFFFFF) if code[pc, col.UNIFORM] else mask
    bank = code[pc, _SUB]
    for lane in range(32):
        if not (lanes >> uint32(lane)) & uint32(1):
            continue
        source = A[lane] if A[lane] >= 0 else A[0]
        for word in range(max(width >> 2, 1)):
            v = uint32(0)
            for byte in range(min(width, 4)):
                at = starts[bank] + source + 4 * word + byte
                if at < starts[bank + 1]:
                    v |= uint32(constants[at]) << uint32(8 * byte)
            R[d + 32 * word + lane] = _extended(v, width, code[pc, _C]) if width < 4 else v


@inner
def global_to_shared(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, L: Any, W: Any, w: Any,
                     ends: Any, M8: Any, A: Any, Q: Any, mask: Any, X: Any,
                     F: Any) -> bool:  # fmt: skip
    """``LDGSTS``: an asynchronous copy, done at once.

    With ``.ZFILL`` the lower bits of the global address count the bytes at the end that are zeros
    instead, and a false predicate fills all with zeros; without, it leaves the target alone.
    """
    width = code[pc, _WIDTH]
    taken = mask
    number = code[pc, col.PS1]
    reading = P[pb + (number & int64(31))]
    if number & int64(32):
        reading = ~reading
    for lane in range(32):
        cut = A[lane] & (width - 1) if code[pc, _SUB] and A[lane] >= 0 else int64(0)
        A[lane] -= cut
        X[lane] = float(width - cut)
    if not places(code, pc, L, W, w, ends, A, Q, mask & reading, F):
        return False
    if not code[pc, _SUB]:
        taken = mask & reading
    c, u = place(code[pc, _C], wb), place(code[pc, _D], wb)
    for lane in range(32):
        if not (taken >> uint32(lane)) & uint32(1):
            continue
        address = (int64(R[c + lane]) + int64(R[u + lane]) + code[pc, col.MODS]) & int64(0xFFFFFFFF)
        target = own_place(L, W, w, address, width)
        if address & (width - 1):
            return fail(F, st.MISALIGNED, pc, w, lane, address, width)
        if target < 0:
            return fail(F, st.OUT_OF_BOUNDS, pc, w, lane, address, width)
        for byte in range(width):
            copied = ((reading >> uint32(lane)) & uint32(1)) != 0 and byte < X[lane]
            M8[target + byte] = M8[Q[lane] + byte] if copied else uint32(0)
    return True


@inner
def address_space(R: Any, P: Any, code: Any, pc: Any, pb: Any, A: Any, mask: Any) -> None:
    """``QSPC``: lanes whose generic address lies in the space SUB."""
    true = uint32(0)
    for lane in range(32):
        window = A[lane] >> 32
        space = int64(col.GLOBAL)
        if window == st.SHARED_WINDOW:
            space = int64(col.SHARED)
        elif window == st.LOCAL_WINDOW:
            space = int64(col.LOCAL)
        true |= uint32(space == code[pc, _SUB]) << uint32(lane)
    n = pb + code[pc, col.PD0]
    P[n] = (P[n] & ~mask) | (true & mask)


@inner
def load_matrices(R: Any, code: Any, pc: Any, wb: Any, M32: Any, Q: Any) -> None:
    """``LDSM``: 8 x 8 matrices of 16-bit elements, one row address per lane.

    Lane l gets elements 2 (l mod 4) and the next of row l / 4; transposed: of column l / 4.
    """
    d = place(code[pc, _D], wb)
    for number in range(code[pc, col.PS1]):
        for lane in range(32):
            if code[pc, _SUB]:
                v = uint32(0)
                column = lane >> 2
                for k in range(2):
                    row = Q[8 * number + 2 * (lane & 3) + k]
                    word = M32[(row >> 2) + (column >> 1)]
                    v |= ((word >> uint32(16 * (column & 1))) & uint32(0xFFFF)) << uint32(16 * k)
            else:
                v = M32[(Q[8 * number + (lane >> 2)] >> 2) + (lane & 3)]
            R[d + 32 * number + lane] = v


@inner
def store_matrices(R: Any, code: Any, pc: Any, wb: Any, M8: Any, M32: Any, Q: Any) -> None:
    """``STSM``: the opposite of `load_matrices`."""
    c = place(code[pc, _C], wb)
    for number in range(code[pc, col.PS1]):
        for lane in range(32):
            v = R[c + 32 * number + lane]
            if code[pc, _SUB]:
                for k in range(2):
                    row = Q[8 * number + 2 * (lane & 3) + k]
                    half = (v >> uint32(16 * k)) & uint32(0xFFFF)
                    M8[row + 2 * (lane >> 2)] = half & uint32(255)
                    M8[row + 2 * (lane >> 2) + 1] = half >> uint32(8)
            else:
                M32[(Q[8 * number + (lane >> 2)] >> 2) + (lane & 3)] = v


@inlined
def descriptor_word(R: Any, row: Any) -> Any:
    """The 64 bits of a uniform register pair."""
    return uint64(R[row]) | (uint64(R[row + 32]) << uint64(32))
