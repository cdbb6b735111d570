"""From attention to its kernels, as PyTorch's dispatcher and FlashAttention's heuristic choose."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Attention
from archsim.models.gpu.attention import COMBINE, CUDNN, FLASH, SPLIT
from archsim.models.gpu.gemm_lower import memset
from archsim.models.gpu.gemm_steps import TYPES
from archsim.models.gpu.plan import ATTENTION, Plan

_NAMES = {
    CUDNN: "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16",
    FLASH: "pytorch_flash::flash_fwd_kernel",
    SPLIT: "pytorch_flash::flash_fwd_splitkv_kernel",
    COMBINE: "pytorch_flash::flash_fwd_splitkv_combine_kernel",
}


def lower_attention(spec: Attention, dev: Any) -> list[Plan]:
    """Return the kernels of one scaled dot-product attention."""
    hopper = bool(dev["tensor_kernels_wgmma"])
    if hopper and spec.d <= 128 and spec.impl in ("cudnn", "auto"):
        return [memset(), _plan(spec, CUDNN, 128, 128, 1)]
    heads = spec.b * spec.h
    block = 256 if spec.d <= 64 else 128 if spec.d <= 128 else 64
    splits = _splits(heads * ceil(spec.sq / 64), int(dev["sm_count"]) * 2, ceil(spec.skv / block))
    if spec.causal or splits == 1:
        return [_plan(spec, FLASH, 128, 128 if spec.d <= 64 else 64, 1)]
    return [_plan(spec, SPLIT, 64, block, splits), _plan(spec, COMBINE, 64, block, splits)]


def _splits(tiles: int, slots: int, blocks: int) -> int:
    """Return FlashAttention's number of splits: the fewest within 85 % of the best filling."""
    if tiles >= 0.8 * slots:
        return 1
    most = min(128, slots, blocks)
    filling = [0.0] * (most + 1)
    for s in range(1, most + 1):
        if s == 1 or ceil(blocks / s) != ceil(blocks / (s - 1)):
            waves = tiles * s / slots
            filling[s] = waves / ceil(waves)
    best = max(filling)
    return next(s for s in range(1, most + 1) if filling[s] >= 0.85 * best)


def _plan(spec: Attention, kind: int, block_m: int, block_n: int, splits: int) -> Plan:
    size = dtype_of(spec.dtype).bits / 8
    params = (
        spec.b, spec.h, spec.h_kv, spec.sq, spec.skv, spec.d, float(spec.causal), kind,
        block_m, block_n, splits, size, TYPES[spec.dtype], spec.mask_elements, 2.0,
    )  # fmt: skip
    flops = 0.0 if kind == COMBINE else float(spec.flops)
    config = {"tile": [block_m, block_n, spec.d], "splits": splits}
    return Plan(_NAMES[kind], ATTENTION, tuple(float(v) for v in params), flops, config)
