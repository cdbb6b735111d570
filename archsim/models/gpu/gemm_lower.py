"""From a matrix product to its kernels: memset, tile kernel, split-K reduction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from math import ceil
from typing import Any

import numpy as np

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import BatchedGemm, Gemm
from archsim.mapping.gpu import names
from archsim.mapping.gpu.list_choice import ListNetwork, list_network
from archsim.mapping.gpu.nvjet_choice import nvjet_table
from archsim.mapping.gpu.tiles import ENGINE, LEARNT, listed_table, short_table
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_cheapest import cheapest, fill
from archsim.models.gpu.gemm_choice import MOST_SPLITS, preferred, told
from archsim.models.gpu.gemm_features import MEMSET_ABOVE_TILES
from archsim.models.gpu.gemm_list_choice import SPLITS, likeliest
from archsim.models.gpu.gemm_ranking import Known, Room, ranking
from archsim.models.gpu.gemm_steps import TYPES
from archsim.models.gpu.plan import FIXED, GEMM, OUTPUTS, PARAMS, Plan
from archsim.recent import Recent

UNSPLIT = ("int8", "int4")
"""Types whose kernels never split K."""

_TYPE_NAMES = {"fp16": "hsh", "bf16": "tst", "fp8": "qqtst", "fp8_e5m2": "qqtst"}


def lower_gemm(spec: Gemm, dev: Any) -> list[Plan]:
    """Return the kernels of one matrix product."""
    size = dtype_of(spec.result_dtype).bits / 8
    return matrix_plans(dev, spec.m, spec.n, spec.k, 1, spec.dtype, size, bias=spec.bias)


def lower_bmm(spec: BatchedGemm, dev: Any) -> list[Plan]:
    """Return the kernels of a batch of matrix products."""
    return matrix_plans(
        dev, spec.m, spec.n, spec.k, spec.b, spec.dtype, dtype_of(spec.dtype).bits / 8
    )


def template(
    m: int, n: int, k: int, batch: int, dtype: str, out_bytes: float
) -> np.ndarray[Any, Any]:
    """Return a plan's numbers with the shape filled in and no tile yet."""
    return _template(m, n, k, batch, dtype, out_bytes).copy()


@lru_cache(maxsize=1024)
def _template(
    m: int, n: int, k: int, batch: int, dtype: str, out_bytes: float
) -> np.ndarray[Any, Any]:
    p = np.zeros(PARAMS)
    size = dtype_of(dtype).bits / 8
    stride = int(k * size) or 1
    p[:4] = m, n, k, batch
    p[10:13] = 1, 1, 1
    p[14], p[15], p[16] = TYPES[dtype], size, out_bytes
    p[g.ALIGN_A] = p[g.ALIGN_B] = stride & -stride
    out_stride = int(n * out_bytes) or 1
    p[g.ALIGN_OUT] = out_stride & -out_stride
    p[g.A_SHARE] = 1
    return p


def matrix_plans(
    dev: Any, m: int, n: int, k: int, batch: int, dtype: str, out_bytes: float, *,
    bias: bool = False,
) -> list[Plan]:  # fmt: skip
    """Choose the tile kernel and return the launches around it.

    A kernel that adds the bias in its epilogue never splits K.
    """
    key = (m, n, k, batch, dtype, out_bytes, bias, float(dev["sm_count"]))
    product = _products.get(key) if dev["tensor_kernels_wgmma"] else None
    if product is not None:
        return product.plans(dev)
    most = 1.0 if bias or batch > 1 or dtype in UNSPLIT else float(MOST_SPLITS)
    p = template(m, n, k, batch, dtype, out_bytes)
    if takes_nvjet(p, dtype, dev):
        return _products.put(key, Product(p, dtype, most, bias, float(dev["sm_count"]))).plans(dev)
    if (name := list_name(dtype, p)) in LEARNT:
        table, liked = _listed(name, bool(dev["tensor_kernels_wgmma"]))
        most = most if most == 1.0 else float(SPLITS[-1])
        row, split = likeliest(dev.reshape(1), p, table, liked, most, np.zeros(OUTPUTS))
    else:
        table = table_for(dtype, p, dev)
        row, split = cheapest(dev.reshape(1), p, table, most, np.zeros(OUTPUTS))
    fill(table[row], p, split, dev["sm_count"], out_bytes)
    if bias:
        p[g.A_BYTES] = m * k * p[g.IN_BYTES] + n * out_bytes
    if p[g.ENGINE] == names.WGMMA:
        p[g.BIAS] = float(bias)
    return launches(p, dtype, out_bytes, bias)


