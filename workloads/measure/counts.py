"""Useful work of a measured case: floating-point operations and bytes.

Each input is read once and each output written once; the same counting as in the shipped dataset.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Case = dict[str, Any]

ITEM_BYTES = {
    "fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "fp8": 1, "int8": 1,
}  # fmt: skip
OUT_BYTES = {"fp8": 2, "int8": 4}


def item_bytes(dtype: str) -> int:
    """Bytes of one element of ``dtype``."""
    return ITEM_BYTES[dtype]


def conv_out(c: Case) -> int:
    """Output height (= width) of a conv2d or pooling case; padding is r // 2 unless given."""
    pad, window = c.get("pad", c["r"] // 2), c.get("dilation", 1) * (c["r"] - 1) + 1
    return int((c["hw"] + 2 * pad - window) // c["stride"] + 1)


def _gemm(c: Case) -> tuple[float, float]:
    size = item_bytes(c["dtype"])
    out = OUT_BYTES.get(c["dtype"], size)
    m, n, k = c["m"], c["n"], c["k"]
    b: int = c.get("b", 1)
    return 2 * b * m * n * k, b * ((m * k + n * k) * size + m * n * out)


def _sparse24(c: Case) -> tuple[float, float]:
    m, n, k, size = c["m"], c["n"], c["k"], item_bytes(c["dtype"])
    return 2 * m * n * k, m * k * size * 9 / 16 + (n * k + m * n) * size


def _attention(c: Case) -> tuple[float, float]:
    b, h, sq, skv, d = c["b"], c["h"], c["sq"], c["skv"], c["d"]
    flops = 4 * b * h * sq * skv * d * (0.5 if c["causal"] else 1)
    kv_heads: int = c.get("hkv", h)
    return flops, 2 * b * d * (2 * h * sq + 2 * kv_heads * skv)


def _rows_cols(per_element: int, tensors: int) -> Callable[[Case], tuple[float, float]]:
    def count(c: Case) -> tuple[float, float]:
        n = c["rows"] * c["cols"]
        return per_element * n, tensors * n * item_bytes(c["dtype"])

    return count


def _reduce(c: Case) -> tuple[float, float]:
    n = c["rows"] * c["cols"]
    return n, (n + c["rows"]) * item_bytes(c["dtype"])


def _flat(per_element: int, tensors: int) -> Callable[[Case], tuple[float, float]]:
    def count(c: Case) -> tuple[float, float]:
        return per_element * c["n"], tensors * c["n"] * item_bytes(c["dtype"])

    return count


def _cast(c: Case) -> tuple[float, float]:
    return 0, c["n"] * (item_bytes(c["dtype"]) + item_bytes(c["to"]))


def _gather(c: Case) -> tuple[float, float]:
    return 0, c["n"] * (2 * c["width"] * item_bytes(c["dtype"]) + 8)


def _scatter(c: Case) -> tuple[float, float]:
    width = c.get("width", 1)
    touched = min(c["table"], c["n"])
    return c["n"] * width, c["n"] * (8 + 4 * width) + touched * width * 8


def _conv2d(c: Case) -> tuple[float, float]:
    o, size = conv_out(c), item_bytes(c["dtype"])
    weights = c["cout"] * (c["cin"] // c["groups"]) * c["r"] ** 2
    flops = 2 * c["n"] * o * o * weights
    pixels = c["n"] * (c["hw"] ** 2 * c["cin"] + o * o * c["cout"])
    return flops, (pixels + weights) * size


def _pool(c: Case) -> tuple[float, float]:
    o = conv_out(c)
    per_image = c["cin"] * (c["hw"] ** 2 + o * o)
    return c["n"] * c["cin"] * o * o * c["r"] ** 2, c["n"] * per_image * item_bytes(c["dtype"])


def _planes(c: Case) -> tuple[float, float]:
    n = c["n"] * c["cin"] * c["hw"] ** 2
    return 2 * n, 2 * n * item_bytes(c["dtype"])


def _mean_planes(c: Case) -> tuple[float, float]:
    n = c["n"] * c["cin"]
    return n * c["hw"] ** 2, n * (c["hw"] ** 2 + 1) * item_bytes(c["dtype"])


def _heads(c: Case) -> tuple[float, float]:
    n = c["b"] * c["s"] * c["h"] * c["d"]
    return 0, 2 * n * item_bytes(c["dtype"])


COUNTS: dict[str, Callable[[Case], tuple[float, float]]] = {
    "gemm": _gemm, "linear": _gemm, "bmm": _gemm, "gemm_sparse24": _sparse24,
    "attention": _attention, "softmax": _rows_cols(5, 2), "layernorm": _rows_cols(5, 2),
    "transpose": _rows_cols(5, 2), "reduce_sum": _reduce, "reduce_mean": _reduce,
    "gelu": _flat(8, 2), "add": _flat(1, 3), "copy": _flat(0, 2), "relu": _flat(1, 2),
    "relu_": _flat(1, 2), "silu": _flat(4, 2), "mul": _flat(1, 3), "scale": _flat(1, 2),
    "square": _flat(1, 2), "rsqrt": _flat(1, 2), "exp": _flat(1, 2), "neg": _flat(1, 2),
    "cast": _cast, "fill": _flat(0, 1), "cat": _rows_cols(0, 4), "slice_copy": _rows_cols(0, 2),
    "row_add": _rows_cols(1, 2), "row_scale": _rows_cols(1, 2), "permute": _heads,
    "gather": _gather, "scatter_add": _scatter, "conv2d": _conv2d, "maxpool": _pool,
    "batchnorm": _planes, "nchw_to_nhwc": _planes, "nhwc_to_nchw": _planes,
    "avgpool": _mean_planes,
}  # fmt: skip


def counted(case: Case) -> Case:
    """The case with its ``flops`` and ``bytes``; raises KeyError for an unknown operator."""
    flops, size = COUNTS[case["op"]](case)
    return {**case, "flops": int(flops), "bytes": int(size)}
