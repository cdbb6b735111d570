"""Which kernels PyTorch launches for transposes, gathers, scatters, pooling and routing."""

from __future__ import annotations

import math
from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import (
    Gather,
    HashGridEncoding,
    MoeRouting,
    Pool2d,
    ScatterAdd,
    Softmax,
    Transpose,
)
from archsim.models.gpu.launches import Cta, ceil_div, power_below, queued
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.rows import lower_softmax

SECTOR = 32
LINE = 128


def lower_transpose(spec: Transpose, dev: Any) -> list[Plan]:
    """An elementwise copy kernel: coalesced writes, reads that jump a row per element.

    A warp looks up one line per element, or one per two where two rows share a line. L2 serves
    one sector per element, unless a CTA covers several columns of the same sector.
    """
    size = dtype_of(spec.dtype).bytes(1)
    per_thread = 4 if size <= 2 else 2
    n = spec.rows * spec.cols
    elements = 128 * per_thread
    ctas = ceil_div(n, elements)
    rows = min(spec.rows, elements)
    columns = elements / rows
    per_row = min(1.0 + (columns - 1.0) * size / SECTOR, columns)
    shared_lines = min(spec.cols * size / LINE, 1.0)
    sectors = min(ctas * rows * per_row, n) * max(shared_lines, SECTOR / LINE)
    lines = elements * shared_lines * min(spec.rows, 32) / 32
    cta = Cta(ctas, 128, 18, 0, per_thread, 4, 4 * per_thread, 1, 0, sectors, wide=size > 2,
              lines=lines)  # fmt: skip
    return [queued(f"elementwise_kernel<128,{per_thread}> copy", "transpose", cta, spec)]


def lower_gather(spec: Gather, dev: Any) -> list[Plan]:
    """A CTA a row where rows are multiples of 16 bytes, else a kernel element by element."""
    row_bytes = dtype_of(spec.dtype).bytes(spec.width)
    fetched = max(ceil_div(row_bytes, SECTOR), 1) * SECTOR
    distinct = spec.table * -math.expm1(-spec.n / spec.table)
    table_bytes = min(distinct * fetched, spec.table * row_bytes)
    index_bytes = dtype_of(spec.index_dtype).bytes(spec.n)
    if row_bytes % 16 == 0:
        threads = min(ceil_div(row_bytes // 16, 32) * 32, 256)
        ctas = spec.n * ceil_div(row_bytes, threads * 16)
        warps = threads // 32
        cta = Cta(ctas, threads, 32, 0, 0, warps, 0, 2, 0, 0, table_bytes)
        plan = queued("vectorized_gather_kernel<16>", "gather_rows", cta, spec, index_bytes)
        return [plan]
    missing = table_bytes / (spec.n * row_bytes)
    elements = spec.n * spec.width
    ctas = ceil_div(elements, 1024)
    per_thread = min(8, ceil_div(elements, 128))
    cta = Cta(
        ctas, 128, 32, 0, per_thread, 4, 4 * per_thread, 0, 1 + min(missing, 1.0),
        spec.n * max(row_bytes / SECTOR, 1), table_bytes,
    )  # fmt: skip
    plan = queued("scatter_gather_elementwise<128,8>", "gather_elements", cta, spec, index_bytes)
    return [plan]


FEW_ROWS = 16
"""Rows up to which ``index_select`` gives every thread all of them."""


def lower_embedding(spec: Gather, dev: Any) -> list[Plan]:
    """``index_select``: as a gather of rows, or for few rows one thread an element of all of them.

    Such a thread reads an index and then the row's element, row after row.
    """
    if spec.n > FEW_ROWS:
        return lower_gather(spec, dev)
    ctas = min(ceil_div(spec.width, 128), 8 * int(dev["sm_count"]))
    cta = Cta(ctas, 128, 32, 0, spec.n, 4, 4 * spec.n, 0, 2)
    return [queued("indexSelectSmallIndex", "gather_rows", cta, spec)]


def lower_scatter_add(spec: ScatterAdd, dev: Any) -> list[Plan]:
    """``index_add_``: a grid-stride loop of atomics over at most eight CTAs an SM."""
    n = spec.n * spec.width
    ctas = min(ceil_div(n, 128), 8 * int(dev["sm_count"]))
    steps = n / (ctas * 128)
    size = dtype_of(spec.dtype).bytes(1)
    together = min(spec.width, SECTOR // size)
    table = spec.table * spec.width
    touched = table * -math.expm1(-spec.n * together / (table * 1.0))
    sectors = min(touched * SECTOR / together, table * size)
    cta = Cta(
        ctas, 128, 32, 0, steps, 4, 4 * steps, 1, 0, 0, sectors, n / together, table / together
    )
    return [queued("indexFuncLargeIndex<add>", "scatter", cta, spec, None, sectors)]


def lower_pool2d(spec: Pool2d, dev: Any) -> list[Plan]:
    """PyTorch's channels-last pooling: 1024 threads a CTA, lanes along channels.

    A CTA covers a row of outputs (threads along the width, at least two outputs each) and twice
    as many rows as it has threads left; every thread walks its outputs, channels and window. A
    mean, and channels first, take a thread an output, 256 threads a CTA.
    """
    window = spec.r * spec.window_w
    if spec.function == "mean":
        ctas = ceil_div(spec.outputs, 256)
        cta = Cta(ctas, 256, 32, 0, window, 8, 8 * window, 1, 0.57)
        return [queued("mean_pool_forward_nhwc", "pool", cta, spec)]
    if spec.layout == "nchw":
        ctas = ceil_div(spec.outputs, 256)
        cta = Cta(ctas, 256, 23, 0, window, 8, 8 * window, 1, 0.25)
        return [queued("max_pool_forward_nchw", "pool", cta, spec)]
    along = min(power_below(spec.q), 32)
    rows = 2 * max(32 // along, 1)
    outputs = 2 * ceil_div(spec.q, 2 * along) * 2
    channels = min(ceil_div(spec.c, 32), 4)
    images = spec.n * ceil_div(spec.c, 32 * channels)
    steps = outputs * channels * window
    ctas = images * ceil_div(spec.p, rows)
    cta = Cta(ctas, 1024, 32, 0, steps, 32, 32 * steps, 1, 0.57)
    return [queued("max_pool_forward_nhwc", "pool", cta, spec)]


def lower_moe_routing(spec: MoeRouting, dev: Any) -> list[Plan]:
    """Softmax over the experts, then top-k with one CTA a token."""
    softmax = Softmax(rows=spec.tokens, cols=spec.experts, dtype=spec.dtype)
    warps = max(min(ceil_div(spec.experts, 32), 32), 1)
    cta = Cta(spec.tokens, 32 * warps, 32, 256, spec.top_k, warps, spec.top_k * warps, 1, 0)
    return [*lower_softmax(softmax, dev), queued("gatherTopK", "topk", cta, spec)]


def lower_hashgrid(spec: HashGridEncoding, dev: Any) -> list[Plan]:
    """tiny-cuda-nn's grid kernel: 512 threads a CTA, one level each, all corners fetched."""
    corners = 1 << spec.dims
    ctas = ceil_div(spec.n, 512) * spec.levels
    entry = dtype_of(spec.dtype).bytes(spec.features)
    fetched = spec.n * spec.levels * corners * max(entry / SECTOR, 1.0)
    points = 4 * spec.n * spec.dims
    cta = Cta(ctas, 512, 64, 0, corners, 16, 16 * corners, 2, 0, fetched, spec.bytes_read - points)
    return [queued("kernel_grid", "hashgrid", cta, spec, points)]
