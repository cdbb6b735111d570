"""Speed of functional execution: warp instructions per CPU second, with and without traces.

Compiling the kernel to machine code is left out.

    python benchmarks/bench_sm.py > docs/benchmarks/sm_functional.md

The first line's compile time is that of an empty cache when ``NUMBA_CACHE_DIR`` names a new folder.
"""

from __future__ import annotations

import statistics
import time
import warnings
from typing import Any

import numpy as np

from archsim.models.gpu.sm.execute import load, run
from workloads.kernels.examples import cooperative, elementwise, scientific


def launches(rng: np.random.Generator) -> list[tuple[str, Any, Any, Any, tuple[Any, ...]]]:
    """Kernels of several kinds at sizes of 10^5 to 10^6 warp instructions."""
    n = 256
    a, b = rng.normal(size=(2, n, n)).astype(np.float32)
    x = rng.normal(size=1 << 18).astype(np.float32)
    positive = np.abs(x[: 1 << 17]) + np.float32(0.1)
    words = rng.integers(0, 1 << 62, 1 << 18).astype(np.uint64)
    rows = rng.integers(0, 1 << 30, (64, 256)).astype(np.int32)
    places = rng.normal(size=(512, 2)).astype(np.float32)
    wide, image = rng.uniform(1, 2, 1 << 15), np.zeros((256, 256), np.int32)
    return [
        ("saxpy", elementwise.saxpy, 2048, 128, (np.float32(2), x, x.copy())),
        ("matmul_tiled", cooperative.matmul_tiled, (16, 16), (16, 16), (a, b, np.zeros_like(a))),
        ("mandelbrot", elementwise.mandelbrot, (16, 16), (16, 16), (image, 100)),
        ("reduce_shared", cooperative.reduce_shared, 1024, 256, (x, np.zeros(1, np.float32))),
        ("bitonic_sort", cooperative.bitonic_sort, 64, 256, (rows,)),
        ("nbody", scientific.nbody, 4, 128, (places, np.zeros_like(places))),
        ("mix_int64", elementwise.mix_int64, 1024, 256, (words, np.zeros_like(words))),
        ("functions32", elementwise.functions32, 1024, 128, (positive, np.zeros_like(positive))),
        ("functions64", elementwise.functions64, 256, 128, (wide, np.zeros_like(wide))),
    ]  # fmt: skip


def rate(launch: tuple[str, Any, Any, Any, tuple[Any, ...]], **options: Any) -> tuple[int, float]:
    """Warp instructions and millions of them per CPU second; decoding and copies are counted."""
    _, kernel, grid, block, args = launch
    loaded = load(kernel, args)
    start = time.process_time()
    done = run(loaded, grid, block, args, **options)
    return done.warp_instructions, done.warp_instructions / (time.process_time() - start) / 1e6


def main() -> None:
    """Print the table as Markdown."""
    warnings.simplefilter("ignore")
    cases = launches(np.random.default_rng(0))
    start = time.process_time()
    run(cases[0][1], 1, 128, cases[0][4], ctas=[0])
    first = time.process_time() - start
    print("# Functional execution of machine code\n")
    print(f"First call (compiled interpreter, or its load from the cache): {first:.1f} CPU s.\n")
    print("| kernel | warp instructions | M/s | M/s with trace | M/s under the checker |")
    print("|---|---|---|---|---|")
    plain = []
    for case in cases:
        count, speed = rate(case)
        plain.append(speed)
        traced, checked = rate(case, trace=True)[1], rate(case, check=True)[1]
        print(f"| {case[0]} | {count} | {speed:.2f} | {traced:.2f} | {checked:.2f} |", flush=True)
    print(f"\nMedian {statistics.median(plain):.2f} M/s, least {min(plain):.2f} M/s, one core.")


if __name__ == "__main__":
    main()
