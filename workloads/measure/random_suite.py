"""The suite ``operators``: random shapes of every operator class, sizes log-uniform, seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial

from workloads.measure.counts import Case, counted

MAX_FLOPS, MAX_BYTES = 3e12, 3e9


def log_int(rng: random.Random, low: int, high: int, step: int = 1) -> int:
    """A multiple of ``step`` between ``low`` and ``high``, uniform in the logarithm."""
    value = math.exp(rng.uniform(math.log(low), math.log(high)))
    return max(low, round(value / step) * step)


GEMM_STEP = {"fp8": 16, "int8": 32}


def gemm(rng: random.Random, dtype: str) -> Case:
    """A matrix product A[m,k] B[n,k]^T with sides a multiple of 8 (fp8 16, int8 32)."""
    step = GEMM_STEP.get(dtype, 8)
    m, n = (log_int(rng, max(40, 2 * step), 16384, step) for _ in range(2))
    return {"op": "gemm", "m": m, "n": n, "k": log_int(rng, 64, 16384, step), "dtype": dtype}


def sparse(rng: random.Random) -> Case:
    """A 2:4 sparse product with sides a multiple of 128."""
    m, n, k = (log_int(rng, 128, 8192, 128) for _ in range(3))
    return {"op": "gemm_sparse24", "m": m, "n": n, "k": k, "dtype": "fp16"}


def bmm(rng: random.Random) -> Case:
    """A batched product of attention-like sizes."""
    m, n = (log_int(rng, 64, 1024, 8) for _ in range(2))
    k = log_int(rng, 32, 256, 8)
    dtype = rng.choice(("fp16", "fp16", "bf16"))
    return {"op": "bmm", "b": log_int(rng, 4, 256, 4), "m": m, "n": n, "k": k, "dtype": dtype}


def attention(rng: random.Random) -> Case:
    """Self-attention, or one-token decode in a quarter of the cases."""
    if rng.random() < 0.25:
        b, skv = log_int(rng, 1, 32), log_int(rng, 512, 8192, 64)
        return _attention(b, 32, 1, skv, 128, False, "flash")
    s = log_int(rng, 128, 6144, 64)
    b = max(1, min(64, round(log_int(rng, 2048, 32768) / s)))
    impl = rng.choice(("cudnn", "flash"))
    heads, d = rng.choice((4, 8, 12, 16, 32)), rng.choice((64, 128))
    return _attention(b, heads, s, s, d, rng.random() < 0.5, impl)


def _attention(b: int, h: int, sq: int, skv: int, d: int, causal: bool, impl: str) -> Case:
    return {
        "op": "attention", "b": b, "h": h, "sq": sq, "skv": skv, "d": d, "causal": causal,
        "impl": impl, "dtype": "bf16",
    }  # fmt: skip


def rows_cols(op: str, max_rows: int = 32768, max_cols: int = 16384) -> Callable[..., Case]:
    """A maker of row-wise cases (softmax, layernorm, transpose, reduce_sum)."""

    def make(rng: random.Random) -> Case:
        rows, cols = log_int(rng, 16, max_rows, 8), log_int(rng, 64, max_cols, 8)
        return {"op": op, "rows": rows, "cols": cols, "dtype": rng.choice(("fp16", "fp32"))}

    return make


def flat(op: str) -> Callable[..., Case]:
    """A maker of elementwise cases of 4 Ki to 128 Mi elements."""

    def make(rng: random.Random) -> Case:
        n = log_int(rng, 4096, 1 << 27, 1024)
        return {"op": op, "n": n, "dtype": rng.choice(("fp16", "fp32"))}

    return make


def gather(rng: random.Random) -> Case:
    """Random rows of a table."""
    width = rng.choice((2, 4, 16, 64, 256))
    table = min(log_int(rng, 16384, 1 << 24, 16), (1 << 29) // width)
    n = log_int(rng, 4096, 1 << 21, 16)
    dtype = rng.choice(("fp16", "fp16", "fp32"))
    return {"op": "gather", "table": table, "width": width, "n": n, "dtype": dtype}


def scatter_add(rng: random.Random) -> Case:
    """index_add_ of n floats into a table."""
    table, n = log_int(rng, 64, 1 << 20, 16), log_int(rng, 16384, 1 << 23, 16)
    return {"op": "scatter_add", "table": table, "n": n, "dtype": "fp32"}


def conv2d(rng: random.Random) -> Case:
    """A convolution as in vision networks: dense, grouped by 4, or depthwise."""
    cin, cout = (log_int(rng, 32, 512, 32) for _ in range(2))
    r, stride = rng.choice((1, 1, 3, 3, 3, 5, 7)), rng.choice((1, 1, 2))
    kind = rng.choice(("dense", "dense", "dense", "grouped", "depthwise"))
    groups = {"dense": 1, "grouped": 4, "depthwise": cin}[kind]
    if kind == "depthwise":
        cout, r = cin, max(3, r)
    return {
        "op": "conv2d", "n": rng.choice((1, 8, 32, 64)), "cin": cin, "cout": cout,
        "hw": rng.choice((7, 14, 28, 56, 112)), "r": r, "stride": stride, "groups": groups,
        "dtype": "fp16",
    }  # fmt: skip


GEMM_SHARES = {
    "fp16": 110, "bf16": 60, "fp8": 70, "int8": 50, "tf32": 45, "fp32": 40, "fp64": 30,
}  # fmt: skip
SHARES: list[tuple[Callable[..., Case], int]] = [
    (sparse, 45), (bmm, 70), (attention, 80), (rows_cols("softmax"), 60),
    (rows_cols("layernorm"), 50), (rows_cols("transpose"), 50), (rows_cols("reduce_sum"), 60),
    (flat("gelu"), 35), (flat("add"), 35), (flat("copy"), 35), (gather, 50), (scatter_add, 45),
    (conv2d, 150),
]  # fmt: skip


CHOICE_GEMM = {
    "fp16": 500, "bf16": 300, "fp8": 400, "int8": 200, "tf32": 200, "fp32": 150, "fp64": 100,
}  # fmt: skip
CHOICE: list[tuple[Callable[..., Case], int]] = [(sparse, 100), (bmm, 300), (conv2d, 500)]


def suite(seed: int = 1, scale: float = 1.0) -> list[Case]:
    """The cases, in random order; ``scale`` multiplies the number of each class."""
    return _mixed(seed, GEMM_SHARES, SHARES, scale, MAX_FLOPS)


def holdout_suite(seed: int = 21, scale: float = 0.7) -> list[Case]:
    """Fresh cases of the suite ``operators``, for judging a fit that has not seen them."""
    return suite(seed, scale)


def judge_suite(seed: int = 2027, scale: float = 0.26) -> list[Case]:
    """Another few hundred fresh cases, measured after the model was fitted: the last judge."""
    return suite(seed, scale)


def blind_suite(seed: int = 40961, scale: float = 0.3) -> list[Case]:
    """A further judge with its own seed, measured when ``judge`` had been looked at."""
    return suite(seed, scale)


def choice_suite(seed: int = 3, scale: float = 1.0) -> list[Case]:
    """More cases of the classes whose libraries choose among many kernels; short ones only."""
    return _mixed(seed, CHOICE_GEMM, CHOICE, scale, MAX_FLOPS / 10)


def _mixed(
    seed: int,
    gemms: dict[str, int],
    others: list[tuple[Callable[..., Case], int]],
    scale: float,
    max_flops: float,
) -> list[Case]:
    rng = random.Random(seed)
    makers: list[tuple[Callable[[], Case], int]] = [
        (partial(gemm, rng, dtype), share) for dtype, share in gemms.items()
    ]
    makers += [(partial(maker, rng), share) for maker, share in others]
    cases = [c for make, share in makers for c in _draw(make, round(share * scale), max_flops)]
    rng.shuffle(cases)
    return cases


def _draw(make: Callable[[], Case], count: int, max_flops: float) -> list[Case]:
    found: list[Case] = []
    while len(found) < count:
        case = counted(make())
        limit = min(max_flops, 1e11) if case["dtype"] in ("fp32", "fp64") else max_flops
        if case["flops"] <= limit and case["bytes"] <= MAX_BYTES and case not in found:
            found.append(case)
    return found
