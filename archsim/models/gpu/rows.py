"""Which kernels PyTorch launches over rows: layer norm, softmax, reductions."""

from __future__ import annotations

from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import LayerNorm, Reduce, RmsNorm, Softmax
from archsim.models.gpu.launches import Cta, ceil_div, power_below, queued
from archsim.models.gpu.plan import FIXED, Plan

WARP = 32
MAX_THREADS = 512
"""Threads of a CTA of PyTorch's reduction kernel."""
SHARED_ROW_VALUES = 256
"""Values a thread would reduce from which more threads share a row."""


def lower_layernorm(spec: LayerNorm | RmsNorm, dev: Any) -> list[Plan]:
    """One CTA of 128 threads a row; a step takes four elements a thread, in two passes.

    A row length that is no multiple of four takes two kernels of single elements instead.
    """
    size = dtype_of(spec.dtype).bytes(1)
    if spec.cols % 4:
        return _layernorm_unaligned(spec, size)
    registers = 39 if size > 2 else 32
    row_bytes = spec.cols * size
    again = _second_pass(spec.rows, row_bytes, registers, dev)
    steps = ceil_div(spec.cols, 512) + _remainder_steps(spec.cols, size)
    cta = Cta(
        spec.rows, 128, registers, 24, steps, 4, ceil_div(spec.cols, 128),
        0, 2, wide=size > 2, again_bytes=again,
    )  # fmt: skip
    return [queued("vectorized_layer_norm_kernel", "layernorm", cta, spec)]


def _remainder_steps(cols: int, size: int) -> float:
    """Steps that a warp adds whose lanes part at the end of a row of 4-byte elements.

    Read from times (1552 to 1768 columns), not from machine code: as if the first of two passes
    were unrolled four times, and lanes that miss the last of 4n steps walked the remainder's three.
    """
    parted = size > 2 and ceil_div(cols, 512) % 4 == 0 and cols // 4 % WARP != 0
    return 1.5 if parted else 0.0


