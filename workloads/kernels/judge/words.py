"""Integers, strings and bits; local memory; launches of one CTA and of thousands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import cuda, int32, uint8, uint32

from workloads.kernels.examples.case import Case, exact
from workloads.kernels.judge.numeric import _check_finite, launch

TABLE = np.zeros(256, np.uint32)
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = (_c >> 1) ^ (0xEDB88320 if _c & 1 else 0)
    TABLE[_i] = _c


@cuda.jit
def crc32(data, out, size):
    """Checksum of each record by a table in constant memory."""
    table = cuda.const.array_like(TABLE)
    i = cuda.grid(1)
    if i < out.shape[0]:
        crc = uint32(0xFFFFFFFF)
        for k in range(size):
            crc = (crc >> uint32(8)) ^ table[(crc ^ data[i * size + k]) & uint32(0xFF)]
        out[i] = crc ^ uint32(0xFFFFFFFF)


@cuda.jit
def find(text, pattern, hits):
    """Every place of a short pattern in a text of bytes."""
    i = cuda.grid(1)
    if i <= text.shape[0] - pattern.shape[0]:
        k = 0
        while k < pattern.shape[0] and text[i + k] == pattern[k]:
            k += 1
        hits[i] = 1 if k == pattern.shape[0] else 0


@cuda.jit
def edit_distance(a, b, out, n):
    """Levenshtein distance of pairs of strings; the row lies in local memory."""
    row = cuda.local.array(33, int32)
    i = cuda.grid(1)
    if i < out.shape[0]:
        for j in range(n + 1):
            row[j] = j
        for r in range(n):
            before = row[0]
            row[0] = r + 1
            for j in range(n):
                keep = row[j + 1]
                cost = before if a[i, r] == b[i, j] else before + 1
                row[j + 1] = min(cost, min(row[j], keep) + 1)
                before = keep
        out[i] = row[n]


@cuda.jit
def align(a, b, out, size):
    """Needleman and Wunsch by anti-diagonals in one block a pair."""
    one = cuda.shared.array(257, int32)
    two = cuda.shared.array(257, int32)
    three = cuda.shared.array(257, int32)
    t = cuda.threadIdx.x
    pair = cuda.blockIdx.x
    one[t] = 0
    two[t] = 0
    three[t] = 0
    cuda.syncthreads()
    for d in range(2 * size - 1):
        j = d - t
        score = 0
        if 0 <= j < size:
            match = 2 if a[pair, t] == b[pair, j] else -1
            up = one[t] if t > 0 else 0
            diagonal = two[t] if t > 0 else 0
            score = max(diagonal + match, max(up, one[t + 1]) - 1)
            three[t + 1] = score
        cuda.syncthreads()
        two[t + 1] = one[t + 1]
        one[t + 1] = three[t + 1]
        cuda.syncthreads()
    if t == size - 1:
        out[pair] = one[size]


@cuda.jit
def greatest_divisor(x, y, out):
    """Euclid's algorithm."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        a = x[i]
        b = y[i]
        while b != 0:
            a, b = b, a % b
        out[i] = a


@cuda.jit
def primes(out, base):
    """Trial division."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        n = base + i
        prime = 1
        d = 2
        while d * d <= n:
            if n % d == 0:
                prime = 0
                break
            d += 1
        out[i] = prime


@cuda.jit
def bits(x, y):
    """Population counts, leading zeros, reversals and rotations."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = x[i]
        total = uint32(0)
        for _r in range(8):
            total += cuda.popc(v) + cuda.clz(v)
            v = cuda.brev(v) ^ ((v << uint32(5)) | (v >> uint32(27)))
        y[i] = total + v


@cuda.jit
def base64(data, alphabet, out):
    """Three bytes to four characters."""
    i = cuda.grid(1)
    if 3 * i + 2 < data.shape[0]:
        word = (int32(data[3 * i]) << 16) | (int32(data[3 * i + 1]) << 8) | int32(data[3 * i + 2])
        for k in range(4):
            out[4 * i + k] = alphabet[(word >> (18 - 6 * k)) & 63]


