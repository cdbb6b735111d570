"""A small hand-made run: eighteen designs, one failed, hostile names."""

import itertools
import sys
from pathlib import Path

import pytest

from archsim.metrics import KernelResult, OperatorResult, PointResult
from archsim.report import ReportData

sys.path.insert(0, str(Path(__file__).parent))  # chromium_pipe, large_page

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror=window.hacked=1>"
AXES = {
    "workload.batch": [1, 8, 32],
    "device.sm_count": [66, 99, 132],
    "device.memory.bandwidth_bytes_per_s": [3.35e12, 4.8e12],
}


def operator(name, kind, count, us, flops, size, share):
    terms = tuple(us * s for s in share)
    kernel = KernelResult(f"{kind}_kernel", us, terms, {}, flops, size, size, 1e-5, {})
    return OperatorResult(
        name, kind, count, us, 0.9 * us, 1.2 * us, 1e-5, flops, size, us / 2, (kernel, kernel)
    )


def point_result(scale):
    operators = (
        operator("block.qkv", "gemm", 12, 10.0 * scale, 7 * 10**9, 10**7, (0.1, 0.9, 0, 0, 0, 0)),
        operator("block.norm", "layernorm", 24, 4.0, 10**7, 10**7, (0.5, 0, 0, 0, 0.3, 0.2)),
        operator(HOSTILE, "copy", 1, 2.0, 0, 10**6, (0.2, 0, 0, 0, 0.8, 0)),
    )  # fmt: skip
    total = sum(o.us * o.count for o in operators)
    metrics = {"latency_us": total + 50, "energy_j": 1e-3 * scale**0.5, "power_w": 300.0}
    estimated = {"launch.kernel_us": 0.031, HOSTILE: 0.01}
    return PointResult("gpu", metrics, operators, estimated, (f"note {HOSTILE}",))


def pareto_of(points):
    front, best = [], float("inf")
    for p in sorted(points, key=lambda p: (p["metrics"]["latency_us"], p["metrics"]["energy_j"])):
        if p["metrics"]["energy_j"] < best:
            best = p["metrics"]["energy_j"]
            front.append(p["key"])
    return front


def build_run(**changes):
    points, details = [], {}
    for i, values in enumerate(itertools.product(*AXES.values())):
        batch, sms, bandwidth = values
        result = point_result(batch * 132 / sms * (4.8e12 / bandwidth) ** 0.1)
        metrics = dict(result.metrics) | {"energy_j": 1e-3 * batch * sms / 100}
        key = f"{i:02d}" + "ab" * 31
        points.append(
            {
                "key": key,
                "overrides": dict(zip(AXES, values, strict=True)),
                "status": "done",
                "metrics": metrics,
            }
        )
        details[key] = result.to_dict()
    front = pareto_of(points)
    points.append(
        {"key": "ff" * 32, "overrides": {"workload.batch": 0}, "status": "failed",
         "error": f"workload.batch must be at least 1, not 0 {HOSTILE}"}
    )  # fmt: skip
    sms = {"value": 132, "unit": "SMs", "basis": "datasheet", "source": "H200", "uncertainty": 0}
    config = {
        "workload": {"model": "vit", "batch": 32, "note": HOSTILE},
        "device": {
            "machine": "gpu",
            "sm_count": sms,
            "memory": {"bandwidth_bytes_per_s": {**sms, "value": 4.8e12, "unit": "B/s"}},
        },
        "minimize": ["latency_us", "energy_j"],
    }
    peaks = {"fp16": 1e15, "bf16": 1e15, "fp8": 2e15, "fp32": 67e12}
    given = {
        "title": f"run {HOSTILE}",
        "minimize": ["latency_us", "energy_j"],
        "axes": list(AXES),
        "points": points,
        "pareto": front,
        "details": details,
        "device": {"name": "H200", "machine": "gpu", "peaks": peaks, "bandwidth": 4.8e12},
        "config": config,
    }
    return ReportData(**(given | changes))


@pytest.fixture
def make_run():
    return build_run


@pytest.fixture
def run():
    return build_run()


@pytest.fixture
def hostile():
    return HOSTILE


@pytest.fixture
def validation():
    """``Validation.to_dict()`` of twelve made-up cases."""
    summary = {
        "n": 6, "mape": 12.5, "median": 10.0, "max": 40.0, "bias": 1.0, "correlation": 0.99,
        "repeat": 3.0, "baseline": {"mape": 30.0},
    }  # fmt: skip
    half = {**summary, "by_op": {"gemm": summary, "softmax": {**summary, "correlation": None}}}
    cases = [
        {"op": op, "measured_us": 2.0**i, "predicted_us": 2.0**i * 1.1, "check": i % 2 == 0}
        for i in range(6)
        for op in ("gemm", "softmax")
    ]
    return {"source": "data.json", **half, "check": half, "fit": half, "cases": cases}
