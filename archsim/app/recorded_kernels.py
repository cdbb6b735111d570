"""Pricing the kernels that a measurement recorded, beside the GPU model's own choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archsim.config.gpu import GpuDevice
from archsim.graph.ops import Conv2d, OpSpec
from archsim.mapping.gpu.conv_choice import CLASSES
from archsim.mapping.gpu.conv_choice import choose as choice_of
from archsim.mapping.gpu.conv_kernels import parse_name
from archsim.mapping.gpu.conv_labels import PRODUCT, recorded_label
from archsim.mapping.gpu.names import WGMMA, XMMA, parse_gemm
from archsim.validate.kernel_choice import Choice, Choose, Launch

_LAUNCH = ("name", "grid", "block", "regs", "smem")


def _cold(spec: OpSpec) -> float:
    return 0.0


def chooser(device: GpuDevice, held: Callable[[OpSpec], float] = _cold) -> Choose:
    """Return the function that prices recorded kernels on ``device``.

    ``held`` says which fraction of an operator's reads lies in L2 (left out: none).
    """
    from archsim.models.gpu.conv_lower import lower_as
    from archsim.models.gpu.plan import TERMS_US
    from archsim.models.gpu.recorded import price_recorded, rank_candidates, recorded_tile
    from archsim.models.gpu.solve import solve
    from archsim.models.gpu.vector import variants

    table = variants(device)
    rows, relevant = table.rows[:1], table.relevant[:1]

    def convolution(spec: Conv2d, kernels: Sequence[Launch]) -> Choice | None:
        label = recorded_label(spec, kernels) if spec.dtype in CLASSES else ""
        if not label or label == PRODUCT:
            return None
        plans = lower_as(spec, label, rows[0])
        out = solve(rows, relevant, plans, [held(spec)] * len(plans))
        told = choice_of(spec)
        return Choice(float(out[0, :, :TERMS_US].sum()), int(told == label))

    def choose(spec: OpSpec, kernels: Sequence[Launch]) -> Choice | None:
        if isinstance(spec, Conv2d):
            found = convolution(spec, [k for k in kernels if _known_grid(k)])
            if found:
                return found
        launches = [_complete(kernel) for kernel in kernels]
        plans = price_recorded(spec, [k for k in launches if k]) if all(launches) else None
        tile = recorded_tile(kernels)
        if not plans or tile is None:
            return None
        out = solve(rows, relevant, plans, [held(spec)] * len(plans))
        candidates = [c["tile"] for c in rank_candidates(spec, rows[0])]
        rank = None
        if candidates:
            rank = candidates.index(tile) + 1 if tile in candidates else 0
        return Choice(float(out[0, :, :TERMS_US].sum()), rank)

    return choose


def _complete(kernel: Launch) -> dict[str, Any] | None:
    """Return a recorded launch; ``None`` where it lacks, or garbles, what pricing needs."""
    name = str(kernel.get("name", ""))
    if name.startswith("Memset"):
        return {"name": name}
    if not _three(kernel.get("grid")):
        return None
    launch = {key: kernel[key] for key in _LAUNCH if key in kernel}
    parsed = parse_gemm(name)
    fills_sm = parsed is not None and parsed.engine in (WGMMA, XMMA)
    fills_sm = fills_sm or parse_name(name, kernel["grid"]) is not None
    sizes = all(type(kernel.get(k)) is int and 0 <= kernel[k] < 2**31 for k in ("regs", "smem"))
    known = sizes and _three(kernel.get("block"))
    return launch if known or fills_sm or parsed is None else None


def _known_grid(kernel: Launch) -> bool:
    """Return whether a launch has a grid, or is one without."""
    return kernel.get("grid") is None or _three(kernel["grid"])


def _three(sizes: object) -> bool:
    """Return whether ``sizes`` are the three extents of a grid or block."""
    return (
        isinstance(sizes, list)
        and len(sizes) == 3
        and all(type(v) is int and 1 <= v < 2**31 for v in sizes)
    )
