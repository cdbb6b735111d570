"""Prices a vision transformer on an Edge-MoE accelerator."""

from __future__ import annotations

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.config.edgemoe_layout import Layout
from archsim.graph import Graph, OpSpec
from archsim.graph.ops import Attention
from archsim.mapping.edgemoe import Phase, attention_steps, lower
from archsim.mapping.edgemoe_steps import StepList, step_list
from archsim.metrics import TERMS, KernelResult, OperatorResult, PointResult
from archsim.models.edgemoe.controller import Bus, predict
from archsim.models.edgemoe.phases import as_phases
from archsim.models.edgemoe.resources import resources
from archsim.models.edgemoe.timing import PhaseCycles, run

_US = 1e6
RTL_NOTE = "cycles are those of the controller's steps, as hdl.edgemoe's RTL takes them"
PHASE_NOTE = "cycles are a phase model's: no RTL of exactly this device and workload exists"
NOTES = (
    "the device computes in its own formats: workload.dtype does not change the answer",
    "lut, ff and dsp of the RTL's parts are fitted to their synthesis counts; what a device without"
    " RTL has of its own is estimated, bram follows from the structure (docs/edge_moe.md)",
)

PARTS = (None, 16, 8, 4)
"""Tiles of outputs in a part of a linear layer; None: what a buffer holds."""

Timed = list[tuple[Phase, PhaseCycles]]


