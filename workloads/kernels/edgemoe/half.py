"""The encoder in float16 on tensor cores: halves times halves, sums and residual stream float32.

Arrays of halves are pairs in 32 bits, ``[rows, columns / 2]``, as ``mma.m16n8k16`` takes them. A
warp computes 16 rows by 8 columns; rows may be gathered or scattered, as experts need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cuda, float32, int32, uint32

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.edgemoe.layers import PatchEmbedding
from workloads.kernels.ptx import asm

Array = np.ndarray[Any, Any]
Watch = Callable[[str, Array], None]

WARPS = 4
HALF, GELU, LOGITS, ADD = range(4)
"""What becomes of a layer's sums: halves, halves after GELU, floats, or scored and added."""

_mma = asm(
    "{ .reg .f32 z; mov.f32 z, 0f00000000; "
    "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {$0, $1, $2, $3}, {$4, $5, $6, $7}, "
    "{$8, $9}, {z, z, z, z}; }",
    "ffff", "rrrrrr",
)  # fmt: skip
_pack = asm("cvt.rn.f16x2.f32 $0, $2, $1;", "r", "ff")  # the first in the lower half


@cuda.jit
def linear_half(
    x: Any, weight: Any, bias: Any, rows: Any, scores: Any, mode: int, out16: Any, out32: Any
) -> None:
    """``x`` [m, k / 2] by ``weight`` [n, k / 2] plus ``bias`` [n].

    Row i reads row ``rows[i]`` of ``x``, but ``ADD`` reads row i and adds to row ``rows[i]``.
    """
    lane = cuda.threadIdx.x & 31
    group, pair = lane >> 2, lane & 3
    column = (cuda.blockIdx.x * WARPS + (cuda.threadIdx.x >> 5)) * 8
    count = rows.shape[0]
    if column >= weight.shape[0]:
        return
    upper = cuda.blockIdx.y * 16 + group
    lower = upper + 8
    first, second = min(upper, count - 1), min(lower, count - 1)
    if mode != ADD:
        first, second = rows[first], rows[second]
    c0, c1, c2, c3 = float32(0), float32(0), float32(0), float32(0)
    for step in range(x.shape[1] // 8):
        at = step * 8 + pair
        d0, d1, d2, d3 = _mma(
            x[first, at], x[second, at], x[first, at + 4], x[second, at + 4],
            weight[column + group, at], weight[column + group, at + 4],
        )  # fmt: skip
        c0, c1, c2, c3 = c0 + d0, c1 + d1, c2 + d2, c3 + d3
    column += 2 * pair
    c0, c2 = c0 + bias[column], c2 + bias[column]
    c1, c3 = c1 + bias[column + 1], c3 + bias[column + 1]
    if mode == GELU:
        half, root = float32(0.5), float32(0.70710678)
        c0 = half * c0 * (float32(1) + math.erf(c0 * root))
        c1 = half * c1 * (float32(1) + math.erf(c1 * root))
        c2 = half * c2 * (float32(1) + math.erf(c2 * root))
        c3 = half * c3 * (float32(1) + math.erf(c3 * root))
    if upper < count:
        if mode == ADD:
            out32[rows[upper], column] += scores[upper] * c0
            out32[rows[upper], column + 1] += scores[upper] * c1
        elif mode == LOGITS:
            out32[upper, column] = c0
            out32[upper, column + 1] = c1
        else:
            out16[upper, column >> 1] = _pack(c0, c1)
    if lower < count:
        if mode == ADD:
            out32[rows[lower], column] += scores[lower] * c2
            out32[rows[lower], column + 1] += scores[lower] * c3
        elif mode == LOGITS:
            out32[lower, column] = c2
            out32[lower, column + 1] = c3
        else:
            out16[lower, column >> 1] = _pack(c2, c3)


@cuda.jit
def norm_half(x: Any, scale: Any, offset: Any, out: Any) -> None:
    """Layer norm of a token ``x`` [n, dim] by a warp; ``out`` [n, dim / 2]."""
    token, lane = cuda.blockIdx.x, cuda.threadIdx.x
    dim = x.shape[1]
    total, squares = float32(0), float32(0)
    for at in range(lane, dim, 32):
        total += x[token, at]
    for bit in (16, 8, 4, 2, 1):
        total += cuda.shfl_xor_sync(0xFFFFFFFF, total, bit)
    mean = total / float32(dim)
    for at in range(lane, dim, 32):
        squares += (x[token, at] - mean) * (x[token, at] - mean)
    for bit in (16, 8, 4, 2, 1):
        squares += cuda.shfl_xor_sync(0xFFFFFFFF, squares, bit)
    inverse = float32(1) / math.sqrt(squares / float32(dim) + float32(1e-6))
    for at in range(lane, dim // 2, 32):
        a = (x[token, 2 * at] - mean) * inverse * scale[2 * at] + offset[2 * at]
        b = (x[token, 2 * at + 1] - mean) * inverse * scale[2 * at + 1] + offset[2 * at + 1]
        out[token, at] = _pack(a, b)


@cache
def attention_of(tokens: int, head_dim: int) -> Any:
    """Return the attention of 16 queries and a head by a warp: scores, softmax, weighted sums."""
    tiles = -(-tokens // 16) * 2  # of eight keys
    words, steps = head_dim // 2, head_dim // 16
    scale, size = head_dim**-0.5, 4 * tiles

    @cuda.jit
    def attention_half(query: Any, key: Any, value: Any, out: Any) -> None:
        lane, head = cuda.threadIdx.x, cuda.blockIdx.y
        group, pair = lane >> 2, lane & 3
        upper = cuda.blockIdx.x * 16 + group
        first, second = min(upper, tokens - 1), min(upper + 8, tokens - 1)
        s = cuda.local.array(size, float32)
        top0, top1 = float32(-1e30), float32(-1e30)
        for j in range(tiles):
            row = min(j * 8 + group, tokens - 1)
            c0, c1, c2, c3 = float32(0), float32(0), float32(0), float32(0)
            for k in range(steps):
                at = head * words + k * 8 + pair
                d0, d1, d2, d3 = _mma(
                    query[first, at], query[second, at], query[first, at + 4],
                    query[second, at + 4], key[row, at], key[row, at + 4],
                )  # fmt: skip
                c0, c1, c2, c3 = c0 + d0, c1 + d1, c2 + d2, c3 + d3
            column = j * 8 + 2 * pair
            if column >= tokens:
                c0, c2 = float32(-1e30), float32(-1e30)
            if column + 1 >= tokens:
                c1, c3 = float32(-1e30), float32(-1e30)
            s[4 * j], s[4 * j + 1], s[4 * j + 2], s[4 * j + 3] = c0, c1, c2, c3
            top0, top1 = max(top0, c0, c1), max(top1, c2, c3)
        for bit in (1, 2):
            top0 = max(top0, cuda.shfl_xor_sync(0xFFFFFFFF, top0, bit))
            top1 = max(top1, cuda.shfl_xor_sync(0xFFFFFFFF, top1, bit))
        sum0, sum1 = float32(0), float32(0)
        for j in range(tiles):
            for n in range(4):
                top = top0 if n < 2 else top1
                s[4 * j + n] = math.exp((s[4 * j + n] - top) * float32(scale))
            sum0 += s[4 * j] + s[4 * j + 1]
            sum1 += s[4 * j + 2] + s[4 * j + 3]
        for bit in (1, 2):
            sum0 += cuda.shfl_xor_sync(0xFFFFFFFF, sum0, bit)
            sum1 += cuda.shfl_xor_sync(0xFFFFFFFF, sum1, bit)
        for d in range(head_dim // 8):
            c0, c1, c2, c3 = float32(0), float32(0), float32(0), float32(0)
            at = head * words + d * 4 + (group >> 1)
            shift = uint32(16 * (group & 1))
            for j in range(tiles // 2):
                row = j * 16 + 2 * pair
                v0 = (value[min(row, tokens - 1), at] >> shift) & uint32(0xFFFF)
                v1 = (value[min(row + 1, tokens - 1), at] >> shift) & uint32(0xFFFF)
                v2 = (value[min(row + 8, tokens - 1), at] >> shift) & uint32(0xFFFF)
                v3 = (value[min(row + 9, tokens - 1), at] >> shift) & uint32(0xFFFF)
                d0, d1, d2, d3 = _mma(
                    _pack(s[8 * j], s[8 * j + 1]), _pack(s[8 * j + 2], s[8 * j + 3]),
                    _pack(s[8 * j + 4], s[8 * j + 5]), _pack(s[8 * j + 6], s[8 * j + 7]),
                    uint32(v0 | (v1 << uint32(16))), uint32(v2 | (v3 << uint32(16))),
                )  # fmt: skip
                c0, c1, c2, c3 = c0 + d0, c1 + d1, c2 + d2, c3 + d3
            at = head * words + d * 4 + pair
            if upper < tokens:
                out[upper, at] = _pack(c0 / sum0, c1 / sum0)
            if upper + 8 < tokens:
                out[upper + 8, at] = _pack(c2 / sum1, c3 / sum1)

    return attention_half


@cuda.jit
def gate_half(logits: Any, count: int, experts: Any, scores: Any) -> None:
    """The best experts of each token, the lower of equal ones, and their softmax."""
    token = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if token >= experts.shape[0]:
        return
    top = logits[token, 0]
    for e in range(1, count):
        top = max(top, logits[token, e])
    total = float32(0)
    for e in range(count):
        total += math.exp(logits[token, e] - top)
    for place in range(experts.shape[1]):
        best = int32(-1)
        for e in range(count):
            taken = False
            for other in range(place):
                taken = taken or experts[token, other] == e
            if not taken and (best < 0 or logits[token, e] > logits[token, best]):
                best = int32(e)
        experts[token, place] = best
        scores[token, place] = math.exp(logits[token, best] - top) / total


def pairs(array: Array) -> Array:
    """Return ``array`` [rows, columns] as halves, two in 32 bits."""
    return np.ascontiguousarray(array.astype(np.float16)).view(np.uint32)


class HalfEncoder:
    """The encoder of float ``weights`` (arrays by name) on the current device."""

    def __init__(self, params: EdgeMoeParams, weights: Any) -> None:
        self.params = params
        self.arrays = {n: cuda.to_device(self._typed(n, a)) for n, a in weights.arrays.items()}
        self.attend = attention_of(params.tokens, params.head_dim)
        self.every = cuda.to_device(np.arange(params.tokens, dtype=np.int32))
        self.body = cuda.to_device(np.arange(1, params.tokens, dtype=np.int32))
        self.ones = cuda.to_device(np.ones(params.tokens, dtype=np.float32))
        self.none = cuda.to_device(np.zeros(max(8, params.experts), dtype=np.float32))
        start = weights["position"].astype(np.float32)
        start[0] += weights["class_token"].astype(np.float32)
        self.start = start

    @staticmethod
    def _typed(name: str, array: Array) -> Array:
        """Weights of layers as pairs of halves (outputs a multiple of 8), others as float32."""
        if name.rpartition(".")[2] != "weight":
            return np.asarray(array.astype(np.float32))
        rows = array.shape[-2]
        extra = [(0, 0)] * (array.ndim - 2) + [(0, -rows % 8), (0, 0)]
        return pairs(np.pad(array, extra))

    def __call__(self, pixels: Array, task: int = 0, watch: Watch | None = None) -> Array:
        """Return the tokens after the last block, float32."""
        p = self.params
        x = cuda.to_device(self.start)
        patches = PatchEmbedding(p).patches(pixels) * p.formats.pixel.resolution
        self._linear(cuda.to_device(pairs(patches)), "patch", None, ADD, x, self.body)
        for index in range(p.depth):
            start = f"blocks.{index}."
            y = self._norm(x, start + "norm1")
            query, key, value = (
                self._linear(y, start + name) for name in ("query", "key", "value")
            )
            mixed = self._new(p.tokens, p.dim)
            self.attend[(-(-p.tokens // 16), p.heads), 32](query, key, value, mixed)
            self._linear(mixed, start + "projection", None, ADD, x)
            y = self._norm(x, start + "norm2")
            if p.is_moe(index):
                self._experts(x, y, start, task, watch)
            else:
                hidden = self._linear(y, start + "fc1", None, GELU)
                self._linear(hidden, start + "fc2", None, ADD, x)
        return np.asarray(x.copy_to_host())

    def _linear(
        self, x: Any, name: str, expert: int | None = None, mode: int = HALF, out: Any = None,
        rows: Any = None, scores: Any = None,
    ) -> Any:  # fmt: skip
        weight, bias = self.arrays[f"{name}.weight"], self.arrays.get(f"{name}.bias", self.none)
        if expert is not None:
            weight = weight[expert]
            bias = bias[expert] if bias.ndim == 2 else bias  # a gate has none
        rows = self.every if rows is None else rows
        half = self._new(rows.shape[0], weight.shape[0]) if out is None else self._new(1, 2)
        grid = (-(-weight.shape[0] // (8 * WARPS)), -(-rows.shape[0] // 16))
        target = cuda.device_array((1, 1), dtype=np.float32) if out is None else out
        given = self.ones if scores is None else scores
        arguments = (x, weight, bias, rows, given, np.int32(mode), half, target)
        linear_half[grid, 32 * WARPS](*arguments)
        return half

    def _norm(self, x: Any, name: str) -> Any:
        out = self._new(*x.shape)
        norm_half[x.shape[0], 32](
            x, self.arrays[f"{name}.scale"], self.arrays[f"{name}.offset"], out
        )
        return out

    def _experts(self, x: Any, y: Any, start: str, task: int, watch: Watch | None) -> None:
        p = self.params
        logits = cuda.device_array((p.tokens, -(-p.experts // 8) * 8), dtype=np.float32)
        self._linear(y, start + "gate", task, LOGITS, logits)
        experts = cuda.device_array((p.tokens, p.top_k), dtype=np.int32)
        scores = cuda.device_array((p.tokens, p.top_k), dtype=np.float32)
        gate_half[-(-p.tokens // 32), 32](logits, np.int32(p.experts), experts, scores)
        chosen, weights = experts.copy_to_host(), scores.copy_to_host()
        if watch is not None:
            watch(start + "gate.experts", chosen)
        for expert in np.unique(chosen):
            tokens, place = np.nonzero(chosen == expert)
            rows = cuda.to_device(tokens.astype(np.int32))
            given = cuda.to_device(np.ascontiguousarray(weights[tokens, place]))
            hidden = self._linear(y, start + "fc1", int(expert), GELU, None, rows)
            self._linear(hidden, start + "fc2", int(expert), ADD, x, rows, given)

    @staticmethod
    def _new(rows: int, columns: int) -> Any:
        return cuda.device_array((rows, columns // 2), dtype=np.uint32)
