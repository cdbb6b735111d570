"""Records what the kernels compute on a real GPU, for CI to compare the RTL with.

``python -m workloads.kernels.golden --output DIR`` writes, for each case, ``NAME.npz`` with the
results and ``NAME.json`` with their provenance. Inputs are drawn from the seed and not stored.
Needs NumPy, Numba and numba-cuda only.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archsim.numeric.drawing import Product, draw_product
from archsim.numeric.tables import gelu_table

BITS = {"int8": (8, 8, 32, 8), "int16": (16, 16, 48, 16)}
TABLE_FRACTION_BITS = 4


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
        return draw_product(self.m, self.k, self.n, self.seed, bits=BITS[self.format])

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
)


def input_digest(product: Product) -> str:
    """Return the SHA-256 over the inputs as little-endian int64."""
    digest = hashlib.sha256()
    for array in product:
        digest.update(np.ascontiguousarray(array.astype("<i8")).tobytes())
    return digest.hexdigest()


def ptx_digest(text: str) -> str:
    """Return the SHA-256 over PTX without comments, blank lines and generated names."""
    lines = (re.sub(r"//.*", "", line).strip() for line in text.splitlines())
    kept = [line for line in lines if line and not line.startswith(".file")]
    text = re.sub(r"_ZN\w+", "kernel", "\n".join(kept))
    # shared arrays are numbered through the life of the compiling process
    for index, name in enumerate(dict.fromkeys(re.findall(r"_cudapy_smem_\d+", text))):
        text = re.sub(rf"{name}\b", f"shared_array_{index}", text)
    return hashlib.sha256(text.encode()).hexdigest()


def record(output: Path, cases: tuple[GoldenCase, ...] = CASES) -> list[Path]:
    """Run ``cases`` on the GPU (or the simulator); write results and provenance to ``output``."""
    from workloads.kernels import matmul_int

    output.mkdir(parents=True, exist_ok=True)
    platform = platform_facts()
    written = []
    for case in cases:
        product = case.product()
        result = matmul_int.run(product, case.format, case.rounding, case.activation, case.table())
        file = output / f"{case.name}.npz"
        np.savez_compressed(file, out=result.astype(f"int{BITS[case.format][3]}"))
        meta = {
            **asdict(case),
            "_meta": {
                **platform,
                "kernel": "workloads.kernels.matmul_int.requantised_product",
                "ptx_sha256": _ptx_digest(case.format, platform),
                "input_sha256": input_digest(product),
                "output_sha256": hashlib.sha256(result.astype("<i8").tobytes()).hexdigest(),
            },
        }
        file.with_suffix(".json").write_text(json.dumps(meta, indent=2, sort_keys=True) + "\n")
        written.append(file)
    return written


def platform_facts() -> dict[str, Any]:
    """Return device, driver and versions of this process, for the provenance of what it records."""
    from numba import config, cuda

    versions = {}
    for name in ("numba", "numba-cuda", "numpy"):
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


def _ptx_digest(engine_format: str, platform: dict[str, Any]) -> str:
    from workloads.kernels import matmul_int

    if platform["driver"] == "none":
        return "none: the simulator compiles nothing"
    return ptx_digest(matmul_int.ptx(engine_format))


def main() -> None:
    """Record all cases."""
    parser = argparse.ArgumentParser(description="record golden vectors of the integer kernels")
    parser.add_argument("--output", type=Path, required=True)
    for file in record(parser.parse_args().output):
        print(file)


if __name__ == "__main__":
    main()
