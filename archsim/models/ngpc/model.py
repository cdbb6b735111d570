"""Prices frames on a neural-graphics cluster beside its host GPU."""

from __future__ import annotations

import math
from dataclasses import replace

from archsim.config.ngpc import NgpcDevice
from archsim.config.ngpc_params import ENTRIES_PER_WORD, SH_TERMS
from archsim.graph import Graph
from archsim.metrics import TERMS, KernelResult, OperatorResult, PointResult
from archsim.metrics.checks import check_operator
from archsim.models.ngpc.budget import area_mm2, sample_pj, static_w
from archsim.models.ngpc.cluster import Frame, closed_us, cluster_us
from archsim.models.ngpc.host import HostTimes, Work, hosted
from archsim.models.ngpc.processor import SECTOR_BYTES, Processor, processor

_US = 1e6
_OUTPUT_BYTES = 2
_SCALED = (
    "clock.frequency_hz", "cluster.l2_bytes_per_clk", "cluster.rest_fusion"
)  # fmt: skip
"""Constants that can change a frame's time; each is tried at the edges of its uncertainty."""


class NgpcModel:
    """Prices frames: encoding and perceptrons on the cluster, all else fused on the host's SMs."""

    def __init__(self, device: NgpcDevice) -> None:
        self.device = device

    def evaluate(self, graph: Graph) -> PointResult:
        """Return the answer for ``graph``, which must hold one grid encoding and its layers."""
        work, host = hosted(self.device.host, graph)
        cost = processor(self.device, work.grid, work.layers)
        frame = frame_of(self.device, work, cost, host)
        energy_j = self._energy(work, cost, host, closed_us(frame))
        sensitive = self._sensitivity(work, cost, host, closed_us(frame))
        operator = self._operator(graph, frame, host, energy_j, sensitive)
        check_operator(operator)
        metrics = self._metrics(work, cost, host, frame, operator)
        return PointResult("ngpc", metrics, (operator,), sensitive, self._notes(work, cost))

    def frame(self, graph: Graph) -> Frame:
        """Return the work of one frame of ``graph`` on this device."""
        work, host = hosted(self.device.host, graph)
        return frame_of(self.device, work, processor(self.device, work.grid, work.layers), host)

    def _energy(self, work: Work, cost: Processor, host: HostTimes, us: float) -> float:
        """Cluster's dynamic and static energy, and the host's for the remaining kernels."""
        word = ENTRIES_PER_WORD * work.grid.features * self.device.formats.feature_bits / 8
        each = sample_pj(self.device, cost, word, sample_bytes(work))
        cluster = work.samples * each * 1e-12 + static_w(self.device) * us / _US
        return cluster + host.rest_energy_j / float(self.device.cluster.rest_fusion)

    def _sensitivity(
        self, work: Work, cost: Processor, host: HostTimes, us: float
    ) -> dict[str, float]:
        """Relative change of time with each estimated constant at the worse edge."""
        found = {}
        for path in _SCALED:
            group, name = path.split(".")
            constant = getattr(getattr(self.device, group), name)
            if constant.basis != "estimated":
                continue
            lower = max(1.0 - constant.uncertainty, 0.01) * constant.value
            changed = getattr(self.device, group).model_copy(
                update={name: constant.model_copy(update={"value": lower})}
            )
            device = self.device.model_copy(update={group: changed})
            change = closed_us(frame_of(device, work, cost, host)) / us - 1.0
            if change > 1e-9:
                found[path] = change
        return found

    def _operator(
        self, graph: Graph, frame: Frame, host: HostTimes, energy_j: float,
        sensitive: dict[str, float],
    ) -> OperatorResult:  # fmt: skip
        """The frame as one operator: the busier stage, and what the other adds at the ends."""
        us = closed_us(frame)
        cluster, rest = frame.batches * cluster_us(frame), frame.host_us
        busy = max(cluster, rest)
        terms = {"compute" if cluster >= rest else "hbm": busy, "exposed": us - busy}
        flops = graph.flops
        kernel = KernelResult(
            name="cluster" if cluster >= rest else "remaining kernels",
            us=us,
            terms_us=tuple(terms.get(term, 0.0) for term in TERMS),
            bound_us={"compute": cluster, "hbm": rest},
            flops=float(flops),
            hbm_bytes=0.0,
            l2_bytes=frame.samples * frame.transfer_us / us,
            energy_j=energy_j,
            config={"processors": frame.processors, "batches": frame.batches},
        )
        spread = math.prod(1.0 + change for change in sensitive.values())
        return OperatorResult(
            name="frame", kind="frame", count=1, us=us, low_us=us / spread, high_us=us * spread,
            energy_j=energy_j, flops=flops, bytes=0, bound_us=busy, kernels=(kernel,),
            sensitive=sensitive,
        )  # fmt: skip

    def _metrics(
        self, work: Work, cost: Processor, host: HostTimes, frame: Frame, op: OperatorResult
    ) -> dict[str, float]:
        hz = float(self.device.clock.frequency_hz)
        alone = replace(frame, host_us=0.0)
        return {
            "latency_us": op.us,
            "latency_low_us": op.low_us,
            "latency_high_us": op.high_us,
            "energy_j": op.energy_j,
            "power_w": op.energy_j / op.us * _US,
            "frames_per_s": _US / op.us,
            "speedup": host.total_us / op.us,
            "baseline_us": host.total_us,
            "encoding_share": host.encoding_us / host.total_us,
            "perceptron_share": host.perceptron_us / host.total_us,
            "network_share": 1.0 - host.rest_us / host.total_us,
            "rest_us": frame.host_us,
            "cluster_us": closed_us(alone),
            "network_speedup": (host.encoding_us + host.perceptron_us) / closed_us(alone),
            "plateau_speedup": host.total_us / frame.host_us if frame.host_us else 0.0,
            "sample_cycles": cost.interval_cycles,
            "encoding_cycles": cost.encoding_cycles,
            "perceptron_cycles": cost.perceptron_cycles,
            "samples_per_s": frame.processors * hz / cost.interval_cycles,
            "link_bytes": work.samples * _bytes(work, cost),
            "table_bytes": float(cost.stored_bytes),
            "kept_fraction": cost.kept_bytes / cost.stored_bytes,
            "area_mm2": area_mm2(self.device),
        }

    def _notes(self, work: Work, cost: Processor) -> tuple[str, ...]:
        word = ENTRIES_PER_WORD * work.grid.features * self.device.formats.feature_bits // 8
        largest = max(level.entries for level in work.grid.tables)
        level_bytes = largest * word // ENTRIES_PER_WORD
        held = self.device.encoding.sram_bytes
        if cost.kept_bytes >= cost.stored_bytes:
            return ()
        return (
            f"the largest level has {level_bytes} bytes of {self.device.formats.feature_bits}-bit "
            f"features, an engine's memory {held}: {cost.spilled_words:.1f} of {cost.words:.1f} "
            "words a sample come from L2",
        )


def sample_bytes(work: Work) -> float:
    """Return the bytes of a sample's position (and harmonics) and of its outputs."""
    outputs = work.layers[-1][1]
    return 4.0 * work.grid.dims + _OUTPUT_BYTES * (outputs + work.directions * SH_TERMS)


def frame_of(device: NgpcDevice, work: Work, cost: Processor, host: HostTimes) -> Frame:
    """Return the frame's work on ``device``; tables reach all processors in one broadcast."""
    hz = float(device.clock.frequency_hz)
    rate = float(device.cluster.l2_bytes_per_clk) * hz
    return Frame(
        samples=work.samples,
        processors=device.cluster.processors,
        batches=min(device.cluster.batches, work.samples),
        host_us=host.rest_us / float(device.cluster.rest_fusion),
        sample_us=cost.interval_cycles / hz * _US,
        transfer_us=_bytes(work, cost) / rate * _US,
        fill_us=cost.fill_cycles / hz * _US,
        load_us=cost.kept_bytes / rate * _US,
    )


def _bytes(work: Work, cost: Processor) -> float:
    return sample_bytes(work) + cost.spilled_words * SECTOR_BYTES
