"""From attention to its kernels, as PyTorch's dispatcher and the libraries' heuristics choose."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Attention
from archsim.models.gpu.attention import COMBINE, CUDNN, DECODE, FLASH, LEAN, SPLIT
from archsim.models.gpu.gemm_lower import memset
from archsim.models.gpu.gemm_steps import TYPES
from archsim.models.gpu.plan import ATTENTION, Plan

_NAMES = {
    CUDNN: "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16",
    FLASH: "pytorch_flash::flash_fwd_kernel",
    SPLIT: "pytorch_flash::flash_fwd_splitkv_kernel",
    DECODE: "cudnn_generated_fort_native_sdpa_sm90_decode",
    COMBINE: "pytorch_flash::flash_fwd_splitkv_combine_kernel",
    LEAN: "cudnn::fusion::lean_reduction_kernel",
}
DECODE_ROWS = 16
"""Queries up to which cuDNN takes its decode kernel."""
LARGEST_HEAD = 256


def lower_attention(spec: Attention, dev: Any) -> list[Plan]:
    """Return the kernels of one scaled dot-product attention."""
    hopper = bool(dev["tensor_kernels_wgmma"])
    if spec.impl == "auto" and spec.sq == spec.skv == 1:  # PyTorch does not offer this to cuDNN
        return _flash(spec, int(dev["sm_count"]))
    if hopper and spec.d <= LARGEST_HEAD and spec.impl in ("cudnn", "auto"):
        return _cudnn(spec, int(dev["sm_count"]))
    return _flash(spec, int(dev["sm_count"]))


def _cudnn(spec: Attention, sms: int) -> list[Plan]:
    """Return cuDNN's kernels: flash with a memset, or decode with a reduction of its splits."""
    if spec.sq > DECODE_ROWS:
        padded = 64 if spec.d <= 64 else ceil(spec.d / 64) * 64
        if 64 < spec.d < 128:
            padded = 128
        return [memset(), _plan(spec, CUDNN, (128, 128), 1, 8, padded)]
    group = ceil(spec.h // spec.h_kv * spec.sq / DECODE_ROWS)
    ctas = spec.b * spec.h_kv * group
    splits = 1
    if ctas < sms - 4 and spec.skv > 512:
        room = 2 ** (2 * sms // ctas).bit_length() // 2
        splits = max(min(room, ceil(spec.skv / 128)), 1)
    first = _plan(spec, DECODE, (DECODE_ROWS, 128), splits, 4, spec.d, 1, spec.h_kv * group)
    if splits == 1:
        return [first]
    return [first, _plan(spec, LEAN, (DECODE_ROWS, 128), splits, 4, spec.d)]


def _flash(spec: Attention, sms: int) -> list[Plan]:
    """Return FlashAttention-2's kernels; one query with grouped heads becomes a block of them."""
    sq, heads = spec.sq, spec.h
    if spec.sq == 1 and spec.h > spec.h_kv:
        sq, heads = spec.h // spec.h_kv, spec.h_kv
    block = 256 if spec.d <= 64 else 128 if spec.d <= 128 else 64
    splits = _splits(spec.b * heads * ceil(sq / 64), 2 * sms, ceil(spec.skv / block))
    if splits > 1:
        kernel = _plan(spec, SPLIT, (64, block), splits, 4, spec.d, sq, heads)
        return [kernel, _plan(spec, COMBINE, (64, block), splits, 4, spec.d)]
    tile = (128, 128) if spec.d <= 64 else (128, 64) if spec.d <= 192 else (64, 64)
    warps = 8 if 128 < spec.d <= 192 else 4
    return [_plan(spec, FLASH, tile, 1, warps, spec.d, sq, heads)]


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


def _plan(
    spec: Attention, kind: int, tile: tuple[int, int], splits: int, warps: int, padded: int,
    sq: int = 0, heads: int = 0,
) -> Plan:  # fmt: skip
    """Return one kernel over ``tile`` queries x keys; ``sq`` and ``heads`` where regrouped."""
    size = dtype_of(spec.dtype).bits / 8
    rows, heads = sq or spec.sq, heads or spec.h
    slots = 1.0 if warps > 4 else 2.0
    params = (
        spec.b, heads, spec.h_kv, rows, spec.skv, spec.d, float(spec.causal), kind,
        *tile, splits, size, TYPES[spec.dtype], spec.mask_elements, warps,
        ceil(rows / tile[0]), slots, padded, spec.b * spec.h * spec.sq,
    )  # fmt: skip
    flops = 0.0 if kind >= COMBINE else float(spec.flops)
    config = {"tile": [*tile, spec.d], "split_k": splits, "grid": ceil(rows / tile[0]) * splits}
    return Plan(_NAMES[kind], ATTENTION, tuple(float(v) for v in params), flops, config)
