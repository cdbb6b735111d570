"""The verbs around the RTL of an Edge-MoE accelerator: its units, with a bench as controller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.app.rtl import CosimCase, CosimRequest, Loop, case_row, close
from archsim.errors import ConfigError


def cosim(device: Any, request: CosimRequest) -> Sequence[CosimCase]:
    """Simulate an encoder, every layer on its unit, both tasks."""
    if request.gemms:
        raise ConfigError("--gemm must be left out for an Edge-MoE accelerator: it runs an encoder")
    if request.simulator != "verilator":
        raise ConfigError(
            f"--sim must be verilator for an Edge-MoE accelerator, not {request.simulator!r}"
        )
    bench, _ = _simulate(device, request.seed)
    return list(bench.results)


def loop(device: Any) -> Loop:
    """Model against RTL, RTL against the reference, both against what a real GPU computed."""
    from cosim.edgemoe_recorded import compare, matching, recorded

    bench, outputs = _simulate(device, 1)
    golden = matching(device.params)
    rows = []
    for case in golden:
        found = compare(case)
        row: dict[str, Any] = {
            "golden vector": found.name,
            "recorded on": found.device,
            "results": found.compared,
            "reference wrong": len(found.different),
        }
        row["RTL wrong"] = int((outputs[case.name] != recorded(case.name)[1]).sum())
        rows.append(row)
    exact = all(r.mismatches == 0 for r in bench.results)
    exact = exact and all(row["reference wrong"] == row["RTL wrong"] == 0 for row in rows)
    return Loop(
        tables=(
            (f"{device.name}: model against RTL", _by_unit(bench.results)),
            (f"{device.name}: reference and RTL against a real GPU", rows),
        ),
        exact=exact,
        close=close(bench.results),
        data={
            "cases": [case.to_dict() for case in bench.results],
            "golden": [{**row, "case": asdict(c)} for row, c in zip(rows, golden, strict=True)],
        },
    )


def record(device: Any, synthesis: Mapping[str, Any]) -> Path:
    """Refuse: the resource model of this machine is not fitted to counts."""
    raise ConfigError("--record must be left out: no counts are kept for an Edge-MoE accelerator")


def _simulate(device: Any, seed: int) -> tuple[Any, dict[str, Any]]:
    """Run what was recorded on a GPU, else both tasks on noise; return bench and outputs."""
    import numpy as np

    from cosim.compiled import Stimulus
    from cosim.edgemoe import Bench, default_weights, forced_routing, simulate_encoder
    from cosim.edgemoe_recorded import matching
    from workloads.kernels.edgemoe.golden import RoutingCase

    params = device.params
    bench = Bench(params, Stimulus(seed=seed))
    weights = default_weights(params)
    outputs: dict[str, Any] = {}
    for case in matching(params):
        if isinstance(case, RoutingCase):
            x, experts, scores = case.inputs()
            outputs[case.name] = forced_routing(bench, weights, x, experts, scores, case.spread)
        else:
            given = (case.weights(), case.pixels(), case.task, case.name)
            outputs[case.name] = simulate_encoder(bench, *given)
    if not outputs:
        shape = (params.channels, params.image_height, params.image_width)
        pixels = np.random.Generator(np.random.PCG64([seed])).integers(0, 256, shape)
        for task in range(params.tasks):
            outputs[f"task {task}"] = simulate_encoder(bench, weights, pixels, task, f"task {task}")
    return bench, outputs


def _by_unit(results: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a row for each unit: the sum of its cases."""
    rows = []
    for unit in dict.fromkeys(r.unit for r in results):
        of_unit = [r for r in results if r.unit == unit]
        rows.append(case_row(_Sum(f"{unit} ({len(of_unit)} cases)", of_unit)))
    return rows


class _Sum:
    """Several cases as one."""

    def __init__(self, name: str, cases: Sequence[Any]) -> None:
        self.name = name
        self.rtl_cycles = sum(c.rtl_cycles for c in cases)
        self.model_cycles = sum(c.model_cycles for c in cases)
        self.bound_cycles = sum(c.bound_cycles for c in cases)
        self.mismatches = sum(c.mismatches for c in cases)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return dict(self.__dict__)