def _second_pass(rows: int, row_bytes: float, registers: int, dev: Any) -> float:
    """Bytes that a second pass over rows reads beyond L1."""
    slots = min(16, int(dev["sm_registers_entries"]) // (128 * ceil_div(registers, 8) * 8))
    return 0.0 if slots * row_bytes <= dev["sm_l1_bytes"] else float(rows * row_bytes)


def _layernorm_unaligned(spec: LayerNorm | RmsNorm, size: int) -> list[Plan]:
    """Moments with 512 threads a row, then normalisation with 256 threads a row."""
    steps = ceil_div(spec.cols, 512)
    moments = Cta(
        spec.rows, 512, 28, 768, steps, 16, ceil_div(spec.cols, WARP), 0, 1, wide=size > 2
    )
    steps = ceil_div(spec.cols, 256)
    apply = Cta(spec.rows, 256, 24, 0, steps, 8, ceil_div(spec.cols, WARP), 0, 1, wide=size > 2)
    read = size * spec.rows * spec.cols
    return [
        queued("RowwiseMomentsCUDAKernel", "moments", moments, spec, read, 8 * spec.rows),
        queued("LayerNormForwardCUDAKernel", "moments", apply, spec),
    ]


def lower_softmax(spec: Softmax, dev: Any) -> list[Plan]:
    """A warp a row (two rows up to 128 columns) up to 2048 columns, else a CTA a row."""
    size = dtype_of(spec.dtype).bytes(1)
    if spec.cols <= 2048:
        return [_softmax_warp(spec, size)]
    vector = 16 // size
    row_bytes = spec.cols * size
    if spec.cols <= SOFTMAX_REGISTER_COLS:
        per_thread = ceil_div(spec.cols, 1024)
        registers = 28 + 2 * max(per_thread - 3, 0) if per_thread < 7 else 37
        cta = Cta(
            spec.rows, 1024, min(registers, 32) if per_thread < 7 else registers, 128, per_thread,
            32, 32 * per_thread, 1, 0, wide=size > 2,
        )  # fmt: skip
        return [queued("cunn_SoftMaxForwardReg", "softmax_registers", cta, spec)]
    steps = ceil_div(spec.cols, 1024 * vector)
    staged = row_bytes <= SOFTMAX_SHARED_BYTES
    name = "cunn_SoftMaxForwardSmem" if staged else "cunn_SoftMaxForward"
    in_l1 = staged or 2 * row_bytes <= dev["sm_l1_bytes"]
    again = 0.0 if in_l1 else 2.0 * spec.rows * row_bytes
    shared = row_bytes + 128 if staged else 128
    cta = Cta(
        spec.rows, 1024, 32, shared, steps, 32, ceil_div(spec.cols, WARP * vector),
        1 if staged else 3, 1, wide=size > 2, again_bytes=again,
    )  # fmt: skip
    kernel = "softmax_staged" if staged else "softmax_block"
    return [queued(name, kernel, cta, spec)]


SOFTMAX_REGISTER_COLS = 9 * 1024
"""Columns up to which the block softmax keeps its row in registers."""
SOFTMAX_SHARED_BYTES = 48 * 1024 - 128
"""Row bytes up to which the block softmax keeps its row in shared memory."""


def _softmax_warp(spec: Softmax, size: int) -> Plan:
    """Rows of at most 2048 columns; the elements of a lane are a chain that nothing hides."""
    width = max(1 << (spec.cols - 1).bit_length(), WARP)
    lanes = width // WARP
    batch = 2 if width <= 128 else 1
    elements = batch * lanes if batch == 2 else ceil_div(spec.cols, WARP)
    registers = {1: 19, 2: 24, 4: 30, 8: 30, 16: 32, 32: 48, 64: 80}[lanes]
    trips = 0.02 if size > 2 else 0.2
    cta = Cta(
        ceil_div(spec.rows, 4 * batch), 128, registers, 0, elements, 4, 4 * elements, 1, trips,
        wide=size > 2,
    )  # fmt: skip
    return queued(f"softmax_warp_forward<{width.bit_length() - 1}>", "softmax_warp", cta, spec)


def lower_reduce(spec: Reduce, dev: Any) -> list[Plan]:
    """PyTorch's reduction over the last axis, by its own rules for the shape of a CTA.

    Rows of at least 128 columns are read in vectors of 16 bytes. Threads lie along the row (at
    most a warp unless there are few rows), the rest of 512 along rows; where a thread would
    reduce 256 values the whole CTA shares one row, and where that still leaves 256 a thread
    several CTAs share it, after a memset of their semaphores.
    """
    size = dtype_of(spec.dtype).bytes(1)
    if spec.function == "mean" and size == 2 and spec.cols < IMAGE_MEAN_COLS:
        return [_image_mean(spec)]
    vector = 16 // size if spec.cols >= 128 else 1
    width = min(power_below(spec.cols // vector), MAX_THREADS)
    height = min(power_below(spec.rows), MAX_THREADS)
    x = min(width, WARP)
    y = min(height, MAX_THREADS // x)
    x = min(width, MAX_THREADS // y)
    shared = ceil_div(spec.cols, x) >= min(16 * y, SHARED_ROW_VALUES)
    rows = 1 if shared else y
    lanes = x * (y if shared else 1)
    split = _split(ceil_div(spec.cols, lanes), ceil_div(spec.rows, rows), dev) if shared else 1
    loads = vector if vector > 1 else 4
    steps = ceil_div(spec.cols, lanes * loads * split)
    if vector == 1 and spec.cols > 3 * x:
        steps += 1  # some lanes take the unrolled loop, the others the remainder after it
    warps = max(x * y // WARP, 1)
    cta = Cta(
        ceil_div(spec.rows, rows) * split, x * y, 32, 16, steps, warps, warps * steps,
        2 if split > 1 else 0, 1, wide=size > 2,
    )  # fmt: skip
    kernel = "reduce_shared" if (shared and y > 1) or x > WARP else "reduce"
    plan = queued("reduce_kernel<512,1>", kernel, cta, spec)
    return [plan] if split == 1 else [Plan("Memset (Device)", FIXED, (), 0.0), plan]


IMAGE_MEAN_COLS = 1024
"""Half-precision means of shorter rows are those of images in channels-last order; norms of
language models take theirs in fp32 over longer rows."""


def _image_mean(spec: Reduce) -> Plan:
    """A mean over positions: 32 lanes with four channels each, four threads deep.

    The four share positions where each would reduce 16 values or more, else channels; a thread
    takes four positions a step, one step after the other.
    """
    shared = spec.cols >= 64
    rows, per_step = (128, 16) if shared else (512, 4)
    steps = ceil_div(spec.cols, per_step)
    cta = Cta(ceil_div(spec.rows, rows), 128, 32, 2064, steps, 4, 4 * steps, 0, 1)
    return queued("reduce_kernel<128,4>", "reduce", cta, spec)


def _split(values: int, ctas: int, dev: Any) -> int:
    """CTAs that share an output whose threads would reduce ``values`` each."""
    room = int(dev["sm_count"]) * (int(dev["sm_threads_entries"]) // MAX_THREADS)
    if values < SHARED_ROW_VALUES or ctas > room:
        return 1
    enough = min(ceil_div(room, ctas), ceil_div(values, 16))
    return max(enough, ceil_div(values, SHARED_ROW_VALUES))
