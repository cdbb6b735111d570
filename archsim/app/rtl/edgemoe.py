"""The verbs around the RTL of an Edge-MoE accelerator: the whole of it, and its units alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.app.rtl import CosimCase, CosimRequest, Loop, case_row, close
from archsim.errors import ConfigError


def cosim(device: Any, request: CosimRequest) -> Sequence[CosimCase]:
    """Simulate whole encoders over AXI, every task and forced routings; then each unit alone.

    On Icarus the units only, with the layers of a dense block and of one with experts.
    """
    if request.gemms:
        raise ConfigError("--gemm must be left out for an Edge-MoE accelerator: it runs an encoder")
    if request.simulator == "icarus":
        return _on_icarus(device, request.seed)
    cases, _ = _system(device, request.seed)
    bench, _ = _simulate(device, request.seed)
    return [*cases, *bench.results]


def loop(device: Any) -> Loop:
    """Model against RTL, RTL against the reference, both against what a real GPU computed."""
    from cosim.edgemoe_recorded import compare, matching, recorded

    whole, encoded = _system(device, 1)
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
        output = recorded(case.name)[1]
        row["units wrong"] = int((outputs[case.name] != output).sum())
        row["RTL wrong"] = int((encoded.get(case.name, outputs[case.name]) != output).sum())
        rows.append(row)
    cases = [*whole, *bench.results]
    exact = all(r.mismatches == 0 for r in cases)
    wrong = ("reference", "units", "RTL")
    exact = exact and all(row[f"{x} wrong"] == 0 for row in rows for x in wrong)
    return Loop(
        tables=(
            (f"{device.name}: whole encoders over AXI", _encoders(whole)),
            (f"{device.name}: model against RTL, units alone", _by_unit(bench.results)),
            (f"{device.name}: reference and RTL against a real GPU", rows),
        ),
        exact=exact,
        close=close(cases),
        data={
            "cases": [case.to_dict() for case in cases],
            "golden": [{**row, "case": asdict(c)} for row, c in zip(rows, golden, strict=True)],
        },
    )


def record(device: Any, synthesis: Mapping[str, Any]) -> Path:
    """Keep counts of the whole design or of its parts, to which the resource model is fitted."""
    from archsim.models.edgemoe.counts import record as keep

    if synthesis["target"] != "xcup":
        raise ConfigError(f"--record must be with --target xcup, not {synthesis['target']!r}")
    found = {name: synthesis[name] for name in ("target", "tool_versions")}
    if "parts" in synthesis:
        found["parts"] = synthesis["parts"]
    else:
        found["whole"] = {name: synthesis[name] for name in ("lut", "ff", "dsp", "bram", "uram")}
    try:
        return keep(device.params, found)
    except ValueError as error:
        raise ConfigError(f"--record: {error}") from None


def _system(device: Any, seed: int) -> tuple[list[Any], dict[str, Any]]:
    """Run whole encoders: what was recorded on a GPU in one list, and the default cases.

    Returns the rows, and by name the tokens of each recorded case.
    """
    from cosim.axi_run import MemoryAgent
    from cosim.edgemoe import default_weights
    from cosim.edgemoe_recorded import matching
    from cosim.edgemoe_system import Case, System, default_cases, simulate
    from workloads.kernels.edgemoe.golden import EncoderCase

    params = device.params
    system = System(params)
    agent = MemoryAgent(seed, latency=(int(device.memory.latency_clk),) * 2)
    rows: list[Any] = []
    outputs: dict[str, Any] = {}
    golden = [case for case in matching(params) if isinstance(case, EncoderCase)]
    if golden:
        images = tuple((case.pixels(), case.task) for case in golden)
        name = f"{len(golden)} recorded images"
        found, parts = simulate(system, Case(name, golden[0].weights(), images), agent)
        outputs = {case.name: x for case, x in zip(golden, found.tokens, strict=True)}
        rows += parts
    for case in default_cases(params, default_weights(params), seed):
        rows += simulate(system, case, agent)[1]
    return rows, outputs


def _on_icarus(device: Any, seed: int) -> list[Any]:
    """Run the layers of the first two blocks on their units."""
    import numpy as np

    from archsim.functional.edgemoe import Encoder
    from cosim.compiled import Stimulus
    from cosim.edgemoe import Bench, default_weights, simulate_block

    params = device.params
    bench = Bench(params, Stimulus(seed=seed), "icarus")
    weights = default_weights(params)
    shape = (params.channels, params.image_height, params.image_width)
    pixels = np.random.Generator(np.random.PCG64([seed])).integers(0, 256, shape)
    x = Encoder(params, weights).embed(pixels)
    for index in range(min(2, params.depth)):
        x = simulate_block(bench, weights, index, x, 0)
    return list(bench.results)


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


def _encoders(results: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a row for each list of images, then one for each unit: the sum over all lists."""
    lists = [case_row(r) for r in results if r.unit == "encoder"]
    return [*lists, *_by_unit([r for r in results if r.unit != "encoder"])]


def _by_unit(results: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a row for each unit: the sum of its cases."""
    rows = []
    for unit in dict.fromkeys(r.unit for r in results):
        of_unit = [r for r in results if r.unit == unit]
        rows.append(case_row(_Sum(f"{unit}, {len(of_unit)} cases", of_unit)))
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