@cache
def _listed(name: str, wgmma: bool) -> tuple[np.ndarray[Any, Any], ListNetwork]:
    """Return the kernels of a list that a device has, and the preferences among them."""
    table = listed_table(name)
    rows = [i for i, row in enumerate(table) if wgmma or row[ENGINE] != names.XMMA]
    return table[rows].copy(), list_network(name, tuple(rows))


def takes_nvjet(p: np.ndarray[Any, Any], dtype: str, dev: Any) -> bool:
    """Return whether nvjet has kernels for a product: wgmma, its types, rows on 16 B for TMA."""
    aligned = min(p[g.ALIGN_A], p[g.ALIGN_B], p[g.ALIGN_OUT]) >= 16
    return bool(dev["tensor_kernels_wgmma"]) and dtype in _TYPE_NAMES and bool(aligned)


class Product:
    """A matrix product that nvjet runs, on devices of ``sms`` SMs.

    Kernels that were chosen once are kept, and with them what is known of all candidates: some
    0.9 MB. ``p`` is the product's `template`, ``most`` the most parts that K is split into.
    """

    def __init__(
        self, p: np.ndarray[Any, Any], dtype: str, most: float, bias: bool, sms: float
    ) -> None:
        kind = "8" if p[g.IN_BYTES] == 1 else "16"
        self._p, self._dtype, self._most, self._bias, self._sms = p, dtype, most, bias, sms
        self._table, self._net, self._room = nvjet_table(kind), ranking(kind), _room(kind)
        self._known = Known.nothing(self._table, self._net)
        self._plans: dict[tuple[int, float], list[Plan]] = {}

    def plans(self, dev: Any) -> list[Plan]:
        """Return the launches of the kernel that the library takes on a device."""
        row = preferred(
            *told(dev), self._p.copy(), self._table, self._net, self._most, float(self._bias),
            self._known, self._room,
        )  # fmt: skip
        chosen = row, float(self._room.splits[row])
        return self._plans.get(chosen) or self._plans.setdefault(chosen, self._launched(*chosen))

    def _launched(self, row: int, split: float) -> list[Plan]:
        p, out_bytes = self._p.copy(), float(self._p[g.OUT_BYTES])
        fill(self._table[row], p, split, self._sms, out_bytes)
        if self._bias:
            p[g.A_BYTES] = p[g.M] * p[g.K] * p[g.IN_BYTES] + p[g.N] * out_bytes
        p[g.BIAS] = float(self._bias)
        return launches(p, self._dtype, out_bytes, self._bias)


_products = Recent[tuple[int, int, int, int, str, float, bool, float], Product](32)
"""Products by shape, operand type, output bytes, bias and number of SMs."""


@cache
def _room(kind: str) -> Room:
    """Return room for choices among the candidates of a ``kind``."""
    return Room.of(nvjet_table(kind), ranking(kind))


def list_name(dtype: str, p: np.ndarray[Any, Any]) -> str:
    """Return the list of kernels beside nvjet's for operands of ``dtype``."""
    name = {"bf16": "fp16", "fp8": "int8", "fp8_e5m2": "int8", "int4": "int8"}.get(dtype, dtype)
    return "unaligned" if name == "fp16" and min(p[g.ALIGN_A], p[g.ALIGN_OUT]) < 16 else name


