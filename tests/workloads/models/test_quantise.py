"""``quantise: all`` keeps every tensor of a vision transformer in the products' data type."""

from __future__ import annotations

import pytest

from archsim.graph.ops import Attention, Conv2d, Elementwise, Gemm
from workloads.models import build


@pytest.mark.parametrize("dtype", ["int8", "int16", "fp8"])
def test_everything_has_the_type_and_nothing_is_cast(dtype: str) -> None:
    graph = build("deit_tiny_patch16_224", dtype=dtype, quantise="all")
    matrix = [op.spec for op in graph if isinstance(op.spec, Gemm | Attention | Conv2d)]
    assert {spec.dtype for spec in matrix} == {dtype}
    assert {s.result_dtype for s in matrix if isinstance(s, Gemm)} == {dtype}
    assert not [
        op for op in graph if isinstance(op.spec, Elementwise) and op.spec.function == "cast"
    ]
    assert graph.macs == build("deit_tiny_patch16_224").macs


def test_products_alone_leave_the_rest_in_half_precision() -> None:
    graph = build("deit_tiny_patch16_224", dtype="int8")
    assert {op.spec.dtype for op in graph if isinstance(op.spec, Attention)} == {"fp16"}
    assert {op.spec.dtype for op in graph if isinstance(op.spec, Gemm)} == {"int8"}


def test_wide_integers_need_everything_quantised() -> None:
    with pytest.raises(ValueError, match="quantise must be 'all' with dtype int16"):
        build("deit_tiny_patch16_224", dtype="int16")
