"""Strings, hashes and searches: bytes, 32- and 64-bit words, divergent loops, stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import cuda, int32, uint8, uint32, uint64

from workloads.kernels.examples.case import Case, exact
from workloads.kernels.judge.numeric import launch


def _round_words() -> np.ndarray:
    """SHA-256's round constants: cube roots of the first 64 primes."""
    primes = [p for p in range(2, 312) if all(p % q for q in range(2, p))]
    return np.array([int((p ** (1 / 3) % 1) * (1 << 32)) for p in primes[:64]], np.uint32)


ROUNDS = _round_words()


@cuda.jit
def horspool(text, pattern, skip, hits, span):
    """Boyer, Moore and Horspool: every thread searches its span of a text."""
    i = cuda.grid(1)
    m = pattern.shape[0]
    place = i * span
    end = min(place + span, text.shape[0] - m + 1)
    n = 0
    while place < end:
        k = m - 1
        while k >= 0 and text[place + k] == pattern[k]:
            k -= 1
        if k < 0:
            n += 1
        place += skip[text[place + m - 1]]
    if i < hits.shape[0]:
        hits[i] = n


@cuda.jit
def myers(patterns, texts, out):
    """Edit distance of 32 against 64 characters by bit vectors, a thread a pair."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        up = uint32(0xFFFFFFFF)
        down = uint32(0)
        score = 32
        for j in range(texts.shape[1]):
            c = texts[i, j]
            equal = uint32(0)
            for k in range(32):
                if patterns[i, k] == c:
                    equal = uint32(equal | (uint32(1) << uint32(k)))
            x = equal | down
            d = uint32(uint32((equal & up) + up) ^ up) | equal
            h = uint32(down | ~(d | up))
            v = up & d
            if h & uint32(0x80000000):
                score += 1
            elif v & uint32(0x80000000):
                score -= 1
            h = uint32(uint32(h << uint32(1)) | uint32(1))
            up = uint32(uint32(v << uint32(1)) | ~(x | h))
            down = uint32(h & x)
        out[i] = score


@cuda.jit
def hamming(codes, query, out):
    """Distances of codes of 256 bits from one: exclusive or and counts of bits."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        total = 0
        for k in range(4):
            total += cuda.popc(codes[i, k] ^ query[k])
        out[i] = total


@cuda.jit
def numbers(text, starts, out):
    """Reads decimal numbers of different length out of a text."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        k = starts[i]
        value = 0
        c = text[k]
        while 48 <= c <= 57:
            value = value * 10 + (c - 48)
            k += 1
            c = text[k]
        out[i] = value


@cuda.jit(device=True)
def turned(x, n):
    """A 32-bit word rotated right by ``n``."""
    return uint32(x >> uint32(n)) | uint32(x << uint32(32 - n))


@cuda.jit
def sha_rounds(message, constants, out):
    """The 64 rounds of SHA-256 over one block a thread; the schedule in local memory."""
    w = cuda.local.array(16, uint32)
    i = cuda.grid(1)
    if i < out.shape[0]:
        for k in range(16):
            w[k] = message[k, i]
        a = uint32(0x6A09E667)
        b = uint32(0xBB67AE85)
        c = uint32(0x3C6EF372)
        d = uint32(0xA54FF53A)
        e = uint32(0x510E527F)
        f = uint32(0x9B05688C)
        g = uint32(0x1F83D9AB)
        h = uint32(0x5BE0CD19)
        for k in range(64):
            if k >= 16:
                p = w[(k + 1) & 15]
                q = w[(k + 14) & 15]
                s0 = turned(p, 7) ^ turned(p, 18) ^ (p >> uint32(3))
                s1 = turned(q, 17) ^ turned(q, 19) ^ (q >> uint32(10))
                w[k & 15] = uint32(w[k & 15] + s0 + w[(k + 9) & 15] + s1)
            s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
            one = uint32(h + s1 + ((e & f) ^ (~e & g)) + constants[k] + w[k & 15])
            s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
            two = uint32(s0 + ((a & b) ^ (a & c) ^ (b & c)))
            h = g
            g = f
            f = e
            e = uint32(d + one)
            d = c
            c = b
            b = a
            a = uint32(one + two)
        out[i] = a + uint32(0x6A09E667)


@cuda.jit
def murmur(data, out):
    """MurmurHash2's 64-bit mixing over eight words a record."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        m = uint64(0xC6A4A7935BD1E995)
        h = uint64(0x9747B28C)
        for k in range(8):
            v = data[i, k] * m
            v ^= v >> uint64(47)
            h = (h ^ (v * m)) * m
        h ^= h >> uint64(47)
        out[i] = h