def table_for(dtype: str, p: np.ndarray[Any, Any], dev: Any) -> np.ndarray[Any, Any]:
    """Return the candidates beside nvjet's for operands of ``dtype`` on a device."""
    table = short_table(list_name(dtype, p))
    return table if dev["tensor_kernels_wgmma"] else table[table[:, 0] != names.XMMA]


def launches(
    p: np.ndarray[Any, Any], dtype: str, out_bytes: float, bias: bool = False
) -> list[Plan]:
    """Return memset, tile kernel and reduction of the chosen candidate ``p``."""
    return list(_launched(p.tobytes(), dtype, out_bytes, bias))


@lru_cache(maxsize=1024)  # a sweep's points take the same few kernels
def _launched(numbers: bytes, dtype: str, out_bytes: float, bias: bool) -> tuple[Plan, ...]:
    p = np.frombuffer(numbers)
    row = p.tolist()
    m, n, k, batch = (int(v) for v in row[:4])
    tiles = ceil(m / row[g.TM]) * ceil(n / row[g.TN]) * batch
    plans = []
    if row[g.ENGINE] == names.WGMMA and tiles > MEMSET_ABOVE_TILES * row[g.CTAS]:
        plans.append(memset())
    name = kernel_name(row, dtype, bias)
    plans.append(Plan(name, GEMM, tuple(row), 2.0 * batch * m * n * k, describe(row)))
    if row[g.SPLIT] > 1:
        plans.append(reduction(p, out_bytes, serial=p[g.ENGINE] in (names.FFMA, names.DMMA)))
    return tuple(plans)


def memset() -> Plan:
    """Return the memset of a few bytes that clears a kernel's counters."""
    return Plan("Memset (Device)", FIXED, (), 0.0)


def reduction(p: np.ndarray[Any, Any], out_bytes: float, serial: bool) -> Plan:
    """Return the kernel that sums the parts of a split-K product, one after the other or not."""
    q = np.zeros(PARAMS)
    q[:4] = p[:4]
    q[g.SPLIT], q[g.ENGINE], q[g.A_SHARE] = p[g.SPLIT], names.REDUCE, 1
    q[g.IN_BYTES], q[g.OUT_BYTES] = max(4.0, out_bytes), out_bytes
    q[g.SERIAL] = serial
    name = "xmma_gemm_split_k_kernel" if serial else "cublasLt::splitKreduce_kernel"
    return Plan(name, GEMM, tuple(q.tolist()), 0.0)


def describe(p: Sequence[float] | np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return the kernel's shape for people."""
    return {
        "tile": [int(p[4]), int(p[5]), int(p[6])], "stages": int(p[7]),
        "cluster": [int(p[8]), int(p[9])], "grid": int(p[11]), "split_k": int(p[10]),
    }  # fmt: skip


def kernel_name(p: Sequence[float] | np.ndarray[Any, Any], dtype: str, bias: bool = False) -> str:
    """Return the library's name of the chosen kernel."""
    tm, tn, tk, stages, cm, cn = (int(v) for v in p[4:10])
    if p[13] == names.WGMMA:
        coop = ("", "_coopA", "_coopB")[int(p[17])]
        split = "_splitK" if p[10] > 1 else ""
        side = "N" if p[18] else "T"
        way = "v" if cn > cm == 1 else "h"
        coop += "_bias" if bias else ""
        kind = _TYPE_NAMES[dtype]
        return f"nvjet_sm90_{kind}_{tn}x{tm}_{tk}x{stages}_{cn}x{cm}_{way}_bz{coop}{split}_TN{side}"
    family = ("", "sm90_xmma_gemm", "cutlass_80_tensorop_gemm", "sm80_xmma_ffma_gemm",
              "sm90_xmma_dmma_gemm")[int(p[13])]  # fmt: skip
    return f"{family}_{dtype}_{tm}x{tn}_{tk}x{stages}"
