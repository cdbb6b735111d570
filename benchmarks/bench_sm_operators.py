"""The same work by the instruction-level SM and by the operator model, side by side.

python benchmarks/bench_sm_operators.py [--only NAME]

Both stand on one device file. The SM times one concrete kernel of ours; the operator model prices
the kernel that a tuned library would launch for the operator. Where they differ, the reasons of
both say why: the SM's stalls, the operator model's terms.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from archsim.app.output import print_table
from archsim.app.sm_device import sm_device
from archsim.config import load_device
from archsim.graph.ops import Copy, Gemm, Softmax
from archsim.metrics.result import TERMS
from archsim.models.gpu.model import GpuModel
from archsim.models.gpu.sm.timing_launch import time_launch
from workloads.kernels.examples.case import Case
from workloads.kernels.hopper import wgmma_gemm
from workloads.kernels.suite import rows, streaming


def pairs() -> Iterator[tuple[Case, Any]]:
    """A kernel's case and the operator that it computes."""
    rng = np.random.default_rng(0)
    for case in streaming.cases(rng):
        if case.name.startswith("copy_"):
            yield case, Copy(n=case.args[0].size, dtype="fp32")
    for case in rows.cases(rng):
        if case.name.startswith("softmax_"):
            shape = case.args[0].shape
            yield case, Softmax(rows=shape[0], cols=shape[1], dtype="fp32")
    for case in wgmma_gemm.cases(rng):
        m, n, k = (int(part) for part in case.name.rsplit("_", 1)[1].split("x"))
        yield case, Gemm(m=m, n=n, k=k, dtype="fp16", out_dtype="fp32")


def compare(case: Case, operator: Any, device: Any, model: GpuModel) -> dict[str, Any]:
    """One row of the table: both times, their ratio, and what each says that the time goes to."""
    found = time_launch(
        case.kernel, case.grid, case.block, case.args, device,
        dynamic_smem_bytes=case.options.get("dynamic_smem_bytes", 0),
    )  # fmt: skip
    priced = model.price(operator)
    terms = dict(zip(TERMS, priced.terms_us, strict=True))
    stalls = {k: v for k, v in found.reasons.items() if k != "no warp"}
    return {
        "kernel": case.name, "SM us": round(found.us, 2), "operator us": round(priced.us, 2),
        "SM / operator": round(found.us / priced.us, 2), "SM: most clocks": _most(stalls),
        "operator: most time": _most(terms),
        "library kernel": " + ".join(kernel.name[:24] for kernel in priced.kernels),
    }  # fmt: skip


def _most(shares: dict[str, float]) -> str:
    total = sum(shares.values()) or 1.0
    top = sorted(shares, key=lambda name: -shares[name])[:2]
    return ", ".join(f"{name} {100 * shares[name] / total:.0f} %" for name in top)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the kernels' names")
    given = parser.parse_args()
    device, model = sm_device("h200"), GpuModel(load_device("h200"))  # type: ignore[arg-type]
    table = [compare(case, op, device, model) for case, op in pairs() if given.only in case.name]
    print_table("instruction-level SM beside the operator model, H200, cold caches", table)


if __name__ == "__main__":
    main()
