"""The kernels: linear layers, layer norm, attention, gate and queues.

Activations are int32 with 22 fraction bits, sums int64. A grid-stride loop or a bound check makes
every kernel right for any launch.
"""

from __future__ import annotations

from typing import Any

from numba import cuda, int32, int64

from workloads.kernels.edgemoe.functions import (
    ONE,
    F,
    exp_minus,
    gelu,
    narrow,
    reciprocal,
    rsqrt,
)

TILE = 16
"""Rows and columns of a linear layer's result per block, and the depth of a shared tile."""

MEAN = 30
"""Fraction bits of ``1 / dim``."""

MOST = 16
"""Largest top-k."""


@cuda.jit
def linear(
    x: Any, weight: Any, bias: Any, tokens: Any, scores: Any, table: Any,
    shift: int, mode: int, out: Any,
) -> None:  # fmt: skip
    """``x @ weight.T + bias`` of the rows ``tokens``, for ``mode``:

    0: plain; 1: with GELU; 2: times ``scores`` and added to row ``tokens[i]`` of ``out``; 3: rows
    of ``x`` in order, as in 2 (the second layer of an expert). ``bias`` is int64 at 22 fraction
    bits; ``weight`` [out, in] int16; ``shift`` its fraction bits.
    """
    left = cuda.shared.array((TILE, TILE), int64)
    right = cuda.shared.array((TILE, TILE), int64)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    row = cuda.blockIdx.y * TILE + ty
    column = cuda.blockIdx.x * TILE + tx
    depth = x.shape[1]
    source = int64(0)
    if row < tokens.shape[0]:
        source = int64(row) if mode == 3 else int64(tokens[row])
    total = int64(0)
    for base in range(0, depth, TILE):
        left[ty, tx] = 0
        right[ty, tx] = 0
        if row < tokens.shape[0] and base + tx < depth:
            left[ty, tx] = x[source, base + tx]
        other = cuda.blockIdx.x * TILE + ty
        if other < weight.shape[0] and base + tx < depth:
            right[ty, tx] = weight[other, base + tx]
        cuda.syncthreads()
        for i in range(TILE):
            total += left[ty, i] * right[tx, i]
        cuda.syncthreads()
    if row < tokens.shape[0] and column < weight.shape[0]:
        value = narrow(narrow(total, shift) + bias[column], 0)
        if mode == 1:
            value = gelu(table, value)
        if mode >= 2:
            weighed = narrow(value * int64(scores[row]), F)
            target = tokens[row]
            out[target, column] = narrow(int64(out[target, column]) + weighed, 0)
        else:
            out[row, column] = value


@cuda.jit
def add(a: Any, b: Any, out: Any) -> None:
    """``a + b``, wrapped; flat arrays."""
    i = cuda.grid(1)
    if i < a.shape[0]:
        out[i] = narrow(int64(a[i]) + int64(b[i]), 0)


@cuda.jit
def layer_norm(
    x: Any, scale: Any, offset: Any, table: Any, factor: int, epsilon: int, shift: int, out: Any
) -> None:
    """Normalise each row; a block of 64 threads a row. ``offset`` is int64 at 22 fraction bits."""
    sums = cuda.shared.array(64, int64)
    squares = cuda.shared.array(64, int64)
    row = cuda.blockIdx.x
    lane = cuda.threadIdx.x
    total = int64(0)
    square = int64(0)
    for i in range(lane, x.shape[1], 64):
        value = int64(x[row, i])
        total += value
        square += (value * value) >> F
    sums[lane] = total
    squares[lane] = square
    cuda.syncthreads()
    total = int64(0)
    square = int64(0)
    for i in range(64):
        total += sums[i]
        square += squares[i]
    mean = (total * factor) >> MEAN
    low = (square & int64(0xFFFFF)) * factor
    mean_square = ((square >> 20) * factor + (low >> 20)) >> (MEAN - 20)
    variance = mean_square - ((mean * mean) >> F)
    if variance < 0:
        variance = int64(0)
    variance += epsilon
    if variance >= int64(1) << 40:
        variance = (int64(1) << 40) - 1
    inverse = rsqrt(table, variance)
    for i in range(lane, x.shape[1], 64):
        normal = ((int64(x[row, i]) - mean) * inverse) >> F
        out[row, i] = narrow(narrow(normal * int64(scale[i]), shift) + offset[i], 0)


