"""Operators as work for the matrix engine: matrix products, and what is left for vectors."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.errors import UnsupportedOperatorError
from archsim.graph import OpSpec
from archsim.graph.ops import Attention, BatchedGemm, Conv2d, Gemm, SparseGemm

OPERAND_DTYPES = {"int8": ("int8",), "int16": ("int16",), "w16a32": ("int32", "int16")}
"""Data types that an engine of a format computes, by format."""


@dataclass(frozen=True, slots=True)
class Product:
    """``count`` products ``[m, k] x [k, n]``, one after another."""

    count: int
    m: int
    n: int
    k: int


@dataclass(frozen=True, slots=True)
class Work:
    """What an operator needs: products on the engine, and operations and bytes beside it."""

    products: tuple[Product, ...]
    vector_flops: int
    vector_bytes: int


def lower(spec: OpSpec, engine_format: str) -> Work:
    """Return the work of ``spec``.

    Convolutions are lowered to products over expanded patches (im2col), attention to its two
    products and a softmax. Raises ``UnsupportedOperatorError`` for a data type that the engine
    does not have, or for structured sparsity.
    """
    if isinstance(spec, SparseGemm):
        raise UnsupportedOperatorError(
            f"operator must be dense on a matrix engine, not {spec.kind}"
        )
    if isinstance(spec, Gemm | BatchedGemm | Attention | Conv2d):
        _check_dtype(spec.kind, spec.dtype, engine_format)
    if isinstance(spec, Gemm):
        return Work((Product(1, spec.m, spec.n, spec.k),), 0, 0)
    if isinstance(spec, BatchedGemm):
        return Work((Product(spec.b, spec.m, spec.n, spec.k),), 0, 0)
    if isinstance(spec, Conv2d):
        product = Product(
            spec.groups,
            spec.n * spec.p * spec.q,
            spec.cout // spec.groups,
            spec.cin // spec.groups * spec.r * spec.s,
        )
        return Work((product,), 0, 0)
    if isinstance(spec, Attention):
        heads = spec.b * spec.h
        scores = Product(heads, spec.sq, spec.skv, spec.d)
        values = Product(heads, spec.sq, spec.d, spec.skv)
        entries = heads * spec.sq * spec.skv
        return Work((scores, values), 5 * entries, 2 * entries)
    return Work((), spec.flops, spec.bytes)


def _check_dtype(kind: str, dtype: str, engine_format: str) -> None:
    allowed = OPERAND_DTYPES[engine_format]
    if dtype not in allowed:
        raise UnsupportedOperatorError(
            f"{kind}.dtype must be {' or '.join(allowed)} on an engine of format {engine_format}, "
            f"not {dtype!r} (set workload.dtype)"
        )
