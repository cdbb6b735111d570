"""Fit the implicit-GEMM convolution kernels of the H200 to recorded launches (fit half only).

Usage: python scripts/calibrate_fprop.py [--write]. Every recorded kernel is priced with its own
tile, cluster and grid; its own duration is the target. Prints errors on both halves; ``--write``
replaces ``tensor_kernels.fprop``, and the launches around, in configs/devices/h200.yaml.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from calibrate_tensor import DEVICE, write
from conv_cases import MEASURED, cases, label, load, main_kernel, recorded
from tensor_fit import Fit, Sample

from archsim.config.load import load_device
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu import conv_kernels as k
from archsim.mapping.gpu.conv_choice import choose
from archsim.models.gpu.conv_lower import lower_conv, packed_work
from archsim.models.gpu.depthwise_lower import lower_depthwise
from archsim.models.gpu.fprop_lower import Work
from archsim.models.gpu.plan import CONV, Plan
from archsim.models.gpu.recorded import conv_kernel_plan
from archsim.models.gpu.vector import variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

SOURCE = (
    "fit half of workloads/measured/h200_kernels.json, h200_operators.json, h200_structured.json, "
    "h200_conv.json, h200_conv_choice.json and h200_conv_engines.json"
)
SETS = ("kernels", "operators", "structured", "conv", "conv_choice")
FAMILY = ("us", "factor", "port_bytes_per_clk", "step_clk", "cta_clk")
FIELDS = (
    "xmma_us", "xmma_factor", "xmma_step_clk", "xmma_start_clk", "xmma_load_bytes_per_clk",
    "xmma_l2_factor", "xmma_tile_clk", "xmma_store_bytes_per_clk", "xmma_pair_clk",
    "xmma_wave_clk", "xmma_overlap_power", "align16_share", "align32_share", "align64_share",
    "segment_us", "segment_part_us", "segment_bytes_per_s",
    *(f"{name}_{field}" for name in ("cut", "ampere", "indexed", "direct") for field in FAMILY),
    "fill_bytes_per_clk", "step_power", "store_bytes_per_clk", "l2_factor", "hbm_fraction",
    "write_factor", "overlap_power", "cold_us", "split_us", "split_part_us", "split_bytes_per_s",
    "indexed_split_bytes_per_s",
)  # fmt: skip
AROUND = (
    "slice_us", "slice_us_per_million", "transform_us", "pack_us_per_million",
    "unpack_us_per_million", "unpack_padded_us_per_million", "transpose_us",
    "transpose_us_per_million", "pad_us", "pad_us_per_million", "sgemm_us", "sgemm_chain_clk",
    "sgemm_busy_clk",
)  # fmt: skip
DEPTHWISE = (
    *(
        f"{kind}_{field}"
        for kind in ("specialized", "generic", "tiled")
        for field in ("us", "load_clk", "tap_clk", "strided_clk", "chain_clk")
    ),
    "depthwise_cold_us", "generic_cold_us",
)  # fmt: skip
KINDS = ("SliceC", "Transform", "ToNhwc", "ToNchw", "AddPadding", "convolve_sgemm")
"""The launches around an implicit GEMM, and those on fp32 units, by parts of their names."""
BOUNDS = {
    "hbm_fraction": (1e-3, 1.0), "xmma_factor": (1.0, 10.0), "crowd_factor": (1.0, 10.0),
    **dict.fromkeys(("xmma_overlap_power", "overlap_power", "step_power"), (1.0, 30.0)),
}  # fmt: skip
WARM_BYTES = 40e6


def plan(case: dict[str, Any], spec: Conv2d) -> tuple[Plan, float] | None:
    """Return the plan of the recorded implicit GEMM of a case, and its duration."""
    path, kernel = recorded(case, spec)
    entry = main_kernel(case)
    if kernel is None or entry is None:
        return None
    if spec.cin % 8 and path != "implicit":
        return None
    channels, filters = spec.cin // spec.groups, spec.cout // spec.groups
    work = packed_work(spec)[1] if path == "pack" else Work.of(spec, channels, filters)
    same = [e["dur_us"] for e in case["kernels"] if e["name"] == entry["name"]]
    crowd, grid = path == "slice", entry["grid"]
    return conv_kernel_plan(work, kernel, grid, kernel.segment, crowd), sum(same) / len(same)


def engines() -> Iterator[Sample]:
    """Yield the dense kernels of cuDNN's own search, with warm caches."""
    data = json.loads((MEASURED / "h200_conv_engines.json").read_text())
    names = data["meta"]["names"]
    for case in data["cases"]:
        plain = case["dtype"] in ("fp16", "bf16") and case.get("layout", "nhwc") == "nhwc"
        if not plain or case["groups"] > 1 or case["cin"] % 8:
            continue
        spec = spec_from_case(case)
        for place, us, grid, _ in case["sequence"]:
            entry = {"name": names[place], "grid": grid, "dur_us": us}
            found = plan({**case, "kernels": [entry]}, spec)
            if found is not None:
                resident = 1.0 if case["bytes"] < WARM_BYTES else 0.0
                yield Sample([found[0]], resident, us, is_check(case), "search")


