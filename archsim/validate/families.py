"""Families of GPU kernels by name, to compare a predicted list of kernels with a recorded one."""

from __future__ import annotations

import re
from collections.abc import Iterable

FAMILIES: tuple[tuple[str, str], ...] = (
    ("memset", r"^Memset"),
    ("layout", r"n[ch]hw?[cw]?To[Nn]|nchwToNhwc|nhwcToNchw|AddPadding|SliceCKernel"),
    ("split-K sum", r"splitKreduce|split_k_reduc|segment_k_reduc"),
    ("attention", r"sdpa|flash_fwd|flash_fprop|fmha"),
    ("convolution", r"fprop|conv\dd|convolve|precompute_indices|image_first_layer|dgrad|wgrad"),
    ("matrix product", r"nvjet|gemm|gemv"),
    ("layer norm", r"layer_norm|rms_norm"),
    ("batch norm", r"batch_norm_(transform|collect|elemt)"),
    ("softmax", r"softmax"),
    ("pooling", r"pool"),
    ("reduction", r"reduce_kernel|ReduceOp|reduce_wave"),
    ("concatenation", r"CatArray"),
    ("gather", r"gather|index|Index|scatter"),
    ("copy", r"Memcpy|direct_copy|bfloat16_copy|float16_copy|copy_kernel|<cast>|<copy>|roll"),
    ("elementwise", r"elementwise|scan|Scan"),
)
"""Name of each family and the pattern of its kernels' names; the first that fits counts."""

_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in FAMILIES)


def family(kernel: str) -> str:
    """Return the family of a kernel's name, ``other`` where none fits."""
    return next((name for name, pattern in _PATTERNS if pattern.search(kernel)), "other")


def by_family(kernels: Iterable[tuple[str, int, float]]) -> dict[str, tuple[int, float]]:
    """Return launches and summed microseconds by family of (name, launches, µs) rows."""
    found: dict[str, tuple[int, float]] = {}
    for name, count, us in kernels:
        launches, total = found.get(family(name), (0, 0.0))
        found[family(name)] = (launches + count, total + us)
    order = [name for name, _ in FAMILIES] + ["other"]
    return {name: found[name] for name in order if name in found}
