"""The GPU model: prices operators as kernels and adds them up to a workload's answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph, OpSpec
from archsim.graph.ops import Attention, BatchedGemm, Conv2d, Gemm, SparseGemm
from archsim.metrics import OperatorResult, PointResult
from archsim.metrics.checks import check_operator
from archsim.models.gpu.assemble import operators
from archsim.models.gpu.columns import Columns, Folded, doubtful
from archsim.models.gpu.compulsory import compulsory_bytes
from archsim.models.gpu.lower import lower
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.point import estimated, summarise
from archsim.models.gpu.power import Sustained, load_of, settle
from archsim.models.gpu.prepared import arrays_of, prepare
from archsim.models.gpu.residency import Window, reuse
from archsim.models.gpu.solve import solved
from archsim.models.gpu.vector import Variants, patched, variants
from archsim.recent import Recent

_Key = tuple[OpSpec, float, float, bool]
"""An operator, the fractions of its reads and writes that L2 holds, and whether other kernels run
in between."""

PRICED_KEPT = 1024
"""Operators whose price a model keeps, about 2 kB each."""

Execution = Literal["graph", "eager", "kernels"]
"""How a workload runs: as a CUDA graph, launched kernel by kernel, or its kernels alone."""


class GpuModel:
    """Prices operators on one device. Equal operators are priced once."""

    def __init__(self, device: GpuDevice, made: Variants | None = None) -> None:
        self.device = device
        self._variants: Variants = variants(device) if made is None else made
        self._priced = Recent[_Key, OperatorResult](PRICED_KEPT)

    def like(self, device: GpuDevice, paths: Collection[str]) -> GpuModel:
        """Return the model of ``device``, which differs from this one's in the constants ``paths``
        at most; it is made faster than anew."""
        return GpuModel(device, patched(self._variants, self.device, device, paths))

    def price(self, spec: OpSpec, resident: float = 0.0) -> OperatorResult:
        """Return the cost of one operator.

        ``resident`` is the fraction of the bytes it reads that lie in L2 (0: cold caches).
        """
        if not 0.0 <= resident <= 1.0:
            raise ValueError(f"resident must be a fraction from 0 to 1, not {resident!r}")
        return self._price_all([(spec, resident, resident, False)])[0]

    def left_in_l2(self, spec: OpSpec) -> float:
        """Return the fraction of what ``spec`` reads that a run of it leaves in L2 for the next."""
        full, none = windows(self.device)[0]
        return min(max((none - spec.bytes) / (none - full), 0.0), 1.0)

    def evaluate(self, graph: Graph, execution: Execution = "graph") -> PointResult:
        """Return the cost of a whole workload, its operators in order of first occurrence.

        Each operator finds in L2 what the operators before it left there.
        """
        if execution not in ("graph", "eager", "kernels"):
            raise ValueError(f"execution must be graph, eager or kernels, not {execution!r}")
        uses = reuse(graph)
        spans = windows(self.device)
        shares = (uses.reads.found(*spans), uses.writes.found(*spans))
        priced = self._price_all([(*row, True) for row in zip(uses.specs, *shares, strict=True)])
        counted = tuple(
            result.counted(name, n)
            for result, n, name in zip(priced, uses.counts, graph.first_names, strict=True)
        )
        columns = Columns.of_results(counted)
        metrics = summarise(graph, columns, self.device, execution, self._variants.rows[0])
        return PointResult("gpu", metrics, counted, estimated(counted, metrics["kernel_sum_us"]))

    def metrics(self, graph: Graph, execution: Execution = "graph") -> dict[str, float]:
        """Return the metrics of ``evaluate``, without what stands behind them.

        The same laws give the same numbers, to the bit; no object is made for any kernel, which
        takes most of the time otherwise. The self-checks are the same.
        """
        devices, prepared = self._variants, prepare(graph)
        laid = prepared.laid(devices.rows[0], windows(self.device))
        out = solved(devices.rows, devices.relevant, laid.families, laid.params)
        folded = Folded.of(out, laid.starts, float(self.device.power.idle_w))
        work = (laid.done, prepared.flops, laid.least_bytes)
        if doubtful(out, laid.starts, folded.times, folded.table, *work):
            return self.evaluate(graph, execution).metrics  # words what is wrong, if it is
        columns = Columns.of_table(folded.table, prepared.counts, laid.names)
        return summarise(graph, columns, self.device, execution, devices.rows[0])

    def sustain(
        self, spec: OpSpec, entropy: float = 1.0, host: Mapping[str, float] | None = None
    ) -> Sustained:
        """Return the steady state of ``spec`` in an endless loop, its data warm where they fit.

        ``entropy`` is 1 for random operands and 0 for zeros. The clock follows the power limit.
        ``host`` are another host's launch times in us by their names in ``HOST_TIMES``.
        """
        if not 0.0 <= entropy <= 1.0:
            raise ValueError(f"entropy must be a fraction from 0 to 1, not {entropy!r}")
        rows = self._variants.rows[:1].copy()
        rows["tensor_kernels_gemm_throttle_fraction"] = 0.0
        for name, us in (host or {}).items():
            rows[f"launch_{name}"] = us
        share = self.left_in_l2(spec)
        kernels = lower(spec, rows[0])
        out = _solve(rows, self._variants.relevant[:1], [(spec, share, share, False)], [kernels])
        return settle(
            rows[0], load_of(rows[0], out[0], host_us(spec, len(kernels), rows[0]), entropy)
        )

    def _price_all(self, wanted: Sequence[_Key]) -> list[OperatorResult]:
        distinct = dict.fromkeys(wanted)
        known = {key: found for key in distinct if (found := self._priced.get(key)) is not None}
        new = [key for key in distinct if key not in known]
        if new:
            devices = self._variants
            lowered = [lower(key[0], devices.rows[0]) for key in new]
            out = _solve(devices.rows, devices.relevant, new, lowered)
            static_w = float(self.device.power.idle_w)
            results = operators([key[0] for key in new], lowered, out, devices, static_w)
            for (spec, resident, *_), result in zip(new, results, strict=True):
                cold = resident == 0.0
                check_operator(result, cold=cold, compulsory_bytes=compulsory_bytes(spec))
            known.update((k, self._priced.put(k, r)) for k, r in zip(new, results, strict=True))
        return [known[key] for key in wanted]


def windows(device: GpuDevice) -> tuple[Window, Window]:
    """Footprints up to which L2 keeps everything and from which it keeps nothing: without
    write-back, and while earlier writes drain."""
    l2, capacity = device.l2, float(device.l2.capacity_bytes)
    return (
        (float(l2.full_hit_fraction) * capacity, float(l2.no_hit_fraction) * capacity),
        (float(l2.written_full_fraction) * capacity, float(l2.written_none_fraction) * capacity),
    )


def _solve(rows: Any, relevant: Any, keys: Sequence[_Key], lowered: Sequence[list[Plan]]) -> Any:
    """Price all kernels of ``lowered``; ``keys`` says where and with which operands each runs."""
    specs, resident, again, _ = zip(*keys, strict=True)
    return solved(rows, relevant, *arrays_of(specs, resident, again, lowered, keys[0][3]))


HOST_TIMES = (
    "stream_us", "stream_kernel_us", "stream_matmul_us", "stream_fp8_us", "stream_attention_us",
    "stream_conv_us", "stream_sparse_us",
)  # fmt: skip
"""Constants of ``launch`` that are the host's, not the GPU's."""


def host_us(spec: OpSpec, kernels: int, dev: Any) -> float:
    """Return the host time of launching one operator of ``spec``'s kind as ``kernels`` kernels."""
    us = float(dev["launch_stream_us"]) + (kernels - 1) * float(dev["launch_stream_kernel_us"])
    if isinstance(spec, SparseGemm):
        us += float(dev["launch_stream_sparse_us"])
    elif isinstance(spec, Gemm | BatchedGemm):
        us += float(dev["launch_stream_matmul_us"])
        if spec.dtype.startswith("fp8"):
            us += float(dev["launch_stream_fp8_us"])
    elif isinstance(spec, Attention):
        us += float(dev["launch_stream_attention_us"])
    elif isinstance(spec, Conv2d):
        us += float(dev["launch_stream_conv_us"])
    return us