def warm(case: dict[str, Any], plans: list[Plan], text: str) -> Iterator[Sample]:
    """Yield the warm time of a case of one kernel that fits L2."""
    if case.get("us_warm") and len(case["kernels"]) == 1 and case["bytes"] < WARM_BYTES:
        yield Sample(plans, 1.0, case["us_warm"], bool(case["check"]), f"{text} warm")


def samples() -> Iterator[Sample]:
    """Yield every recorded implicit GEMM with its duration, and warm times."""
    for case, spec in cases(SETS):
        found = plan(case, spec)
        if found is not None:
            kernel = recorded(case, spec)[1]
            assert kernel is not None
            text = k.FAMILIES[kernel.family] + " seg" * kernel.segment + " z" * (kernel.parts > 1)
            text += " grouped" * (spec.groups > 1) + " slice" * (recorded(case, spec)[0] == "slice")
            yield Sample([found[0]], 0.0, found[1], bool(case["check"]), text)
            yield from warm(case, [found[0]], text)


def kind(name: str) -> str:
    """Return which of ``KINDS`` a kernel is; "" where none."""
    return next((part for part in KINDS if part.lower() in name.lower()), "")


def around() -> Iterator[Sample]:
    """Yield, per case and kind, the launches around implicit GEMMs where ours are the recorded."""
    dev = variants(load_device(DEVICE)).rows[0]
    for name in SETS:
        for case in load(name):
            spec = spec_from_case({f: v for f, v in case.items() if f not in ("check", "set")})
            plans = [plan for plan in lower_conv(spec, dev) if plan.family == CONV]
            for part in KINDS:
                ours = [plan for plan in plans if kind(plan.name) == part]
                theirs = [e["dur_us"] for e in case["kernels"] if kind(e["name"]) == part]
                if ours and len(ours) == len(theirs):
                    yield Sample(ours, 0.0, sum(theirs), bool(case["check"]), part)


def depthwise() -> Iterator[Sample]:
    """Yield the depthwise kernels that ours are, with their durations."""
    for case, spec in cases(SETS):
        kind_of = label(case, spec)
        if 1 < spec.groups == spec.cin == spec.cout and kind_of == choose(spec):
            us = case["kernels"][-1]["dur_us"]
            plans = lower_depthwise(spec)[-1:]
            text = f"{kind_of} {spec.r} {spec.stride}"
            yield Sample(plans, 0.0, us, bool(case["check"]), text)
            yield from warm(case, plans, text)


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    everything = list(samples())
    alone = [s for s in everything if "grouped" not in s.label]
    beside = [s for s in everything if "slice" in s.label]
    for todo, fields in (([*alone, *engines()], FIELDS), (beside, ("crowd_factor",))):
        fit = Fit(DEVICE, todo)
        fit.run([f"fprop_{field}" for field in fields], BOUNDS)
        fit.report()
        for field, (value, spread) in fit.values().items():
            print(f"  {field} {value:.4g} +-{100 * spread:.0f} %")
        if arguments.write:
            write(fit.values(), "fprop", SOURCE)
    for todo, fields in ((around(), AROUND), (depthwise(), DEPTHWISE)):
        fit = Fit(DEVICE, list(todo))
        fit.run([f"conv_{field}" for field in fields], {})
        fit.report()
        for field, (value, spread) in fit.values().items():
            print(f"  {field} {value:.4g} +-{100 * spread:.0f} %")
        if arguments.write:
            write(fit.values(), "conv", SOURCE)


if __name__ == "__main__":
    main()
