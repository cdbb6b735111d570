"""The classes that errors are reported by, the error each aims at, and which cases belong to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archsim.validate.measured import CaseResult, Summary, Validation, summarise

SMALL_BYTES = 64 * 1024
POINTWISE = (
    "add", "mul", "gelu", "relu", "relu_", "silu", "exp", "neg", "rsqrt", "scale", "square",
    "cast", "copy",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A class: its name, its goal in per cent (``None``: none set), which cases it holds."""

    name: str
    goal: float | None
    holds: Callable[[CaseResult], bool]


def _gemm(*dtypes: str) -> Callable[[CaseResult], bool]:
    return lambda c: c.op == "gemm" and c.shape["dtype"] in dtypes


def _op(*names: str) -> Callable[[CaseResult], bool]:
    return lambda c: c.op in names


def _pointwise(large: bool) -> Callable[[CaseResult], bool]:
    return lambda c: c.op in POINTWISE and (c.predicted.bytes > SMALL_BYTES) is large


def _conv(dense: bool) -> Callable[[CaseResult], bool]:
    return lambda c: c.op == "conv2d" and (c.shape.get("groups", 1) == 1) is dense


ROWS = (
    Row("GEMM fp16, bf16, fp8", 6.0, _gemm("fp16", "bf16", "fp8")),
    Row("GEMM int8, tf32, fp32, fp64", 8.0, _gemm("int8", "tf32", "fp32", "fp64")),
    Row("linear (GEMM with bias)", None, _op("linear")),
    Row("bmm", 6.0, _op("bmm")),
    Row("2:4 sparse GEMM", 8.0, _op("gemm_sparse24")),
    Row("attention", 7.0, _op("attention")),
    Row("conv2d dense", 10.0, _conv(True)),
    Row("conv2d grouped, depthwise", 15.0, _conv(False)),
    Row("layer norm, transpose", 6.0, _op("layernorm", "transpose")),
    Row("softmax, reductions", 9.0, _op("softmax", "reduce_sum", "reduce_mean")),
    Row("elementwise, copy above 64 KB", 4.5, _pointwise(True)),
    Row("elementwise, copy up to 64 KB", None, _pointwise(False)),
    Row("gather", 6.0, _op("gather")),
    Row("scatter_add", 10.0, _op("scatter_add")),
    Row(
        "batch norm, pooling, broadcasts, permute, slices, cat", None,
        _op(
            "batchnorm", "maxpool", "avgpool", "row_add", "row_scale", "permute", "slice_copy",
            "cat",
        ),
    ),
)  # fmt: skip
OVERALL = Row("overall", 7.0, lambda c: True)


def by_class(validation: Validation, check: bool | None = None) -> list[tuple[Row, Summary]]:
    """Return the statistics by class of one half (or both), ``OVERALL`` last."""
    cases = validation.half(check)
    found = [(row, summarise(c for c in cases if row.holds(c))) for row in (*ROWS, OVERALL)]
    return [(row, summary) for row, summary in found if summary.ours.n]


def with_classes(validation: Validation) -> dict[str, Any]:
    """Return ``validation`` as plain data, each half with its classes and their goals."""
    data = validation.to_dict()
    for half, check in ((data, None), (data["check"], True), (data["fit"], False)):
        half["by_class"] = [
            {"name": row.name, "goal": row.goal, **summary.to_dict()}
            for row, summary in by_class(validation, check)
        ]
    return data