@cuda.jit
def queens(firsts, out, n):
    """Solutions of n queens below given first two rows; a stack in local memory."""
    free = cuda.local.array(16, int32)
    columns = cuda.local.array(16, int32)
    left = cuda.local.array(16, int32)
    right = cuda.local.array(16, int32)
    i = cuda.grid(1)
    if i < out.shape[0]:
        full = (1 << n) - 1
        a = firsts[i, 0]
        b = firsts[i, 1]
        columns[2] = (1 << a) | (1 << b)
        left[2] = (((1 << a) << 1) | (1 << b)) << 1
        right[2] = (((1 << a) >> 1) | (1 << b)) >> 1
        free[2] = full & ~(columns[2] | left[2] | right[2])
        row = 2
        count = 0
        while row >= 2:
            if free[row] == 0:
                row -= 1
            else:
                bit = free[row] & -free[row]
                free[row] ^= bit
                if row == n - 1:
                    count += 1
                else:
                    columns[row + 1] = columns[row] | bit
                    left[row + 1] = (left[row] | bit) << 1
                    right[row + 1] = (right[row] | bit) >> 1
                    row += 1
                    free[row] = full & ~(columns[row] | left[row] | right[row])
        out[i] = count


@cuda.jit
def utf8_starts(text, counts):
    """Characters of a text: bytes that begin one, 16 a thread, counted by warps."""
    i = cuda.grid(1)
    n = 0
    for k in range(16):
        place = (i & ~31) * 16 + k * 32 + (i & 31)
        if place < text.shape[0] and (text[place] & uint8(0xC0)) != uint8(0x80):
            n += 1
    for k in range(5):
        n += cuda.shfl_xor_sync(0xFFFFFFFF, n, 1 << k)
    if i & 31 == 0:
        counts[i >> 5] = n


def _sum_is(index: int, want: int) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        assert int(args[index].sum()) == want, (int(args[index].sum()), want)

    return check


def _equals(index: int, want: Callable[[tuple[Any, ...]], np.ndarray]) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        np.testing.assert_array_equal(args[index], want(args))

    return check


def _sha(message: np.ndarray) -> np.ndarray:
    """The first word after the 64 rounds, by the standard's formulas."""

    def turn(x: np.ndarray, n: int) -> np.ndarray:
        return (x >> np.uint32(n)) | (x << np.uint32(32 - n))

    w = list(message)
    for k in range(16, 64):
        s0 = turn(w[k - 15], 7) ^ turn(w[k - 15], 18) ^ (w[k - 15] >> np.uint32(3))
        s1 = turn(w[k - 2], 17) ^ turn(w[k - 2], 19) ^ (w[k - 2] >> np.uint32(10))
        w.append(w[k - 16] + s0 + w[k - 7] + s1)
    start = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB,
             0x5BE0CD19)  # fmt: skip
    a, b, c, d, e, f, g, h = (np.full_like(message[0], v) for v in start)
    for k in range(64):
        s1, choice = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25), (e & f) ^ (~e & g)
        one = h + s1 + choice + ROUNDS[k] + w[k]
        two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
        a, b, c, d, e, f, g, h = one + two, a, b, c, d + one, e, f, g
    return a + np.uint32(start[0])


