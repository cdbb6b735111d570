"""Which kernels PyTorch launches over rows: layer norm, softmax, reductions."""

from __future__ import annotations

from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import LayerNorm, Reduce, RmsNorm, Softmax
from archsim.models.gpu.launches import Cta, ceil_div, queued
from archsim.models.gpu.plan import Plan

WARP = 32


def lower_layernorm(spec: LayerNorm | RmsNorm, dev: Any) -> list[Plan]:
    """One CTA of 128 threads a row; a step takes four elements a thread."""
    steps = ceil_div(spec.cols, 512)
    warp_steps = ceil_div(spec.cols, 128)
    cta = Cta(spec.rows, 128, 32, 24, steps, 4, warp_steps, 2, 1)
    return [queued("vectorized_layer_norm", "layernorm", cta, spec)]


def lower_softmax(spec: Softmax, dev: Any) -> list[Plan]:
    """A warp a row (two rows up to 128 columns) up to 2048 columns, else a CTA a row."""
    width = max(1 << (spec.cols - 1).bit_length(), 1)
    if width <= 2048:
        return [_softmax_warp(spec, width)]
    size = dtype_of(spec.dtype).bytes(1)
    threads = 1024
    per_thread = 16 // size
    steps = ceil_div(spec.cols, threads * per_thread)
    warp_steps = ceil_div(spec.cols, WARP * per_thread)
    cta = Cta(spec.rows, threads, 30, 128, steps, 32, warp_steps, 2, 1)
    return [queued("cunn_SoftMaxForward", "softmax_block", cta, spec)]


def _softmax_warp(spec: Softmax, width: int) -> Plan:
    lanes = max(width // WARP, 1)
    batch = 2 if width <= 128 else 1
    registers = 24 + lanes if lanes < 64 else 80
    rows = 4 * batch
    cta = Cta(
        ceil_div(spec.rows, rows), 128, registers, 0, lanes * batch, 4,
        4 * batch * ceil_div(spec.cols, WARP), 1, 0,
    )  # fmt: skip
    return queued(f"softmax_warp_forward<{width.bit_length() - 1}>", "softmax_warp", cta, spec)


def lower_reduce(spec: Reduce, dev: Any) -> list[Plan]:
    """A warp a row, 16 rows a CTA; a step takes four elements a lane."""
    steps = spec.cols / 128
    cta = Cta(ceil_div(spec.rows, 16), 512, 32, 16, steps, 16, 16 * steps, 1, 1)
    return [queued("reduce_kernel<512,1>", "reduce", cta, spec)]
