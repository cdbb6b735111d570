"""What a kernel from cold caches must move between device memory and the chip, at least.

An operator's ``bytes`` count its operands whole. Some of that need not be read: pixels that no
window covers, keys that a causal mask hides, rows that a gather takes twice. Biases of
convolutions and of 2:4 sparse products are left out too: the kernel models do not count them.
"""

from __future__ import annotations

from archsim.formats import dtype as dtype_of
from archsim.graph import OpSpec, ops

DISTINCT = 0.63
"""Least share of ``min(rows, table)`` that random indices hit, 1 - 1/e."""


def compulsory_bytes(spec: OpSpec) -> float:
    """Return the bytes that ``spec`` must read and write from cold caches."""
    size = dtype_of(getattr(spec, "dtype", "fp16")).bits / 8
    if isinstance(spec, ops.SparseGemm):
        read = (spec.m * spec.k / 2 + spec.n * spec.k) * size + spec.m * spec.k / 8
    elif isinstance(spec, ops.Gemm):
        read = (spec.m + spec.n) * spec.k * size
        read += spec.n * dtype_of(spec.result_dtype).bits / 8 if spec.bias else 0.0
    elif isinstance(spec, ops.Conv2d):
        pixels = min(spec.h * spec.w, spec.p * spec.q * spec.r * spec.s)
        filters = spec.parameters - spec.cout * spec.bias
        read = (spec.n * spec.cin * pixels + filters) * size
    elif isinstance(spec, ops.Attention):
        keys = min(spec.skv, spec.sq + spec.cached) if spec.causal else spec.skv
        read = spec.b * (spec.h * spec.sq + 2 * spec.h_kv * keys) * spec.d * size
    elif isinstance(spec, ops.Gather):
        read = DISTINCT * min(spec.table, spec.n) * spec.width * size
    elif isinstance(spec, ops.ScatterAdd | ops.HashGridEncoding):
        return float(spec.bytes_written) * DISTINCT
    else:
        read = float(spec.bytes_read)
    return read + spec.bytes_written
