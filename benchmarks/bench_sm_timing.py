"""Accuracy and speed of the instruction-level SM on the suite of ordinary kernels.

python benchmarks/bench_sm_timing.py [--suite kernels|kernels_judge|kernels_fresh|hopper]
                                     [--only NAME] [--json FILE] [--sampling]

Compares with ``workloads/measured/h200_sm_kernels.json`` (or the judge set). Constants may be
fitted on the cases whose name hashes to the fit half; the other half judges them. Speed is timed
warp instructions over the CPU seconds of the timing core; memory is the process's high-water mark.
``--sampling`` times every sampled launch once more with all its SMs and CTAs instead: the error of
the sample alone.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import resource
import statistics
import time
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from archsim.app.sm_device import sm_device
from archsim.models.gpu.sm.timing_launch import time_launch
from workloads.measure.kernel_suites import KERNEL_SUITES, SEED

MEASURED = {
    "kernels": "h200_sm_kernels.json", "kernels_judge": "h200_sm_kernels_judge.json",
    "kernels_fresh": "h200_sm_kernels_fresh.json", "hopper": "h200_sm_hopper.json",
}  # fmt: skip
SLOW_ENOUGH = 10_000  # warp instructions below which a core's CPU time says nothing


def half(name: str) -> str:
    """``fit`` or ``check`` by the hash of a case's name."""
    return ("fit", "check")[int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2]


def main() -> None:
    """Run the suite and print one line a case and the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=tuple(MEASURED), default="kernels")
    parser.add_argument("--only", default="", help="part of the names to run")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sampling", action="store_true", help="compare the sample with --exact")
    given = parser.parse_args()
    text = (resources.files("workloads.measured") / MEASURED[given.suite]).read_text()
    measured = {case["name"]: case["us"] for case in json.loads(text)["cases"]}
    device, rows = sm_device("h200"), []
    cases = importlib.import_module(KERNEL_SUITES[given.suite]).cases
    for case in cases(np.random.default_rng(SEED)):
        if given.only not in case.name:
            continue
        if not rows:  # compiles the simulator
            _time(case, device, exact=False)
        start = time.process_time()
        found = _time(case, device, exact=False)
        us = measured[case.name]
        if given.sampling:
            if found.sampled_ctas == found.grid_ctas:
                continue
            us = _time(case, device, exact=True).us
        rows.append(_row(case.name, found, us, time.process_time() - start))
        print(*(f"{v:<12.4g}" if isinstance(v, float) else f"{v!s:<30}" for v in rows[-1].values()),
              flush=True)  # fmt: skip
    summary = _summary(rows) | (_sampling(rows) if given.sampling else {})
    print(json.dumps(summary, indent=1))
    if given.json:
        given.json.write_text(json.dumps({"summary": summary, "cases": rows}, indent=1))


def _time(case: Any, device: Any, exact: bool) -> Any:
    return time_launch(
        case.kernel, case.grid, case.block, case.args, device,
        cluster=case.options.get("cluster", 1),
        dynamic_smem_bytes=case.options.get("dynamic_smem_bytes", 0), exact=exact,
    )  # fmt: skip


def _row(name: str, found: Any, us: float, seconds: float) -> dict[str, Any]:
    return {
        "case": name, "half": half(name), "us": found.us, "measured_us": us,
        "error": found.us / us - 1, "warp_instructions": found.warp_instructions,
        "rate": found.warp_instructions / max(found.core_seconds, 1e-9), "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def _sampling(rows: list[dict[str, Any]]) -> dict[str, Any]:
    errors = [row["error"] for row in rows]
    return {
        "launches": len(errors), "mean": statistics.mean(map(abs, errors)),
        "median": statistics.median(map(abs, errors)), "bias": statistics.mean(errors),
        "lowest": min(errors), "highest": max(errors),
    }  # fmt: skip


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in ("fit", "check"):
        own = [row for row in rows if row["half"] == part]
        if not own:
            continue
        found[f"mape_{part}"] = round(statistics.mean(abs(r["error"]) for r in own), 4)
        found[f"cases_{part}"] = len(own)
        if len(own) > 1:
            found[f"correlation_{part}"] = round(
                float(np.corrcoef([r["us"] for r in own], [r["measured_us"] for r in own])[0, 1]), 4
            )
    rates = [r["rate"] for r in rows if r["warp_instructions"] >= SLOW_ENOUGH]
    if rates:
        found["rate_median"], found["rate_worst"] = statistics.median(rates), min(rates)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


if __name__ == "__main__":
    main()
