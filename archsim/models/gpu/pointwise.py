"""Which kernels PyTorch launches for pointwise functions and copies."""

from __future__ import annotations

from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Copy, Elementwise
from archsim.models.gpu.launches import Cta, ceil_div, power_below, queued
from archsim.models.gpu.plan import STREAM, Plan
from archsim.models.gpu.stream import CAST, COPY, MATH, SIMPLE, STRIDED

CTA_ELEMENTS = 1024
"""128 threads with eight elements each."""

# Instructions per element and thread, loads and stores included; fitted to H200 kernels whose
# time issue bounds. They belong to the compiled library and are the same on every device.
SLOTS = {
    "gelu": 41.0, "silu": 33.0, "sigmoid": 31.0, "tanh": 36.0, "erf": 36.0, "mish": 60.0,
    "elu": 28.0, "softplus": 45.0, "relu": 27.0, "relu6": 29.0, "clip": 31.0, "hardswish": 24.0,
    "sin": 30.0, "cos": 30.0, "log": 22.0, "mod": 30.0, "bilinear": 90.0, "bicubic": 250.0,
}  # fmt: skip
SIMPLE_SLOTS = 16.0
BINARY_SLOTS = 18.0
STRIDED_SLOTS = 76.0
PERMUTED_SLOTS = 100.0
"""Two operands whose memory orders differ."""
WIDE_STRIDED_SLOTS = 97.0
"""Two elements of 4 bytes a thread, where smaller ones come in fours."""
ROLL_SLOTS = 136.0
PERMUTE_SLOTS = 86.0
CAST_SLOTS = 94.0
CAST_ELEMENTS = 4
"""Elements that each of 128 threads of a widening cast takes, one after the other."""
INDEXED_ELEMENTS = 4
"""Elements of at most 2 bytes that a thread of a kernel of index arithmetic takes; of 4 bytes 2."""
CONCAT_SLOTS = 145.0
ALIGNED_SLOTS = 60.0
"""Instructions of a warp for 16 bytes a lane; an upper limit, for memory bounds these kernels."""
WIDE_SHARE = 0.75
"""4-byte elements need no conversion."""

TRANSCENDENTAL = frozenset(
    {"gelu", "silu", "sigmoid", "tanh", "erf", "mish", "elu", "softplus", "sin", "cos", "bicubic"}
)


def lower_elementwise(spec: Elementwise, dev: Any) -> list[Plan]:
    """One kernel: vectorised, or with index arithmetic where an operand is broadcast."""
    if spec.function == "scale_shift":
        return [_batchnorm(spec)]
    name, slots, kind = _kernel(spec)
    each = CTA_ELEMENTS
    moved = (spec.bytes_read, spec.bytes_written)
    serial = float(spec.n % CTA_ELEMENTS > 0)
    if kind == CAST:
        each = 128 * CAST_ELEMENTS
        serial = min(-(-spec.n // 128), CAST_ELEMENTS)
    elif kind == STRIDED:
        serial = 2.0 if dtype_of(spec.dtype).bits >= 32 else float(INDEXED_ELEMENTS)
        each = 128 * int(serial)
    ctas = -(-spec.n // each)
    params = (*moved, spec.n * slots / 32, ctas, spec.arity, kind, serial)
    config = {"grid": ctas, "block": 128}
    return [Plan(f"{name}<{spec.function}>", STREAM, params, spec.flops, config)]


def _kernel(spec: Elementwise) -> tuple[str, float, int]:
    """Name, instructions per element and kind of the kernel of ``spec``."""
    bits = dtype_of(spec.dtype).bits
    out_bits = dtype_of(spec.out_dtype or spec.dtype).bits
    if out_bits > bits:
        return "unrolled_elementwise_kernel", CAST_SLOTS, CAST
    if (spec.broadcast or spec.strided) and spec.function not in ("bilinear", "bicubic"):
        slots = PERMUTED_SLOTS if spec.strided and spec.arity > 1 else STRIDED_SLOTS
        if bits >= 32 and spec.function != "spherical_harmonics":  # not PyTorch's own
            slots = max(slots, WIDE_STRIDED_SLOTS)
        return "elementwise_kernel", slots, STRIDED
    slots = SLOTS.get(spec.function, SIMPLE_SLOTS if spec.arity == 1 else BINARY_SLOTS)
    if bits >= 32:
        slots *= WIDE_SHARE
    kind = MATH if spec.function in TRANSCENDENTAL else SIMPLE
    return "vectorized_elementwise_kernel", slots, kind


def _batchnorm(spec: Elementwise) -> Plan:
    """Scale and shift by channel, channels last, by PyTorch's own rules for the launch.

    Threads lie along at most 32 channels and along positions, 512 together; a thread takes 16
    positions, four loads at a time, or more where 128 rows of CTAs do not cover them.
    """
    channels = max(spec.broadcast // 4, 1)
    rows = ceil_div(spec.n, channels)
    deep = min(power_below(ceil_div(rows, 16)), 512 // min(power_below(channels), 32))
    wide = min(power_below(channels), 512 // deep)
    down = min(ceil_div(rows, 16 * deep), 128)
    each = ceil_div(rows, down * deep)
    warps = max(wide * deep // 32, 1)
    cta = Cta(
        ceil_div(channels, wide) * down, wide * deep, 32, 0, ceil_div(each, 4), warps,
        warps * each, 1, 1, wide=dtype_of(spec.dtype).bits >= 32,
    )  # fmt: skip
    return queued("batch_norm_transform<scale_shift>", "batchnorm", cta, spec)


HOST_COPY = "Memcpy DtoH"
"""A copy to the host's memory; the kernels of a CUDA graph after it wait longer."""


def lower_copy(spec: Copy, dev: Any) -> list[Plan]:
    """A device-to-device copy; a permuted one or joined one by index arithmetic."""
    ctas = -(-spec.n // CTA_ELEMENTS)
    indexed = -(-spec.n // (128 * INDEXED_ELEMENTS))
    moved = (spec.bytes_read, spec.bytes_written)
    params: tuple[float, ...]
    if spec.pattern == "strided":
        params = (*moved, spec.n * PERMUTE_SLOTS / 32, indexed, 1, STRIDED, INDEXED_ELEMENTS)
        return [Plan("elementwise_kernel<copy>", STREAM, params, 0.0)]
    if spec.pattern == "roll":
        params = (*moved, spec.n * ROLL_SLOTS / 32, ctas, 1, SIMPLE)
        return [Plan("roll_cuda_kernel", STREAM, params, 0.0)]
    if spec.pattern == "concat":
        params = (*moved, spec.n * CONCAT_SLOTS / 32, indexed, 1, STRIDED, INDEXED_ELEMENTS)
        return [Plan("CatArrayBatchedCopy", STREAM, params, 0.0)]
    if spec.pattern == "concat_aligned":
        params = (*moved, spec.bytes_read / 512 * ALIGNED_SLOTS, ctas, 1, SIMPLE)
        return [Plan("CatArrayBatchedCopy_vectorized", STREAM, params, 0.0)]
    ends_inside = spec.bytes_written % 4096 != 0
    copy = (*moved, spec.bytes_read / 512 * 4, ctas, 1, COPY, float(ends_inside))
    name = HOST_COPY if spec.pattern == "host" else "Memcpy DtoD"
    return [Plan(name, STREAM, copy, 0.0)]
