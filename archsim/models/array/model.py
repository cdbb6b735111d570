"""Prices operators on a matrix engine and adds them up to a workload's answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archsim.config.array import ArrayDevice
from archsim.errors import UnsupportedOperatorError
from archsim.graph import Graph, OpSpec
from archsim.mapping.array import plan
from archsim.mapping.array_lower import Product, lower
from archsim.metrics import TERMS, KernelResult, OperatorResult, PointResult
from archsim.models.array.energy import static_and_dynamic
from archsim.models.array.periodic import job_cycles
from archsim.models.array.timing import Cycles
from archsim.models.asic import asic_metrics
from archsim.models.fpga import fpga_metrics
from archsim.recent import Recent

_US = 1e6
PRICED_KEPT = 1024
"""Products and operators whose price a model keeps."""
FPGA_NOTE = (
    "lut, ff, dsp, bram, uram, fmax_mhz and fpga_power_w are a model of ZCU102-class parts, "
    "asic_* of standard cells (180 nm; 45 and 7 nm scaled), both fitted to synthesis results of "
    "small engines (docs/synthesis.md)"
)


@dataclass(frozen=True, slots=True)
class _Priced:
    """A product on the engine: its cycles and their attribution over ``TERMS`` in cycles."""

    cycles: Cycles
    terms: tuple[float, ...]


class ArrayModel:
    """Prices operators on one engine. Equal operators are priced once.

    Each product starts with cold buffers when the one before has left; other operators run on
    the vector unit, bounded by it or by the memory. A frequency that is an estimate scales every
    time, so it is reported in ``sensitive``.
    """

    def __init__(self, device: ArrayDevice) -> None:
        self.device = device
        self._products = Recent[tuple[int, int, int], Cycles](PRICED_KEPT)
        self._priced = Recent[OpSpec, OperatorResult](PRICED_KEPT)

    def cycles(self, m: int, n: int, k: int) -> Cycles:
        """Return the engine's cycles for ``[m, k] x [k, n]``, as its RTL needs them."""
        key = (m, n, k)
        if (known := self._products.get(key)) is not None:
            return known
        params = self.device.params
        try:
            job = plan(params, m, n, k)
        except ValueError as error:
            raise UnsupportedOperatorError(f"product {m}x{k}x{n}: {error}") from None
        cycles = job_cycles(params, job, self.device.memory.shared)
        return self._products.put(key, cycles)

    def price(self, spec: OpSpec) -> OperatorResult:
        """Return the cost of one operator."""
        return self._priced.get(spec) or self._priced.put(spec, self._price(spec))

    def evaluate(self, graph: Graph) -> PointResult:
        """Return the cost of a whole workload, operators in order of first occurrence."""
        priced = tuple(
            replace(self.price(spec), count=n, name=name)
            for (spec, n), name in zip(graph.counts.items(), graph.first_names, strict=True)
        )
        return self._summarise(graph, priced)

    def _price(self, spec: OpSpec) -> OperatorResult:
        work = lower(spec, self.device.arithmetic.format)
        kernels = [self._product(spec, product) for product in work.products]
        if work.vector_flops or work.vector_bytes:
            kernels.append(self._vector(work.vector_flops, work.vector_bytes))
        us = sum(kernel.us for kernel in kernels)
        clock = self.device.clock.frequency_hz
        edge = clock.uncertainty if clock.basis == "estimated" else 0.0
        return OperatorResult(
            name=spec.kind,
            kind=spec.kind,
            count=1,
            us=us,
            low_us=us / (1.0 + edge),
            high_us=us / (1.0 - edge) if edge < 1.0 else us * (1.0 + edge),
            energy_j=sum(kernel.energy_j for kernel in kernels),
            flops=spec.flops,
            bytes=spec.bytes,
            bound_us=sum(max(kernel.bound_us.values()) for kernel in kernels),
            kernels=tuple(kernels),
            sensitive={"clock.frequency_hz": edge} if edge else {},
        )

    def _product(self, spec: OpSpec, product: Product) -> KernelResult:
        cycles = self.cycles(product.m, product.n, product.k)
        scale = product.count * _US / float(self.device.clock.frequency_hz)
        port = self.device.memory.bytes_per_cycle
        exposed = cycles.stall_drain + cycles.tail
        stalled = cycles.stall_input + cycles.stall_output
        by_name = {"compute": cycles.compute, "hbm": stalled, "exposed": exposed}
        traffic = product.count * port * (cycles.beats_in + cycles.beats_out)
        macs = product.count * product.m * product.n * product.k
        us = cycles.cycles * scale
        return KernelResult(
            name=f"gemm_{product.m}x{product.k}x{product.n}",
            us=us,
            terms_us=tuple(by_name.get(term, 0) * scale for term in TERMS),
            bound_us={
                "compute": cycles.bound * scale,
                "hbm": self._beats_bound(cycles) * scale,
            },
            flops=2.0 * macs,
            hbm_bytes=float(traffic),
            l2_bytes=0.0,
            energy_j=static_and_dynamic(self.device, product, cycles, us),
            config={"count": product.count, "cycles": cycles.cycles * product.count},
        )

    def _beats_bound(self, cycles: Cycles) -> int:
        """Return the fewest cycles in which the memory moves the beats of a product."""
        beats = (cycles.beats_in, cycles.beats_out)
        return sum(beats) if self.device.memory.shared else max(beats)

    def _vector(self, flops: int, moved: int) -> KernelResult:
        hz = float(self.device.clock.frequency_hz)
        power = self.device.power
        compute = flops / float(self.device.vector.flop_per_clk) / hz * _US
        memory = moved / self.device.memory.bytes_per_cycle / hz * _US
        us = max(compute, memory)
        terms = {"compute": min(compute, us), "hbm": us - compute if memory > compute else 0.0}
        return KernelResult(
            name="vector",
            us=us,
            terms_us=tuple(terms.get(term, 0.0) for term in TERMS),
            bound_us={"compute": compute, "hbm": memory},
            flops=float(flops),
            hbm_bytes=float(moved),
            l2_bytes=0.0,
            energy_j=float(power.static_w) * us / _US
            + 1e-12 * (flops * float(power.mac_pj) + moved * float(power.memory_pj_per_byte)),
            config={"cycles": us * hz / _US},
        )

    def _summarise(self, graph: Graph, priced: tuple[OperatorResult, ...]) -> PointResult:
        device = self.device
        hz = float(device.clock.frequency_hz)
        latency_us = sum(op.count * op.us for op in priced)
        kernels = [(op.count, k) for op in priced for k in op.kernels]
        products = [(count, k) for count, k in kernels if k.name != "vector"]
        cycles = sum(count * k.config["cycles"] for count, k in products)
        bound = sum(count * k.bound_us["compute"] for count, k in products) * hz / _US
        flops = float(sum(op.count * op.flops for op in priced))
        energy_j = sum(op.count * op.energy_j for op in priced)
        macs = sum(count * k.flops for count, k in products) / 2
        engines = device.array.rows * device.array.columns
        metrics = {
            "latency_us": latency_us,
            "latency_low_us": sum(op.count * op.low_us for op in priced),
            "latency_high_us": sum(op.count * op.high_us for op in priced),
            "matrix_cycles": float(cycles),
            "bound_cycles": float(round(bound)),
            "utilisation": macs / (engines * cycles) if cycles else 0.0,
            "energy_j": energy_j,
            "power_w": energy_j / (latency_us / _US),
            "flops": flops,
            "memory_bytes": sum(count * k.hbm_bytes for count, k in kernels),
            "sram_bytes": float(sum(device.buffers.model_dump().values())),
            "macs_per_cycle": float(engines),
            **fpga_metrics(device),
            **asic_metrics(device),
        }
        estimated = {path: edge for op in priced for path, edge in op.sensitive.items()}
        return PointResult("array", metrics, priced, estimated, (FPGA_NOTE,))
