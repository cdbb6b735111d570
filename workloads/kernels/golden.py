"""Records what the kernels compute on a real GPU, for CI to compare the RTL with.

``python -m workloads.kernels.golden --output DIR --kernels DIR`` writes, for each case,
``NAME.npz`` with the results and ``NAME.json`` with their provenance and the kernel's time.
Inputs are drawn from the seed and not stored; ``--kernels`` holds what
``workloads.kernels.compiled.save`` wrote. Needs NumPy, Numba, numba-cuda and cuda-core; times
need PyTorch, whose profiler measures them.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.matrix import FORMATS
from archsim.numeric.drawing import Product, draw_product
from archsim.numeric.tables import gelu_table
from workloads.kernels.compiled import Kernel, load
from workloads.kernels.products import ENTRY, Cubin, arguments, output, run

TABLE_FRACTION_BITS = 4
REPEATS = 21
"""Timed launches a case, operands in L2; the first is not counted."""


@dataclass(frozen=True)
class GoldenCase:
    """One product and the arithmetic it is computed with."""

    name: str
    m: int
    k: int
    n: int
    format: str = "int8"
    rounding: str = "half_up"
    activation: str = "none"
    seed: int = 2026

    def product(self) -> Product:
        """Draw the inputs."""
        return draw_product(self.m, self.k, self.n, self.seed, bits=FORMATS[self.format])

    def table(self) -> tuple[int, ...]:
        """The activation's table; one zero where there is none."""
        return gelu_table(8, TABLE_FRACTION_BITS) if self.activation == "gelu" else (0,)


CASES = (
    GoldenCase("vit_qkt", 197, 64, 197),
    GoldenCase("vit_av", 197, 197, 64),
    GoldenCase("vit_proj_part", 64, 768, 96),
    GoldenCase("vit_fc2_part", 40, 3072, 40),
    GoldenCase("primes", 13, 17, 11),
    GoldenCase("one", 1, 1, 1),
    GoldenCase("relu_even", 37, 50, 29, rounding="half_even", activation="relu"),
    GoldenCase("gelu", 33, 70, 41, activation="gelu"),
    GoldenCase("half_away", 24, 33, 24, rounding="half_away"),
    GoldenCase("floor", 24, 33, 24, rounding="floor"),
    GoldenCase("int16_even", 31, 90, 23, format="int16", rounding="half_even"),
    GoldenCase("int16_relu", 20, 47, 35, format="int16", activation="relu"),
    GoldenCase("wide", 29, 61, 37, format="w16a32"),
    GoldenCase("wide_one", 1, 1, 1, format="w16a32"),
    GoldenCase("wide_deep", 17, 3072, 24, format="w16a32"),
    GoldenCase("wide_even", 23, 40, 31, format="w16a32", rounding="half_even"),
    GoldenCase("wide_away_relu", 19, 53, 26, "w16a32", "half_away", "relu"),
    GoldenCase("wide_away", 24, 33, 24, format="w16a32", rounding="half_away"),
    GoldenCase("wide_floor", 24, 33, 24, format="w16a32", rounding="floor"),
)


def input_digest(product: Product) -> str:
    """Return the SHA-256 over the inputs as little-endian int64."""
    digest = hashlib.sha256()
    for array in product:
        digest.update(np.ascontiguousarray(array.astype("<i8")).tobytes())
    return digest.hexdigest()


def simulate(case: GoldenCase) -> np.ndarray[Any, Any]:
    """Return the result of ``case`` where Numba compiles the kernel itself, or simulates it."""
    return run(case.product(), case.format, case.rounding, case.activation, case.table())


def record(
    folder: Path, kernels: Mapping[str, Kernel], cases: Sequence[GoldenCase] = CASES
) -> list[Path]:
    """Run ``cases`` on the GPU with the code of ``kernels``; write results and provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    cubins = {name: Cubin(kernel.code) for name, kernel in kernels.items()}
    results, launches, waits = [], [], []
    for case in cases:
        product, cubin = case.product(), cubins[case.format]
        given = arguments(product, case.format, case.rounding, case.activation, case.table())
        out = output(product)
        launch = cubin.launcher(product, given, out)
        launch()
        cubin.wait()
        results.append(np.asarray(out.copy_to_host()))
        launches.append(launch)
        waits.append(cubin.wait)
    times = _times(launches, waits)
    platform = platform_facts()
    written = []
    for case, result, us in zip(cases, results, times, strict=True):
        kernel = kernels[case.format]
        file = folder / f"{case.name}.npz"
        np.savez_compressed(file, out=result.astype(f"int{FORMATS[case.format][3]}"))
        meta = {
            **platform,
            "kernel": "workloads.kernels.matmul_int.requantised_product",
            "kernel_us": us,
            "compiler": kernel.compiler,
            "ptx_sha256": kernel.ptx_sha256,
            "cubin_sha256": kernel.cubin_sha256,
            "input_sha256": input_digest(case.product()),
            "output_sha256": hashlib.sha256(result.astype("<i8").tobytes()).hexdigest(),
        }
        text = json.dumps({**asdict(case), "_meta": meta}, indent=2, sort_keys=True)
        file.with_suffix(".json").write_text(text + "\n")
        written.append(file)
    return written


def _times(
    launches: Sequence[Callable[[], None]], waits: Sequence[Callable[[], None]]
) -> list[float | None]:
    """Return each kernel's median time in microseconds; None where PyTorch is missing."""
    try:
        import torch

        from workloads.measure.timing import traced
    except ImportError:
        return [None] * len(launches)
    with traced() as events:
        for launch, wait in zip(launches, waits, strict=True):
            for _ in range(REPEATS):
                launch()
            wait()
        torch.cuda.synchronize()
    found = sorted((e for e in events if e["name"] == ENTRY), key=lambda event: event["ts"])
    us = [float(event["dur"]) for event in found]
    if len(us) != REPEATS * len(launches):
        wanted = REPEATS * len(launches)
        raise RuntimeError(f"the profiler must see {wanted} kernels, not {len(us)}")
    runs = [us[REPEATS * i : REPEATS * (i + 1)][1:] for i in range(len(launches))]
    return [round(statistics.median(run), 3) for run in runs]


def platform_facts() -> dict[str, Any]:
    """Return device, driver and versions of this process, for the provenance of what it records."""
    from numba import config, cuda

    versions = {}
    for name in ("numba", "numba-cuda", "cuda-core", "numpy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    if config.ENABLE_CUDASIM:
        return {"device": "CUDA simulator", "driver": "none", "versions": versions}
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return {"device": name, "driver": _driver(), "versions": versions}


def _driver() -> str:
    """Return the driver's version, from the kernel module where it says it."""
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        from numba import cuda

        return ".".join(str(part) for part in cuda.runtime.get_version())
    found = re.search(r"\d{3}\.\d+(\.\d+)?", text)
    return found.group(0) if found else text.splitlines()[0]


def main() -> None:
    """Record all cases."""
    parser = argparse.ArgumentParser(description="record golden vectors of the integer kernels")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kernels", type=Path, required=True)
    options = parser.parse_args()
    for file in record(options.output, load(options.kernels)):
        print(file)


if __name__ == "__main__":
    main()
