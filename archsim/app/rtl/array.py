"""The verbs around the RTL of a matrix engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.app.rtl import CosimCase, CosimRequest, Loop, case_row, close
from archsim.errors import ConfigError

_GEMM = re.compile(r"(\d+)x(\d+)x(\d+)")
_MAX_DIMENSION = 1 << 20
_SMALL = 1 << 15


def cosim(device: Any, request: CosimRequest) -> Sequence[CosimCase]:
    """Simulate the products of ``request``, or products that show the engine's edges."""
    from cosim.runner import cosim as simulate

    shapes = [parse_gemm(text) for text in request.gemms] or default_gemms(device)
    return simulate(device, shapes, sim=request.simulator, seed=request.seed)


def loop(device: Any) -> Loop:
    """Model against RTL, RTL against the reference, the reference against a real GPU."""
    from cosim.recorded import compare, matching
    from cosim.runner import cosim as simulate

    golden = matching(device.params)
    shapes = [*default_gemms(device), *((c.m, c.k, c.n) for c in golden if c.m * c.k < _SMALL)]
    cases = simulate(device, shapes, seed=golden[0].seed if golden else 0)
    recorded = compare(device.params)
    rows = [_golden_row(result) for result in recorded]
    return Loop(
        tables=(
            (f"{device.name}: model against RTL", [case_row(c) for c in cases]),
            (f"{device.name}: reference against a real GPU, its kernel against a bound", rows),
        ),
        exact=all(c.mismatches == 0 for c in cases) and all(r.mismatches == 0 for r in recorded),
        close=close(cases),
        data={
            "cases": [case.to_dict() for case in cases],
            "golden": [
                {**row, "case": asdict(r.case)} for row, r in zip(rows, recorded, strict=True)
            ],
        },
    )


def _golden_row(result: Any) -> dict[str, Any]:
    """One golden vector: values that differ, and the kernel's time beside its lower bound."""
    from archsim.app.rtl.kernel_bound import GPUS, kernel_bound_us
    from archsim.config import load_device

    case, us = result.case, result.kernel_us
    row = {
        "golden vector": case.name, "recorded on": result.device,
        "wrong values": result.mismatches, "kernel us": us,
    }  # fmt: skip
    if us is not None and result.device in GPUS:
        bound = kernel_bound_us(load_device(GPUS[result.device]), case.m, case.k, case.n)
        row |= {"bound us": round(bound, 2), "times bound": round(us / bound, 2)}
    return row


def record(device: Any, synthesis: Mapping[str, Any]) -> Path:
    """Keep a result among the rows that the FPGA or the standard-cell model is fitted to."""
    from archsim.models.asic.fit import COUNTS, KEPT
    from archsim.models.fpga.counts import record as keep

    if "energy_pj" in synthesis:
        return keep(device.params, synthesis, COUNTS, KEPT)
    return keep(device.params, synthesis)


def parse_gemm(text: str) -> tuple[int, int, int]:
    """Return m, k, n of ``MxKxN``."""
    match = _GEMM.fullmatch(text)
    sizes = tuple(int(part) for part in match.groups()) if match else ()
    if len(sizes) != 3 or not all(1 <= size <= _MAX_DIMENSION for size in sizes):
        raise ConfigError(
            f"--gemm must be MxKxN with sizes from 1 to {_MAX_DIMENSION}, not {text!r}"
        )
    return sizes[0], sizes[1], sizes[2]


def default_gemms(device: Any) -> list[tuple[int, int, int]]:
    """Products that fill the array, leave edges, and are smaller than it."""
    rows, columns = device.array.rows, device.array.columns
    return [(rows, 16, columns), (2 * rows + 1, 37, 3 * columns - 1), (1, 5, 1)]
