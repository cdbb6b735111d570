"""The suite ``names``: many shapes in few runs each, for models of the libraries' kernel choice.

Sizes reach further than in ``operators``: skinny products, model sizes, odd channel counts, any
number of groups, and the default attention back end.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from workloads.measure.counts import Case, counted
from workloads.measure.random_suite import log_int

SEED, MAX_FLOPS, MAX_BYTES = 8, 3e11, 1e9
GEMM_COUNTS = {
    "fp16": 700, "bf16": 500, "fp8": 700, "tf32": 80, "int8": 80, "fp32": 80, "fp64": 60,
}  # fmt: skip
MODEL_SIZES = (
    64, 128, 192, 256, 384, 512, 768, 1024, 1152, 1280, 1536, 2048, 2304, 2560, 3072, 3584, 4096,
    5120, 5504, 6144, 8192, 11008, 12288, 13824, 14336, 16384,
)  # fmt: skip


def gemm(rng: random.Random, dtype: str) -> Case:
    """A fifth skinny, a fifth of model sizes, a fifth at extremes of k, the rest log-uniform."""
    step, low = {"fp8": (16, 16), "int8": (32, 64)}.get(dtype, (8, 8))
    m, n = (log_int(rng, low, 16384, step) for _ in range(2))
    k, kind = log_int(rng, 32, 16384, step), rng.random()
    if kind < 0.2:
        m = rng.choice((17, 32, 48, 64) if dtype == "int8" else (1, 2, 4, 8, 16, 24, 32, 48, 64))
    elif kind < 0.4:
        m, n, k = rng.choice((*MODEL_SIZES, 197, 1576)), *rng.choices(MODEL_SIZES, k=2)
        m = m if dtype != "fp8" or m > 16 else 32
    elif kind < 0.5:
        m, n = (log_int(rng, 2048, 16384, step) for _ in range(2))
        k = rng.choice((32, 64))
    return {"op": "gemm", "m": m, "n": n, "k": k, "dtype": dtype}


def bmm(rng: random.Random) -> Case:
    """A batched product over a wide range of sizes."""
    m, n = (log_int(rng, 16, 2048, 8) for _ in range(2))
    size = {"b": log_int(rng, 2, 512), "m": m, "n": n, "k": log_int(rng, 16, 1024, 8)}
    return {"op": "bmm", **size, "dtype": rng.choice(("fp16", "bf16"))}


def conv2d(rng: random.Random) -> Case:
    """A convolution with any grouping and channel counts that need not be multiples of 32."""
    r, stride = rng.choice((1, 3, 3, 3, 5, 7)), rng.choice((1, 1, 2))
    cin = rng.choice((3, 12, 20, *(log_int(rng, 8, 1024, 8) for _ in range(6))))
    cout, groups = log_int(rng, 8, 1024, 8), 1
    kind = rng.random()
    if kind < 0.25:
        groups = rng.choice((2, 4, 8, 16, 32, 64))
        cin, cout = (groups * log_int(rng, 4, 64, 4) for _ in range(2))
    elif kind < 0.45:
        cin = cout = groups = log_int(rng, 16, 1024, 8)
        r = rng.choice((3, 3, 5, 7))
    return {
        "op": "conv2d", "n": rng.choice((1, 2, 8, 16, 32, 64)), "cin": cin, "cout": cout,
        "hw": rng.choice((7, 14, 28, 56, 112, 224)), "r": r, "stride": stride, "groups": groups,
        "dtype": "fp16",
    }  # fmt: skip


def attention(rng: random.Random) -> Case:
    """The default back end over head sizes, masks, grouped heads and decoding."""
    h, d, s = rng.choice((8, 12, 16, 32)), rng.choice((64, 64, 128, 96)), log_int(rng, 16, 4096)
    b, causal = max(1, log_int(rng, 1024, 32768) // s), rng.random() < 0.5
    size = {"b": min(b, 64), "h": h, "sq": s, "skv": s, "d": d}
    if rng.random() < 0.25:
        size.update(sq=1, h=32, hkv=rng.choice((8, 32)), skv=log_int(rng, 128, 8192))
        causal = False
    return {"op": "attention", **size, "causal": causal, "impl": "auto", "dtype": "bf16"}


def sparse(rng: random.Random) -> Case:
    """A 2:4 sparse product with sides a multiple of 64."""
    m, n, k = (log_int(rng, 64, 8192, 64) for _ in range(3))
    return {"op": "gemm_sparse24", "m": m, "n": n, "k": k, "dtype": "fp16"}


def linear(rng: random.Random) -> Case:
    """A product with bias: tokens of one to 64 images or prompts, layers of model sizes or any."""
    if rng.random() < 0.6:
        m = rng.choice((1, 8, 49, 50, 64, 197, 197, 257, 577)) * rng.choice((1, 1, 2, 4, 8, 16, 32))
        n, k = rng.choices(MODEL_SIZES[:18], k=2)
    else:
        m, n, k = (log_int(rng, low, 8192, 8) for low in (8, 32, 32))
    return {"op": "linear", "m": m, "n": n, "k": k, "dtype": rng.choice(("fp16", "fp16", "bf16"))}


def linear_suite(seed: int = 12, count: int = 200) -> list[Case]:
    """Products with bias, as layers of networks launch them."""
    rng = random.Random(seed)
    cases = [counted(linear(rng)) for _ in range(count)]
    distinct = {str(case): case for case in cases if case["flops"] < MAX_FLOPS}
    return list(distinct.values())


OTHERS: list[tuple[Callable[[random.Random], Case], int]] = [
    (bmm, 300), (conv2d, 500), (attention, 120), (sparse, 60),
]  # fmt: skip


def suite() -> list[Case]:
    """All cases, counted, in random order."""
    rng, found = random.Random(SEED), []
    for dtype, count in GEMM_COUNTS.items():
        found += [gemm(rng, dtype) for _ in range(count)]
    for maker, count in OTHERS:
        found += [maker(rng) for _ in range(count)]
    cases = [counted(case) for case in found]
    rng.shuffle(cases)
    return [c for c in cases if c["flops"] < MAX_FLOPS and c["bytes"] < MAX_BYTES]