@cuda.jit
def sort_local(x, out):
    """Insertion sort of 24 keys a thread in local memory."""
    keys = cuda.local.array(24, int32)
    i = cuda.grid(1)
    if i < x.shape[0]:
        for k in range(24):
            keys[k] = x[i, k]
        for k in range(1, 24):
            v = keys[k]
            j = k - 1
            while j >= 0 and keys[j] > v:
                keys[j + 1] = keys[j]
                j -= 1
            keys[j + 1] = v
        for k in range(24):
            out[i, k] = keys[k]


@cuda.jit
def aes_like(x, box, out, rounds):
    """Substitutions from a table in shared memory and byte rotations."""
    local = cuda.shared.array(256, uint8)
    t = cuda.threadIdx.x
    if t < 256:
        local[t] = box[t]
    cuda.syncthreads()
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = x[i]
        for r in range(rounds):
            a = uint32(local[v & uint32(255)])
            b = uint32(local[(v >> uint32(8)) & uint32(255)])
            c = uint32(local[(v >> uint32(16)) & uint32(255)])
            d = uint32(local[(v >> uint32(24)) & uint32(255)])
            v = (b << uint32(24)) | (c << uint32(16)) | (d << uint32(8)) | a
            v ^= uint32(r * 40503)
        out[i] = v


