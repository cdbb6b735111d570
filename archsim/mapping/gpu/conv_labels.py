"""How a recorded convolution was computed, in the words of the learnt choice.

A label is ``[slice |pack |each |padded ]KERNEL``: a kernel per group on slices of the channels, one
kernel over all groups, a kernel per group on the whole image, one after padding the channels. The
kernel is a tile of a family (``conv_kernels``), a matrix product, or one of ``OTHERS``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archsim.graph.ops import Conv2d
from archsim.mapping.gpu import conv_kernels as k
from archsim.mapping.gpu.conv_kernels import ConvKernel

PRODUCT = "product"
PRODUCTS = ("nvjet", "cutlass::Kernel2", "xmma_gemm", "gemv", "gemmk1", "splitKreduce")
OTHERS = {
    "precomputed_convolve": "precomputed", "implicit_convolve": "implicit",
    "convolve_common": "common", "grouped_direct": "grouped_direct",
    "conv_depthwise2d": "native", "shmem_tiling": "planes", "nhwc_specialized": "specialized",
    "conv2d_c1_k1_nhwc": "generic", "depthwise_convolution": "tiled",
    "image_first_layer": "first_layer",
}  # fmt: skip
"""Parts of the names of kernels that are no implicit GEMMs of a tile, the telling ones first."""
UNKNOWN = ("fft",)
"""Parts of the names of kernels that are not modelled: below one launch in 300."""

Launch = Mapping[str, Any]
"""A recorded kernel: ``name`` and ``grid`` (None for a memset)."""


def recorded_label(spec: Conv2d, kernels: Sequence[Launch]) -> str:
    """Return the label of what was recorded for ``spec``; "" where it is none of ours."""
    names = [str(entry["name"]) for entry in kernels]
    if any(part in name for name in names for part in UNKNOWN):
        return ""
    if spec.groups == 1 and any(part in name for name in names for part in PRODUCTS):
        return PRODUCT if spec.r == spec.s == 1 else ""
    for part, kind in OTHERS.items():
        count = sum(part in name for name in names)
        if count:
            depthwise = spec.groups == spec.cin == spec.cout
            each = not depthwise and count >= spec.groups > 1
            return "each " * each + kind
    kernel = implicit(spec, kernels)
    return f"{_path(spec, kernels)} {kernel.label()}".strip() if kernel else ""


def main_kernel(kernels: Sequence[Launch]) -> Launch | None:
    """Return the implicit GEMM among ``kernels``, the most frequent one of several."""
    found = [e for e in kernels if e.get("grid") and k.parse_name(str(e["name"]), e["grid"])]
    if not found:
        return None
    name = Counter(e["name"] for e in found).most_common(1)[0][0]
    return next(e for e in found if e["name"] == name)


def implicit(spec: Conv2d, kernels: Sequence[Launch]) -> ConvKernel | None:
    """Return the implicit GEMM of ``spec`` with its cluster; None where there is none known."""
    main = main_kernel(kernels)
    parsed = k.parse_name(str(main["name"]), main["grid"]) if main else None
    if main is None or parsed is None or parsed.family != k.XMMA:
        return parsed
    tf32 = spec.dtype == "tf32"
    segment = any("init_device_workspace" in str(entry["name"]) for entry in kernels)
    fits: list[tuple[int, int]] = []
    if not segment:
        pixels, filters = spec.n * spec.p * spec.q, spec.cout
        if spec.groups > 1:
            filters = spec.groups * k.packed_width(
                spec.cin // spec.groups, spec.cout // spec.groups
            )
        fits = k.consistent(parsed.tile, pixels, filters, main["grid"], tf32)
    if segment or (spec.groups > 1 and not fits):
        fits = [c for c in k.clusters(parsed.tile, tf32) if c[0] == main["grid"][1]]
    return replace(parsed, cluster=fits[0], segment=segment) if fits else None


def _path(spec: Conv2d, kernels: Sequence[Launch]) -> str:
    """Return how the launches around an implicit GEMM reach it."""
    if spec.groups == 1:
        return "padded" if any("AddPadding" in str(e["name"]) for e in kernels) else ""
    main = main_kernel(kernels)
    launches = sum(entry["name"] == main["name"] for entry in kernels) if main else 0
    return "slice" if launches >= spec.groups else "pack"
