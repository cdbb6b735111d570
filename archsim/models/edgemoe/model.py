"""Prices a vision transformer on an Edge-MoE accelerator."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.graph import Graph, OpSpec
from archsim.graph.ops import Attention
from archsim.mapping.edgemoe import attention_steps
from archsim.metrics import TERMS, KernelResult, OperatorResult, PointResult
from archsim.models.edgemoe.pricing import Priced, TimedPhase, pricing, timed
from archsim.models.edgemoe.resources import resources
from archsim.models.edgemoe.sums import CYCLES, LINEAR_CYCLES, MOVED, SLOTS, UNITS, WAITS

_US = 1e6
RTL_NOTE = "cycles are those of the controller's steps, as hdl.edgemoe's RTL takes them"
PHASE_NOTE = "cycles are a phase model's: no RTL of exactly this device and workload exists"
NOTES = (
    "the device computes in its own formats: workload.dtype does not change the answer",
    "lut, ff and dsp of the RTL's parts are fitted to their synthesis counts; what a device without"
    " RTL has of its own is estimated, bram follows from the structure (docs/edge_moe.md)",
)


@dataclass(frozen=True, slots=True)
class Worked:
    """What a unit does for an operator, all of its occurrences together, in cycles."""

    unit: str
    latency: float
    compute: float
    memory: float
    fill: float
    bytes: float
    narrow: int
    wide: int


class EdgeMoeModel:
    """Walks a graph once, phase by phase; weights are loaded ahead of their layer.

    The answer of an operator that occurs several times is the mean of its occurrences, which
    differ in what they wait for.
    """

    def __init__(self, device: EdgeMoeDevice) -> None:
        self.device = device
        bandwidth = device.memory.bandwidth_bytes_per_s
        self._edge = bandwidth.uncertainty if bandwidth.basis == "estimated" else 0.0

    def timed(self, graph: Graph) -> list[TimedPhase]:
        """Return the phases of ``graph`` in order, with their cycles."""
        return timed(pricing(graph, self.device).at(1.0))

    def evaluate(self, graph: Graph) -> PointResult:
        """Return the cost of a whole workload, operators in order of first occurrence."""
        found = pricing(graph, self.device)
        own = found.at(1.0)
        slow = fast = own
        if self._edge:
            slow, fast = (found.at(e) for e in (max(0.05, 1.0 - self._edge), 1.0 + self._edge))
        lows, highs = (x.make.plain(x.sums.total) for x in (fast, slow))
        work = _work(own, len(lows))
        operators = tuple(
            self._operator(spec, count, name, work[n], lows[n], highs[n])
            for n, ((spec, count), name) in enumerate(
                zip(graph.counts.items(), graph.first_names, strict=True)
            )
        )
        return self._summarise(graph, own, operators, RTL_NOTE if found.rtl else PHASE_NOTE)

    def _operator(
        self, spec: OpSpec, count: int, name: str, work: list[Worked], low: float, high: float
    ) -> OperatorResult:
        flops = float(spec.flops) / len(work)  # a kernel is a unit's work, the mean of ``count``
        kernels = tuple(self._kernel(each, count, flops) for each in work)
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

    def _kernel(self, work: Worked, count: int, flops: float) -> KernelResult:
        device = self.device
        clock = float(device.clock.frequency_hz)
        scale = _US / clock / count
        terms = {
            "launch": work.latency,
            "compute": work.compute,
            "hbm": work.memory,
            "exposed": work.fill,
        }
        total = sum(terms.values())
        peak = device.linear.tile_in * device.linear.tile_out
        wide = device.attention.queries * device.attention.lanes
        compute = {"linear": peak, "expert": peak, "scores": wide, "mix": wide}.get(work.unit, 0)
        macs = work.narrow + work.wide
        return KernelResult(
            name=work.unit,
            us=total * scale,
            terms_us=tuple(terms.get(term, 0.0) * scale for term in TERMS),
            bound_us={"compute": macs / compute * scale if compute else 0.0},
            flops=flops,
            hbm_bytes=work.bytes / count,
            l2_bytes=0.0,
            energy_j=self._energy(work, total / clock) / count,
            config={"cycles": round(total / count)},
        )

    def _energy(self, work: Worked, seconds: float) -> float:
        """Return joules: products with their operands on chip, bytes outside, and static power."""
        power = self.device.power
        form = self.device.formats
        narrow, wide = work.narrow, work.wide
        # a word of activations meets tile_out weights; attention reads one operand a product
        sram = narrow * form.weight_bits / 8 + narrow * 4 / self.device.linear.tile_out + wide * 4
        picojoules = (
            narrow * float(power.mac16_pj)
            + wide * float(power.mac32_pj)
            + sram * float(power.sram_pj_per_byte)
            + work.bytes * float(power.memory_pj_per_byte)
        )
        return picojoules * 1e-12 + float(power.static_w) * seconds

    def _summarise(
        self, graph: Graph, own: Priced, operators: tuple[OperatorResult, ...], note: str
    ) -> PointResult:
        latency_us = sum(op.count * op.us for op in operators)
        energy_j = sum(op.count * op.energy_j for op in operators)
        whole = own.make.plain(own.sums.whole)
        peak = self.device.linear.tile_in * self.device.linear.tile_out
        spent = whole[LINEAR_CYCLES]
        tokens = next((spec.sq for spec in graph.counts if isinstance(spec, Attention)), 0)
        steps, loaded = attention_steps(self.device, tokens) if tokens else (0, 0)
        metrics = {
            "latency_us": latency_us,
            "latency_low_us": sum(op.count * op.low_us for op in operators),
            "latency_high_us": sum(op.count * op.high_us for op in operators),
            "cycles": whole[CYCLES],
            "bound_cycles": sum(op.count * op.bound_us for op in operators)
            * float(self.device.clock.frequency_hz) / _US,
            "utilisation": int(own.sums.linear[0]) / (peak * spent) if spent else 0.0,
            "weight_wait_us": whole[WAITS] * _US / float(self.device.clock.frequency_hz),
            "attention_us": sum(op.count * op.us for op in operators if op.kind == "attention"),
            "attention_steps": float(steps),
            "attention_tokens_loaded": float(loaded),
            "energy_j": energy_j,
            "power_w": energy_j / (latency_us / _US),
            "flops": float(sum(op.count * op.flops for op in operators)),
            "memory_bytes": whole[MOVED],
            **resources(self.device),
        }  # fmt: skip
        estimated = {
            path: change
            for path, change in (
                ("memory.bandwidth_bytes_per_s", metrics["latency_high_us"] / latency_us - 1.0),
            )
            if change > 1e-6
        }
        return PointResult("edgemoe", metrics, operators, estimated, (*NOTES, note))


def _work(own: Priced, operators: int) -> list[list[Worked]]:
    """Return what units do for each operator, in the order in which they first do."""
    plain, sums = own.make.plain, own.sums
    seen, columns = plain(sums.seen), [
        plain(column) for column in (
            sums.latency, sums.compute, sums.memory, sums.fill, sums.bytes, sums.narrow, sums.wide,
        )
    ]  # fmt: skip
    found = []
    for operator in range(operators):
        first = operator * SLOTS
        slots = sorted(
            (slot for slot in range(first, first + SLOTS) if seen[slot]), key=seen.__getitem__
        )
        found.append(
            [Worked(UNITS[slot - first], *(column[slot] for column in columns)) for slot in slots]
        )
    return found