def _least_ends(patterns: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Edit distance of each pattern from its text, by the classical table."""
    n, m = patterns.shape
    column = np.tile(np.arange(m + 1), (n, 1))
    for j in range(texts.shape[1]):
        fresh = np.zeros_like(column)
        fresh[:, 0] = j + 1
        for i in range(m):
            miss = column[:, i] + (patterns[:, i] != texts[:, j])
            fresh[:, i + 1] = np.minimum(np.minimum(fresh[:, i], column[:, i + 1]) + 1, miss)
        column = fresh
    return column[:, m]


def _pairs(n: int) -> np.ndarray:
    return np.array([(a, b) for a in range(n) for b in range(n) if abs(a - b) > 1], np.int32)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    pattern = np.frombuffer(b"abcabd", np.uint8).copy()
    for n in (40_000, 4_000_000):
        text = rng.integers(97, 101, n).astype(np.uint8)
        skip = np.full(256, 6, np.int32)
        skip[pattern[:-1]] = 5 - np.arange(5)
        threads = -(-n // 64)
        yield launch(f"horspool_{n}", horspool, -(-threads // 128), 128,
                     (text, pattern, skip, np.zeros(threads, np.int32), 64),
                     _sum_is(3, bytes(text).count(b"abcabd")))  # fmt: skip
    n = 6_000
    yield launch(f"myers_{n}", myers, -(-n // 64), 64,
                 (rng.integers(97, 101, (n, 32)).astype(np.uint8),
                  rng.integers(97, 101, (n, 64)).astype(np.uint8), np.zeros(n, np.int32)),
                 _equals(2, lambda args: _least_ends(args[0], args[1])))  # fmt: skip
    for n in (10_000, 700_000):
        codes, query = rng.integers(0, 1 << 62, (n, 4)), rng.integers(0, 1 << 62, 4)
        want = np.bitwise_count(codes ^ query).sum(axis=1).astype(np.int32)
        yield launch(f"hamming_{n}", hamming, -(-n // 256), 256,
                     (codes, query, np.zeros(n, np.int32)), exact(2, want))  # fmt: skip
    for n in (2_000, 250_000):
        values = rng.integers(0, 10 ** rng.integers(1, 10, n))
        words = [str(v) for v in values]
        starts = np.concatenate([[0], np.cumsum([len(w) + 1 for w in words])[:-1]])
        text = np.frombuffer((",".join(words) + ",").encode(), np.uint8).copy()
        yield launch(f"numbers_{n}", numbers, -(-n // 128), 128,
                     (text, starts.astype(np.int32), np.zeros(n, np.int64)),
                     exact(2, values))  # fmt: skip
    for n in (512, 50_000):
        message = rng.integers(0, 1 << 32, (16, n)).astype(np.uint32)
        yield launch(f"sha_rounds_{n}", sha_rounds, -(-n // 128), 128,
                     (message, ROUNDS, np.zeros(n, np.uint32)),
                     _equals(2, lambda args: _sha(args[0])))  # fmt: skip
    for n in (30_000, 400_000):
        yield launch(f"murmur_{n}", murmur, -(-n // 192), 192,
                     (rng.integers(0, 1 << 62, (n, 8)).astype(np.uint64), np.zeros(n, np.uint64)),
                     lambda args: None)  # fmt: skip
    firsts = _pairs(9)
    yield launch("queens_9", queens, -(-len(firsts) // 32), 32,
                 (firsts, np.zeros(len(firsts), np.int32), 9), _sum_is(1, 352))  # fmt: skip
    text = rng.integers(0, 256, 2_000_000).astype(np.uint8)
    threads = -(-len(text) // 16)
    yield launch("utf8_starts_2000000", utf8_starts, -(-threads // 256), 256,
                 (text, np.zeros(-(-threads // 256) * 8, np.int32)),
                 _sum_is(1, int(((text & 0xC0) != 0x80).sum())))  # fmt: skip
