"""Shared memory: wavefronts of an access by its bank conflicts, and atomics in it."""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import fused
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_memory import LANES, LINE, Ints


@fused
def _fullest_bank(row: Ints, mask: int, words: int, first: int, last: int, scratch: Ints) -> int:
    """Most different words of one bank that the lanes from ``first`` to before ``last`` ask for."""
    first_word, count, extra = scratch[0], scratch[1], scratch[2]
    most, extras = 0, 0  # extra: second and later words of the banks
    for bank in range(32):
        count[bank] = 0
    for lane in range(first, last):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        for k in range(words):
            word = row[lane] // 4 + k
            bank = word & 31
            if count[bank] == 0:
                count[bank], first_word[bank] = 1, word
                most = max(most, 1)
            elif first_word[bank] != word:
                fresh = True
                for i in range(extras):
                    if extra[i] == word:
                        fresh = False
                        break
                if fresh and extras < 160:
                    extra[extras] = word
                    extras += 1
                    count[bank] += 1
                    most = max(most, count[bank])
    return most


@fused
def _paired(row: Ints, mask: int, first: int, last: int, apart: int) -> bool:
    """Whether all lanes name the address of the lane whose number differs by the bit ``apart``."""
    for lane in range(first, last):
        other = lane ^ apart
        if (mask >> lane) & (mask >> other) & 1 and row[lane] != row[other]:
            return False
    return True


@fused
def shared_passes(row: Ints, mask: int, size: int, scratch: Ints) -> int:
    """Wavefronts of a shared-memory access of ``size`` bytes a lane.

    All lanes of 4 bytes go together, as often as the fullest bank has different words. Lanes of 8
    bytes go in two halves, of 16 in four quarters; two neighbouring ones join where every lane
    shares its address with its neighbour, or with the lane after its neighbour
    (``load_pattern`` records). ``scratch`` is int64[4, 160].
    """
    words, group = max(1, size // 4), max(1, min(LANES, 2 * LINE // size))
    passes = 0
    for first in range(0, LANES, group):
        last, half = first + group, group // 2
        if size <= 4 or _paired(row, mask, first, last, 1) or _paired(row, mask, first, last, 2):
            passes += _fullest_bank(row, mask, words, first, last, scratch)
        else:
            passes += _fullest_bank(row, mask, words, first, first + half, scratch)
            passes += _fullest_bank(row, mask, words, first + half, last, scratch)
    return max(1, passes)


@fused
def _crowded_bank(row: Ints, mask: int, size: int, first: int, last: int, scratch: Ints) -> int:
    """Most lanes from ``first`` to before ``last`` that want one bank, of one or several words."""
    count, words, most = scratch[1], max(1, size // 4), 0
    for bank in range(32):
        count[bank] = 0
    for lane in range(first, last):
        if row[lane] >= 0 and (mask >> lane) & 1:
            bank = row[lane] // (4 * words) % (32 // words)
            count[bank] += 1
            most = max(most, count[bank])
    return most


@fused
def shared_atomic(
    K: Any, row: Ints, mask: int, size: int, flags: int, scratch: Ints
) -> tuple[float, float, float]:
    """(clocks of the pipe, clocks to the result, clocks of the sub-core's registers) of an atomic.

    Lanes that want one bank go one after the other, whether they share the word or not; only counts
    whose result nobody wants join. A compare-and-swap takes two clocks a pass. One that spins makes
    a single pass: lanes that find their bank taken fail and try again, as the program says.
    """
    half = LANES * 4 // max(4, size)
    if flags & tt.FLAG_COUNT:
        return float(shared_passes(row, mask, size, scratch)), K[c.SHARED_ATOMIC_CYCLES], 0.0
    turns, back = LANES // half, K[c.SHARED_PASS_CYCLES]
    if flags & tt.FLAG_SPIN:
        busy = K[c.SHARED_CAS_CYCLES] * turns
        wait = K[c.SHARED_ATOMIC_CYCLES] + back * K[c.SHARED_CAS_CYCLES]
        return busy, wait + K[c.SHARED_SPIN_CYCLES] * turns, back * busy
    passes = 0
    for first in range(0, LANES, half):
        passes += _crowded_bank(row, mask, size, first, first + half, scratch)
    passes = max(1, passes)
    if flags & tt.FLAG_CAS:
        busy = K[c.SHARED_CAS_CYCLES] * passes
        return busy, K[c.SHARED_ATOMIC_CYCLES] + back * busy, back * busy
    wait = K[c.SHARED_ATOMIC_CYCLES] + back * (passes - 1)
    return float(passes), wait, 0.0 if flags & tt.FLAG_SILENT else back * passes