@cuda.jit
def attention_scores(query: Any, key: Any, heads: int, shift: int, out: Any) -> None:
    """Scores [heads, n, n]; a thread a score, x over keys, y over queries, z over heads."""
    j, i = cuda.grid(2)
    head = cuda.blockIdx.z
    n = query.shape[0]
    if i < n and j < n:
        width = query.shape[1] // heads
        total = int64(0)
        for d in range(head * width, (head + 1) * width):
            total += int64(query[i, d]) * int64(key[j, d])
        out[head, i, j] = narrow(total, shift)


@cuda.jit
def online_softmax(scores: Any, table: Any, queries: int, sums: Any) -> None:
    """Reciprocal sum and maximum of each row of [rows, n]: ``sums`` [rows, 2] int64.

    Row r starts at number ``r mod n mod queries`` and goes around; the rows are those of
    [heads, n, n] scores. With ``queries`` 1 every row starts at 0.
    """
    row = cuda.grid(1)
    if row < scores.shape[0]:
        n = scores.shape[1]
        at = (row % n) % queries
        bias = int64(scores[row, at])
        total = int64(ONE)
        for _ in range(n - 1):
            at += 1
            if at == n:
                at = 0
            value = int64(scores[row, at])
            if value > bias:
                total = ((total * exp_minus(table, value - bias)) >> F) + ONE
                bias = value
            else:
                total += exp_minus(table, bias - value)
        sums[row, 0] = reciprocal(table, total)
        sums[row, 1] = bias


@cuda.jit
def attention_mix(scores: Any, sums: Any, value: Any, heads: int, table: Any, out: Any) -> None:
    """Weighted sums [n, dim]; a block of ``dim / heads`` threads a query (x) and head (y)."""
    query = cuda.blockIdx.x
    head = cuda.blockIdx.y
    n = value.shape[0]
    width = value.shape[1] // heads
    row = head * n + query
    d = head * width + cuda.threadIdx.x
    total = int64(0)
    for j in range(n):
        power = exp_minus(table, sums[row, 1] - int64(scores[head, query, j]))
        total += ((power * sums[row, 0]) >> F) * int64(value[j, d])
    out[query, d] = narrow(total, F)


@cuda.jit
def gate(logits: Any, top_k: int, table: Any, experts: Any, scores: Any) -> None:
    """Softmax over all experts and the best, of [n, experts] logits; a thread a token."""
    token = cuda.grid(1)
    if token < logits.shape[0]:
        best = cuda.local.array(MOST, int64)
        which = cuda.local.array(MOST, int32)
        bias = int64(logits[token, 0])
        total = int64(ONE)
        for e in range(logits.shape[1]):
            value = int64(logits[token, e])
            if e > 0 and value > bias:
                total = ((total * exp_minus(table, value - bias)) >> F) + ONE
                bias = value
            elif e > 0:
                total += exp_minus(table, bias - value)
            place = e if e < top_k else top_k
            while place > 0 and value > best[place - 1]:
                if place < top_k:
                    best[place] = best[place - 1]
                    which[place] = which[place - 1]
                place -= 1
            if place < top_k:
                best[place] = value
                which[place] = e
        inverse = reciprocal(table, total)
        for k in range(top_k):
            experts[token, k] = which[k]
            scores[token, k] = (exp_minus(table, bias - best[k]) * inverse) >> F


@cuda.jit
def queues(experts: Any, scores: Any, tokens: Any, weights: Any, lengths: Any) -> None:
    """Each expert's tokens in order, their scores, and how many: a thread an expert."""
    expert = cuda.grid(1)
    if expert < tokens.shape[0]:
        length = 0
        for token in range(experts.shape[0]):
            for k in range(experts.shape[1]):
                if experts[token, k] == expert:
                    tokens[expert, length] = token
                    weights[expert, length] = scores[token, k]
                    length += 1
        lengths[expert] = length
