"""Fit the tensor kernels' constants of the H200 to the fit half of ``workloads/measured``.

Usage: python scripts/calibrate_tensor.py [--write] [nvjet mma attention]. Groups are fitted
in that order with the recorded kernels given; run scripts/calibrate_choice.py afterwards, since
kernel choice depends on predicted times. Prints errors on both halves; ``--write`` replaces the
``tensor_kernels`` values in configs/devices/h200.yaml with basis ``calibrated``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensor_fit import Fit, collect

from archsim.models.gpu.attention_lower import lower_attention
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.recorded import price_recorded
from archsim.models.gpu.sparse_lower import lower_sparse

DEVICE = "h200"
FILE = Path(__file__).parents[1] / "configs" / "devices" / f"{DEVICE}.yaml"
SOURCE = "fit on the fit half of workloads/measured, scripts/calibrate_tensor.py"
UNIT = (1e-3, 1.0)
NORM = (1.5, 30.0)
FACTOR = (1.0, 10.0)
BOUNDS = {
    **dict.fromkeys(
        (
            "wgmma_fraction", "fill_fraction", "request_fraction", "hbm_fraction", "write_share",
            "write_kept_fraction", "coop_store", "xmma_fraction", "xmma_l2_fraction",
            "cudnn_tensor_fraction",
            "cudnn_exp_fraction",
        ), UNIT,
    ),
    **dict.fromkeys(
        ("step_power", "overlap_power", "mma_power", "mma_overlap_power", "xmma_l2_power"), NORM
    ),
    **dict.fromkeys(
        (
            "align16_factor", "align32_factor", "align64_factor", "store16_factor",
            "store32_factor", "port16_factor", "bias_factor", "cudnn_ragged_factor",
            "flash_ragged_factor",
        ), FACTOR,
    ),
}  # fmt: skip
NVJET = (
    "launch_us", "wgmma_fraction", "step_clk", "step_power", "fill_fraction", "request_fraction",
    "hbm_fraction", "write_share", "write_kept_fraction", "overlap_power", "overlap_gain",
    "store_bytes_per_clk", "store_clk", "bias_factor", "bias_clk", "coop_store", "align16_factor",
    "align32_factor", "align64_factor", "store16_factor", "store32_factor", "port_bytes_per_clk",
    "port_clk", "port_fp8_clk", "port16_factor", "hot_clk", "cold_us", "cold_read_us", "fp8_us",
)  # fmt: skip
MMA = (
    "xmma_us", "xmma_fraction", "xmma_clk", "xmma_l2_fraction", "xmma_l2_power",
    "port_sparse_bytes_per_clk", "segment_us", "segment_part_us", "reduce_us",
    "reduce_split_us", "reduce_serial_us", "reduce_bytes_per_s", "mma_us",
    "mma_cold_us", "mma_factor", "mma_port",
    "mma_step_clk", "mma_power", "mma_overlap_power", "mma_store_bytes_per_clk", "mma_cta_clk",
    "ffma_factor", "ffma_copy_clk", "ffma_step_clk", "dmma_factor", "dmma_port", "dmma_step_clk",
)  # fmt: skip
ATTENTION = (
    "cudnn_us", "cudnn_tensor_fraction", "cudnn_exp_fraction", "cudnn_tile_clk",
    "cudnn_causal_clk", "cudnn_ragged_factor", "flash_us", "flash_alone_factor",
    "flash_shared_factor", "flash_tile_steps", "flash_causal_steps", "flash_ragged_factor",
    "cold_us", "split_us", "split_step_clk", "split_tile_us", "decode_us", "decode_step_clk",
    "decode_tile_us", "combine_us", "combine_split_us", "combine_bytes_per_s", "lean_us",
    "lean_split_us",
)  # fmt: skip
WIDE_TYPES = ("fp16", "bf16", "fp8")


def nvjet(spec: Any, case: Mapping[str, Any], dev: Any) -> Sequence[Plan] | None:
    """Return recorded nvjet kernels."""
    found = any("nvjet" in k["name"] for k in case["kernels"])
    return price_recorded(spec, case["kernels"]) if found and case["op"] != "conv2d" else None


def older(spec: Any, case: Mapping[str, Any], dev: Any) -> Sequence[Plan] | None:
    """Return recorded kernels of the families before nvjet, and sparse ones."""
    if case["op"] == "gemm_sparse24":
        return lower_sparse(spec, dev)
    if case["op"] == "gemm" and case["dtype"] in WIDE_TYPES:
        return None
    if any("nvjet" in k["name"] or "indexed" in k["name"] for k in case["kernels"]):
        return None
    return price_recorded(spec, case["kernels"])


def attention(spec: Any, case: Mapping[str, Any], dev: Any) -> Sequence[Plan] | None:
    """Return the kernels of an attention."""
    return lower_attention(spec, dev)


GROUPS = {
    "nvjet": ("gemm", ("gemm", "bmm", "linear"), nvjet, NVJET),
    "mma": ("gemm", ("gemm", "gemm_sparse24"), older, MMA),
    "attention": ("attention", ("attention",), attention, ATTENTION),
}


def write(
    values: Mapping[str, tuple[float, float]], group: str, source: str = SOURCE
) -> None:  # fmt: skip
    """Replace the values of ``group`` in the device file, line by line."""
    text = FILE.read_text()
    at = text.index(f"\n  {group}:\n", text.index("\ntensor_kernels:"))
    for name, (value, spread) in values.items():
        field = name.split("_", 1)[1]
        line = re.compile(rf"(\n    {field}: {{value: )[^,]+(, unit: [^,]+, ).*?}}(?=\n)")
        known = min(max(spread, 0.005), 2.0)
        entry = f'basis: calibrated, source: "{source}", uncertainty: {known:.2g}}}'
        text = text[:at] + line.sub(rf"\g<1>{value:.4g}\g<2>{entry}", text[at:], count=1)
    FILE.write_text(text)


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", default=list(GROUPS), choices=[*GROUPS, []])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.groups:
        group, ops, lowering, fields = GROUPS[name]
        fit = Fit(DEVICE, collect(ops, lowering, DEVICE))
        fit.run([f"{group}_{field}" for field in fields], BOUNDS)
        print(f"== {name}")
        fit.report()
        for field, (value, spread) in fit.values().items():
            print(f"  {field} {value:.4g} +-{100 * spread:.0f} %")
        if arguments.write:
            write(fit.values(), group)


if __name__ == "__main__":
    main()