class EdgeMoeModel:
    """Walks a graph once, phase by phase; weights are loaded ahead of their layer.

    The answer of an operator that occurs several times is the mean of its occurrences, which
    differ in what they wait for.
    """

    def __init__(self, device: EdgeMoeDevice) -> None:
        self.device = device
        bandwidth = device.memory.bandwidth_bytes_per_s
        self._edge = bandwidth.uncertainty if bandwidth.basis == "estimated" else 0.0

    def timed(self, graph: Graph) -> Timed:
        """Return the phases of ``graph`` with their cycles.

        Where the controller's RTL runs the graph, its steps; else of some ways to cut linear layers
        into parts the fastest: short parts start earlier, long ones cost fewer starts.
        """
        steps = step_list(graph, self.device)
        if steps is not None:
            return self._steps(graph, steps)
        tried = [self._run(lower(graph, self.device, tiles)) for tiles in PARTS]
        return min(tried, key=lambda timed: sum(c.total for _, c in timed))

    def _steps(self, graph: Graph, found: StepList, bandwidth: float = 1.0) -> Timed:
        """Return the controller's steps as phases with their cycles; ``bandwidth`` is a factor."""
        device = self.device
        clock = float(device.clock.frequency_hz)
        rate = bandwidth * float(device.memory.bandwidth_bytes_per_s) / clock
        beats = min(1.0, rate / Layout(device.params).port_bytes)
        bus = Bus(round(float(device.memory.latency_clk)), beats)
        fields = [f for _, f in found.steps]
        predicted = predict(device.params, fields, found.routings, bus)
        return as_phases(device.params, len(graph.ops), found.steps, predicted)

    def _run(self, phases: list[Phase], bandwidth: float = 1.0) -> Timed:
        """Return ``phases`` with their cycles; ``bandwidth`` is a factor."""
        return list(zip(phases, run(self.device, phases, bandwidth), strict=True))

    def evaluate(self, graph: Graph) -> PointResult:
        """Return the cost of a whole workload, operators in order of first occurrence."""
        timed = self.timed(graph)
        slow, fast = timed, timed
        if self._edge:
            steps = step_list(graph, self.device)
            phases = [phase for phase, _ in timed]
            slow, fast = (
                self._run(phases, edge) if steps is None else self._steps(graph, steps, edge)
                for edge in (max(0.05, 1.0 - self._edge), 1.0 + self._edge)
            )
        groups = _by_operator(graph, timed)
        lows, highs = (_cycles(_by_operator(graph, x)) for x in (fast, slow))
        operators = tuple(
            self._operator(spec, count, name, groups[spec], lows[spec], highs[spec])
            for (spec, count), name in zip(graph.counts.items(), graph.first_names, strict=True)
        )
        return self._summarise(graph, timed, operators)

    def _operator(
        self, spec: OpSpec, count: int, name: str, timed: Timed, low: float, high: float
    ) -> OperatorResult:
        kernels = self._kernels(spec, count, timed)
        us = sum(kernel.us for kernel in kernels)
        scale = _US / float(self.device.clock.frequency_hz) / count
        low_us, high_us = min(us, low * scale), max(us, high * scale)
        change = max(high_us / us - 1.0, 1.0 - low_us / us) if us else 0.0
        return OperatorResult(
            name=name,
            kind=spec.kind,
            count=count,
            us=us,
            low_us=low_us,
            high_us=high_us,
            energy_j=sum(kernel.energy_j for kernel in kernels),
            flops=spec.flops,
            bytes=spec.bytes,
            bound_us=sum(max(kernel.bound_us.values()) for kernel in kernels),
            kernels=kernels,
            sensitive={"memory.bandwidth_bytes_per_s": change} if change > 1e-6 else {},
        )

    def _kernels(self, spec: OpSpec, count: int, timed: Timed) -> tuple[KernelResult, ...]:
        """Return a kernel for each unit that works for the operator, the mean of ``count``."""
        units = list(dict.fromkeys(phase.unit for phase, _ in timed))
        flops = float(spec.flops) / len(units)
        return tuple(
            self._kernel(unit, count, flops, [x for x in timed if x[0].unit == unit])
            for unit in units
        )

    def _kernel(self, unit: str, count: int, flops: float, timed: Timed) -> KernelResult:
        device = self.device
        clock = float(device.clock.frequency_hz)
        scale = _US / clock / count
        cycles = [c for _, c in timed]
        moved = sum(c.bytes for c in cycles)
        terms = {
            "launch": sum(c.latency for c in cycles),
            "compute": sum(c.compute for c in cycles),
            "hbm": sum(c.stream + c.weights for c in cycles),
            "exposed": sum(c.fill for c in cycles),
        }
        total = sum(terms.values())
        peak = device.linear.tile_in * device.linear.tile_out
        wide = device.attention.queries * device.attention.lanes
        compute = {"linear": peak, "expert": peak, "scores": wide, "mix": wide}.get(unit, 0)
        macs = sum((p.macs16 + p.macs32) * p.repeat for p, _ in timed)
        return KernelResult(
            name=unit,
            us=total * scale,
            terms_us=tuple(terms.get(term, 0.0) * scale for term in TERMS),
            bound_us={"compute": macs / compute * scale if compute else 0.0},
            flops=flops,
            hbm_bytes=moved / count,
            l2_bytes=0.0,
            energy_j=self._energy(timed, total / clock) / count,
            config={"cycles": round(total / count)},
        )

    def _energy(self, timed: Timed, seconds: float) -> float:
        """Return joules: products with their operands on chip, bytes outside, and static power."""
        power = self.device.power
        form = self.device.formats
        narrow = sum(p.macs16 * p.repeat for p, _ in timed)
        wide = sum(p.macs32 * p.repeat for p, _ in timed)
        # a word of activations meets tile_out weights; attention reads one operand a product
        sram = narrow * form.weight_bits / 8 + narrow * 4 / self.device.linear.tile_out + wide * 4
        picojoules = (
            narrow * float(power.mac16_pj)
            + wide * float(power.mac32_pj)
            + sram * float(power.sram_pj_per_byte)
            + sum(c.bytes for _, c in timed) * float(power.memory_pj_per_byte)
        )
        return picojoules * 1e-12 + float(power.static_w) * seconds

    def _summarise(
        self, graph: Graph, timed: Timed, operators: tuple[OperatorResult, ...]
    ) -> PointResult:
        latency_us = sum(op.count * op.us for op in operators)
        energy_j = sum(op.count * op.energy_j for op in operators)
        linear = [(p, c) for p, c in timed if p.unit in ("linear", "expert")]
        peak = self.device.linear.tile_in * self.device.linear.tile_out
        spent = sum(c.total for _, c in linear)
        tokens = next((spec.sq for spec in graph.counts if isinstance(spec, Attention)), 0)
        steps, loaded = attention_steps(self.device, tokens) if tokens else (0, 0)
        metrics = {
            "latency_us": latency_us,
            "latency_low_us": sum(op.count * op.low_us for op in operators),
            "latency_high_us": sum(op.count * op.high_us for op in operators),
            "cycles": sum(c.total for _, c in timed),
            "bound_cycles": sum(op.count * op.bound_us for op in operators)
            * float(self.device.clock.frequency_hz) / _US,
            "utilisation": sum(p.macs16 * p.repeat for p, _ in linear) / (peak * spent)
            if spent else 0.0,
            "weight_wait_us": sum(c.weights for _, c in timed)
            * _US / float(self.device.clock.frequency_hz),
            "attention_us": sum(op.count * op.us for op in operators if op.kind == "attention"),
            "attention_steps": float(steps),
            "attention_tokens_loaded": float(loaded),
            "energy_j": energy_j,
            "power_w": energy_j / (latency_us / _US),
            "flops": float(sum(op.count * op.flops for op in operators)),
            "memory_bytes": sum(c.bytes for _, c in timed),
            **resources(self.device),
        }  # fmt: skip
        estimated = {
            path: change
            for path, change in (
                ("memory.bandwidth_bytes_per_s", metrics["latency_high_us"] / latency_us - 1.0),
            )
            if change > 1e-6
        }
        note = PHASE_NOTE if step_list(graph, self.device) is None else RTL_NOTE
        return PointResult("edgemoe", metrics, operators, estimated, (*NOTES, note))


def _by_operator(graph: Graph, timed: Timed) -> dict[OpSpec, Timed]:
    groups: dict[OpSpec, Timed] = {}
    for phase, cycles in timed:
        groups.setdefault(graph.ops[phase.op].spec, []).append((phase, cycles))
    return groups


def _cycles(groups: dict[OpSpec, Timed]) -> dict[OpSpec, float]:
    return {spec: sum(c.total for _, c in timed) for spec, timed in groups.items()}
