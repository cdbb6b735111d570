"""Which kernels PyTorch launches for pointwise functions and copies."""

from __future__ import annotations

from typing import Any

from archsim.graph.ops import Copy, Elementwise
from archsim.models.gpu.plan import STREAM, Plan

SLOTS = {"gelu": 42.0}
"""Warp instructions per 32 elements, where more than a load and a store matter."""
SIMPLE_SLOTS = 8.0


MATH = 2.0
"""Marks kernels of functions with arithmetic of their own (``stream.math_us``)."""


def lower_elementwise(spec: Elementwise, dev: Any) -> list[Plan]:
    """One vectorised kernel."""
    slots = SLOTS.get(spec.function, SIMPLE_SLOTS)
    kind = MATH if spec.function in SLOTS else 0.0
    params = (spec.bytes_read, spec.bytes_written, spec.n, slots, spec.arity, kind)
    return [Plan(f"vectorized_elementwise<{spec.function}>", STREAM, params, spec.flops)]


def lower_copy(spec: Copy, dev: Any) -> list[Plan]:
    """A device-to-device copy."""
    params = (spec.bytes_read, spec.bytes_written, spec.n, 4.0, 1, 1.0)
    return [Plan("Memcpy DtoD", STREAM, params, 0.0)]
