"""A page of any number of designs whose places on the plot a test can work out by itself."""

from __future__ import annotations

from pathlib import Path

from archsim.report import ReportData, write_report
from archsim.report.designs import Designs

AXES = ("workload.batch", "device.sm_count", "device.l2.capacity_bytes")


def key(i: int) -> str:
    return f"{i:012x}" + "0" * 52


def metrics(i: int) -> dict[str, float]:
    latency = 1000 + i * 7919 % 10007 + i % 17 / 4
    energy = 1 + i % 101 + i % 13 / 8
    return {"latency_us": latency, "energy_j": energy, "power_w": 300.0 + i % 13}


def large(count: int) -> ReportData:
    """Return a run of ``count`` designs: three axes and three metrics, all of them on the page."""
    designs = Designs(AXES)
    for i in range(count):
        values = (2 ** (i % 7), 60 + i // 7 % 80, 1e6 * (1 + i // 560 % 50))
        designs.add(key(i), dict(zip(AXES, values, strict=True)), metrics(i))
    columns = [designs.metrics[name] for name in ("latency_us", "energy_j")]
    front: list[int] = []
    for *_, energy, i in sorted(zip(*columns, range(count), strict=True)):
        if not front or energy < columns[1][front[-1]]:
            front.append(i)
    points = [{"key": key(i), "overrides": {}, "metrics": metrics(i)} for i in front]
    return ReportData(
        title=f"{count} designs", minimize=("latency_us", "energy_j"), axes=AXES, points=points,
        designs=designs, left_out=count - len(points), pareto=[key(i) for i in front],
    )  # fmt: skip


def write(path: Path, count: int) -> Path:
    return write_report(path, large(count))