@cuda.jit
def collapse(x, out):
    """One block sums everything, with a barrier a round."""
    part = cuda.shared.array(1024, int32)
    t = cuda.threadIdx.x
    total = 0
    for i in range(t, x.shape[0], 1024):
        total += x[i]
    part[t] = total
    cuda.syncthreads()
    step = 512
    while step > 0:
        if t < step:
            part[t] += part[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        out[0] = part[0]


@cuda.jit
def tiny(x, y):
    """A warp a CTA: many launches' worth of CTAs with little to do each."""
    i = cuda.grid(1)
    y[i] = x[i] * 3 + 1


@cuda.jit
def divide(x, y, q, r):
    """64-bit quotients and remainders."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        q[i] = x[i] // y[i]
        r[i] = x[i] % y[i]


@cuda.jit
def modular_power(base, exponent, out, modulus):
    """Powers by squaring, 64-bit products modulo a 31-bit number."""
    i = cuda.grid(1)
    if i < base.shape[0]:
        b = base[i]
        e = exponent[i]
        acc = np.uint64(1)
        while e > np.uint64(0):
            if e & np.uint64(1):
                acc = (acc * b) % modulus
            b = (b * b) % modulus
            e >>= np.uint64(1)
        out[i] = acc


def _strings(rng: np.random.Generator) -> Iterator[Case]:
    import zlib

    for n, size in ((2_000, 64), (60_000, 32)):
        data = rng.integers(0, 256, n * size).astype(np.uint8)
        want = np.array([zlib.crc32(row.tobytes()) for row in data.reshape(n, size)], np.uint32)
        yield launch(f"crc32_{n}_{size}", crc32, -(-n // 128), 128,
                     (data, np.zeros(n, np.uint32), size), exact(1, want))  # fmt: skip
    n = 1_500_000
    text = rng.integers(97, 101, n).astype(np.uint8)
    pattern = text[1000:1006].copy()
    want = (np.lib.stride_tricks.sliding_window_view(text, 6) == pattern).all(axis=1)
    yield launch(f"find_{n}", find, -(-n // 256), 256,
                 (text, pattern, np.zeros(n - 5, np.uint8)),
                 exact(2, want.astype(np.uint8)))  # fmt: skip
    for n in (1_500, 50_000):
        a, b = (rng.integers(0, 4, (n, 32)).astype(np.uint8) for _ in range(2))
        yield launch(f"edit_distance_{n}", edit_distance, -(-n // 128), 128,
                     (a, b, np.zeros(n, np.int32), 32), _check_finite(2))  # fmt: skip
    for pairs in (1, 300):
        a, b = (rng.integers(0, 4, (pairs, 256)).astype(np.uint8) for _ in range(2))
        yield launch(f"align_{pairs}", align, pairs, 256,
                     (a, b, np.zeros(pairs, np.int32), 256), _check_finite(2))  # fmt: skip
    n = 900_000
    data = rng.integers(0, 256, n).astype(np.uint8)
    alphabet = np.frombuffer(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8
    ).copy()
    import base64 as codec

    want = np.frombuffer(codec.b64encode(data.tobytes()), np.uint8)
    yield launch(f"base64_{n}", base64, -(-n // 3 // 256), 256,
                 (data, alphabet, np.zeros(n // 3 * 4, np.uint8)), exact(2, want))  # fmt: skip


def _integers(rng: np.random.Generator) -> Iterator[Case]:
    for n in (3_000, 200_000):
        x, y = (rng.integers(1, 1 << 30, n).astype(np.int32) for _ in range(2))
        yield launch(f"greatest_divisor_{n}", greatest_divisor, -(-n // 128), 128,
                     (x, y, np.zeros_like(x)), exact(2, np.gcd(x, y)))  # fmt: skip
    for n, base in ((2_048, 100_000), (100_000, 1_000)):
        sieve = np.ones(base + n, bool)
        sieve[:2] = False
        for d in range(2, int((base + n) ** 0.5) + 1):
            sieve[d * d :: d] = False
        yield launch(f"primes_{n}_{base}", primes, -(-n // 128), 128,
                     (np.zeros(n, np.int32), np.int32(base)),
                     exact(0, sieve[base:].astype(np.int32)))  # fmt: skip
    for n in (20_000, 700_000):
        x = rng.integers(0, 1 << 32, n, dtype=np.uint32)
        yield launch(f"bits_{n}", bits, -(-n // 256), 256, (x, np.zeros_like(x)), _check_finite(1))
    n = 150_000
    x, y = rng.integers(0, 1 << 60, n), rng.integers(1, 1 << 30, n)
    yield launch(f"divide_{n}", divide, -(-n // 128), 128,
                 (x, y, np.zeros_like(x), np.zeros_like(x)), exact(2, x // y))  # fmt: skip
    n, modulus = 40_000, np.uint64(2_147_483_647)
    b, e = (rng.integers(1, 1 << 30, n).astype(np.uint64) for _ in range(2))
    yield launch(f"modular_power_{n}", modular_power, -(-n // 128), 128,
                 (b, e, np.zeros_like(b), modulus), _check_finite(2))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _strings(rng)
    yield from _integers(rng)
    for n in (1_000, 60_000):
        x = rng.integers(0, 1 << 20, (n, 24)).astype(np.int32)
        yield launch(f"sort_local_{n}", sort_local, -(-n // 128), 128, (x, np.zeros_like(x)),
                     exact(1, np.sort(x, axis=1)))  # fmt: skip
    for n, rounds in ((4_096, 40), (500_000, 10)):
        x = rng.integers(0, 1 << 32, n, dtype=np.uint32)
        box = rng.permutation(256).astype(np.uint8)
        yield launch(f"aes_like_{n}", aes_like, -(-n // 256), 256,
                     (x, box, np.zeros_like(x), rounds), _check_finite(2))  # fmt: skip
    for n in (5_000, 400_000):
        x = rng.integers(0, 9, n).astype(np.int32)
        yield launch(f"collapse_{n}", collapse, 1, 1024, (x, np.zeros(1, np.int32)),
                     exact(1, np.array([x.sum()], np.int32)))  # fmt: skip
    for ctas in (40, 5_000, 30_000):
        x = rng.integers(0, 99, ctas * 32).astype(np.int32)
        yield launch(f"tiny_{ctas}", tiny, ctas, 32, (x, np.zeros_like(x)),
                     exact(1, x * 3 + 1))  # fmt: skip
