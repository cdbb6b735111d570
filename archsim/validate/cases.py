"""Measured datasets: reading them strictly, and what each case computes.

A dataset is JSON with ``meta`` and ``cases`` (``workloads/measured/README.md``). Bad data raises a
``ConfigError`` of one sentence that names the file, the case's index and the field.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.errors import ConfigError
from archsim.formats.dtypes import DTYPES
from archsim.graph import ops
from archsim.validate.case_fields import (
    LARGEST,
    Case,
    brief,
    choice,
    dimension,
    dtype,
    positive_number,
    text,
)
from archsim.validate.sweep_cases import SWEEP_BUILDERS

__all__ = [
    "CLASSES",
    "LARGEST",
    "Case",
    "Dataset",
    "dimension",
    "dtype",
    "load_dataset",
    "positive_number",
    "spec_from_case",
    "text",
]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A measured dataset: the file it came from, its ``meta`` and its ``cases`` in file order."""

    path: str
    meta: dict[str, Any]
    cases: tuple[Case, ...]

    @property
    def judges(self) -> bool:
        """Whether all of it is for judging (``meta.purpose`` is ``judge``): no half is fitted."""
        return self.meta.get("purpose") == "judge"

    def where(self, index: int) -> str:
        """Return the place of case ``index``, for messages."""
        return f"{self.path}: cases[{index}]"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"numbers must be finite, not {name}")


def load_dataset(path: str | Path) -> Dataset:
    """Read the dataset ``path``; the cases are objects, their fields are not checked yet."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}:{error.lineno}:{error.colno}: the file must be valid JSON, not text with "
            f"{error.msg[:1].lower()}{error.msg[1:]}"
        ) from None
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__ + ": " + str(error)
        raise ConfigError(
            f"{path}: the file must be readable JSON, not one with {reason}"
        ) from None
    cases = data.get("cases") if isinstance(data, dict) else None
    if not isinstance(cases, list) or not cases:
        raise ConfigError(f"{path}: cases must be a list of at least one case, not {brief(cases)}")
    for index, case in enumerate(cases):
        if not isinstance(case, dict):
            raise ConfigError(f"{path}: cases[{index}] must be an object, not {brief(case)}")
    meta = data.get("meta")
    return Dataset(str(path), meta if isinstance(meta, dict) else {}, tuple(cases))


_Build = Callable[[Case, str], ops.OpSpec]


def _dims(kind: Callable[..., ops.OpSpec], *fields: str, **fixed: Any) -> _Build:
    def build(case: Case, where: str) -> ops.OpSpec:
        values = {name: dimension(case, name, where) for name in fields}
        return kind(**values, dtype=dtype(case, where), **fixed)

    return build


def _attention(case: Case, where: str) -> ops.OpSpec:
    causal = case.get("causal", False)
    if not isinstance(causal, bool):
        raise ConfigError(f"{where}.causal must be true or false, not {brief(causal)}")
    heads = dimension(case, "h", where)
    field = "hkv" if "hkv" in case else "h_kv"
    h_kv = dimension(case, field, where) if field in case else heads
    if heads % h_kv:
        raise ConfigError(f"{where}.{field} must divide h ({heads}), not {h_kv}")
    impl = text(case, "impl", where) if "impl" in case else "auto"
    build = _dims(ops.Attention, "b", "h", "sq", "skv", "d", h_kv=h_kv, causal=causal, impl=impl)
    return build(case, where)


def _conv2d(case: Case, where: str) -> ops.OpSpec:
    hw, r = dimension(case, "hw", where), dimension(case, "r", where)
    dilation = dimension(case, "dilation", where) if "dilation" in case else 1
    pad, most = case.get("pad", r // 2), r * dilation
    if type(pad) is not int or not 0 <= pad <= most:
        raise ConfigError(f"{where}.pad must be an integer from 0 to {most}, not {brief(pad)}")
    layout = choice({"layout": "nhwc", **case}, "layout", where, ("nhwc", "nchw"))
    build = _dims(
        ops.Conv2d,
        *("n", "cin", "cout", "r", "stride", "groups"),
        h=hw,
        w=hw,
        s=r,
        padding=pad,
        dilation=dilation,
        layout=layout,
        bias=case.get("bias") is True,
    )
    return build({"groups": 1, **case}, where)


def _scatter_add(case: Case, where: str) -> ops.OpSpec:
    width = dimension(case, "width", where) if "width" in case else 1
    return _dims(ops.ScatterAdd, "table", "n", width=width)(case, where)


def _cast(case: Case, where: str) -> ops.OpSpec:
    target = choice(case, "to", where, tuple(DTYPES))
    return _dims(ops.Elementwise, "n", function="cast", out_dtype=target)(case, where)


def _pointwise(function: str, arity: int = 1) -> _Build:
    return _dims(ops.Elementwise, "n", function=function, arity=arity)


_BUILDERS: dict[str, _Build] = {
    "gemm": _dims(ops.Gemm, "m", "n", "k"),
    "gemm_sparse24": _dims(ops.SparseGemm, "m", "n", "k"),
    "linear": _dims(ops.Gemm, "m", "n", "k", bias=True, weight=True),
    "bmm": _dims(ops.BatchedGemm, "b", "m", "n", "k"),
    "attention": _attention,
    "softmax": _dims(ops.Softmax, "rows", "cols"),
    "layernorm": _dims(ops.LayerNorm, "rows", "cols"),
    "transpose": _dims(ops.Transpose, "rows", "cols"),
    "reduce_sum": _dims(ops.Reduce, "rows", "cols", function="sum"),
    "reduce_mean": _dims(ops.Reduce, "rows", "cols", function="mean"),
    "gelu": _pointwise("gelu"),
    "add": _pointwise("add", 2),
    "mul": _pointwise("mul", 2),
    **{name: _pointwise(name) for name in ("relu", "silu", "exp", "neg", "rsqrt")},
    "cast": _cast,
    "copy": _dims(ops.Copy, "n"),
    "gather": _dims(ops.Gather, "table", "width", "n"),
    "scatter_add": _scatter_add,
    "conv2d": _conv2d,
    **SWEEP_BUILDERS,
}

CLASSES = tuple(_BUILDERS)
"""Operator classes of measured kernel datasets, in the order they are printed."""


def spec_from_case(case: Case, where: str = "case") -> ops.OpSpec:
    """Return the operator that ``case`` measured; ``where`` names it in messages."""
    op = choice(case, "op", where, CLASSES)
    try:
        return _BUILDERS[op](case, where)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
