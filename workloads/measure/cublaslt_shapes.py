"""Which matrix products the suites around cuBLASLt's heuristic ask about."""

from __future__ import annotations

import random
from collections.abc import Iterator

from workloads.measure import names_suite, random_suite
from workloads.measure.counts import Case, counted
from workloads.measure.names_suite import bmm, gemm, linear
from workloads.measure.random_suite import log_int

RANKED_SHAPES = {
    "fp16": 1200, "bf16": 500, "fp8": 900, "tf32": 400, "int8": 300, "fp32": 300, "fp64": 200,
}  # fmt: skip
BATCHED_SHAPES = {"bmm": 900, "linear": 700, "skinny": 700}


HEURISTIC_SHAPES = {
    "bmm": 20000, "linear": 6000, "fp16": 8000, "bf16": 4000, "fp8": 7000, "tf32": 6000,
    "int8": 5000, "fp32": 6000, "fp64": 4000,
}  # fmt: skip
HEURISTIC_SEED = 31


def shapes(seed: int = 4) -> Iterator[Case]:
    """Matrix products whose candidates are timed, the most useful first."""
    rng = random.Random(seed)
    fixed = ((197, 768, 768), (197, 768, 3072), (512, 512, 512), (1024, 1024, 1024),
             (2048, 2048, 2048), (4096, 4096, 4096), (128, 11008, 4096), (16, 12288, 12288),
             (1, 4096, 4096), (6304, 768, 768), (64, 64, 8192), (128, 256, 16384))  # fmt: skip
    for m, n, k in fixed:
        yield {"m": m, "n": n, "k": k, "dtype": "fp16"}
    for dtype, count in (("fp16", 60), ("fp8", 40), ("bf16", 20), ("tf32", 16), ("int8", 12),
                         ("fp32", 12), ("fp64", 8)):  # fmt: skip
        step = 32 if dtype == "int8" else 16
        for _ in range(count):
            m, n, k = (log_int(rng, 64, 6144, step) for _ in range(3))
            yield {"m": m, "n": n, "k": k, "dtype": dtype}


def batched_shapes(seed: int, most: int = 1 << 20) -> Iterator[Case]:
    """Batches of products, products with bias and skinny ones, at most ``most`` of each."""
    rng = random.Random(seed)
    makers = {"bmm": bmm, "linear": linear, "skinny": _skinny}
    for kind, count in BATCHED_SHAPES.items():
        for _ in range(min(count, most)):
            yield makers[kind](rng)


def _skinny(rng: random.Random) -> Case:
    """A product of one to 64 rows, or of a size that the suite ``names`` draws."""
    case = gemm(rng, rng.choice(("fp16", "bf16", "fp8")))
    if case["dtype"] != "fp8" and rng.random() < 0.7:
        case["m"] = rng.choice((1, 2, 4, 8, 16, 24, 32, 48, 64))
    return case


def ranked_shapes() -> Iterator[Case]:
    """Random shapes of every operand type."""
    rng = random.Random(6)
    for dtype, count in RANKED_SHAPES.items():
        step, high = (32 if dtype == "int8" else 16 if dtype == "fp8" else 8), 16384
        for _ in range(count):
            m, n, k = (log_int(rng, 64, high, step) for _ in range(3))
            if m * n * k <= 2**38:
                yield {"m": m, "n": n, "k": k, "dtype": dtype}


def heuristic_shapes() -> Iterator[Case]:
    """Products of every type, half as in ``operators`` and half as in ``names``; then the products
    of ``names`` and ``choice`` themselves, whose kernels were recorded."""
    rng = random.Random(HEURISTIC_SEED)
    for kind, count in HEURISTIC_SHAPES.items():
        done = 0
        while done < count:
            case = _product(rng, kind)
            if counted(case)["flops"] <= random_suite.MAX_FLOPS:
                done += 1
                yield case
    for case in (*names_suite.suite(), *random_suite.choice_suite()):
        if case["op"] in ("gemm", "bmm"):
            yield {key: case[key] for key in ("op", "b", "m", "n", "k", "dtype") if key in case}


def _product(rng: random.Random, kind: str) -> Case:
    usual = rng.random() < 0.5
    if kind == "bmm":
        return random_suite.bmm(rng) if usual else bmm(rng)
    if kind == "linear":
        return linear(rng)
    return random_suite.gemm(rng, kind) if usual else gemm(rng, kind)
