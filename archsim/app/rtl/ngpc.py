"""The verbs around the RTL of a neural field processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archsim.app.rtl import CosimCase, CosimRequest, Loop, case_row, close
from archsim.errors import ConfigError

SAMPLES = 2000
"""Random samples of a co-simulation."""


def cosim(device: Any, request: CosimRequest) -> Sequence[CosimCase]:
    """Simulate random samples of a random network, without and with waiting outside."""
    if request.gemms:
        raise ConfigError("--gemm must be left out for a neural field processor: it runs samples")
    if request.simulator != "verilator":
        raise ConfigError(
            f"--sim must be verilator for a neural field processor, not {request.simulator!r}"
        )
    return _random(device, request.seed)


def loop(device: Any) -> Loop:
    """Model against RTL, RTL against the reference, both against what a real GPU computed."""
    cases = _random(device, 1)
    rows = _golden(device)
    times = _times(device)
    wrong = sum(row["reference wrong"] + row["RTL wrong"] for row in rows)
    return Loop(
        tables=(
            (f"{device.name}: model against RTL", [case_row(c) for c in cases]),
            (f"{device.name}: reference and RTL against a real GPU", rows),
            (f"{device.name}: a million samples on a real GPU and, by the model, here", times),
        ),
        exact=wrong == 0 and all(c.mismatches == 0 for c in cases),
        close=close(cases[:1]),
        data={"cases": [case.to_dict() for case in cases], "golden": rows, "times": times},
    )


def record(device: Any, synthesis: Mapping[str, Any]) -> Path:
    """Refuse: the resource model of this machine is not fitted to counts."""
    raise ConfigError("--record must be left out: no counts of neural field processors are kept")


def _random(device: Any, seed: int) -> list[CosimCase]:
    """Random samples and data; the second case with idle cycles and back-pressure."""
    from archsim.functional.ngpc import FixedNetwork
    from cosim.compiled import Stimulus
    from cosim.ngpc import ProcessorBench, check
    from cosim.ngpc_draw import draw_data, draw_samples

    params = device.params
    data = draw_data(params, seed)
    cases: list[CosimCase] = []
    for name, percent in (("random samples", 0), ("with 30 % idle and stalled", 30)):
        positions, directions = draw_samples(params, SAMPLES, seed + percent)
        expected = FixedNetwork(params).raw(data, positions, directions)
        bench = ProcessorBench(params, data, Stimulus(seed=seed, idle=percent, stall=percent))
        cases.append(check(bench, name, expected, positions, directions))
    return cases


def _golden(device: Any) -> list[dict[str, Any]]:
    """Every feature that a GPU recorded for this grid, through perceptrons that hand it on."""
    from cosim.compiled import Stimulus
    from cosim.ngpc import ProcessorBench
    from cosim.ngpc_recorded import matching, probe, reference_wrong

    params = device.params
    if params.directions or params.mlps[0].output_activation != "none":
        return []
    rows = []
    for golden in matching(params):
        wrong = 0
        for first in range(0, params.grid.outputs, params.outputs):
            bench = ProcessorBench(params, probe(params, golden.table, first), Stimulus(seed=1))
            found = bench.run(golden.positions).outputs
            wanted = golden.features[:, first : first + params.outputs]
            wrong += int((found[:, : wanted.shape[1]] != wanted).sum())
        rows.append({
            "golden vector": golden.name, "recorded on": golden.device,
            "results": golden.features.size, "reference wrong": reference_wrong(params, golden),
            "RTL wrong": wrong,
        })  # fmt: skip
    return rows


def _times(device: Any) -> list[dict[str, Any]]:
    """Recorded times of this network's integer kernels, beside the processor's at its clock."""
    from cosim.ngpc_recorded import network_times

    recorded = network_times(device.params)
    if recorded is None:
        return []
    from archsim.models.ngpc.rtl_cycles import sample_cycles
    from cosim.ngpc_draw import draw_samples

    params, hz = device.params, float(device.clock.frequency_hz)
    positions, _ = draw_samples(params, SAMPLES, 1)
    encoding, perceptron = sample_cycles(params, positions)
    us = recorded.samples / hz * 1e6
    rows = (
        ("encoding", recorded.encoding_us, encoding),
        ("perceptron", recorded.perceptron_us, perceptron),
    )
    return [
        {
            "kernel": name, "recorded on": recorded.device, "recorded us": recorded_us,
            f"us at {hz / 1e6:g} MHz": round(cycles * us), "cycles a sample": round(cycles, 2),
        }
        for name, recorded_us, cycles in rows
    ]  # fmt: skip
