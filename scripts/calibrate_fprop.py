"""Fit cuDNN's convolution kernels on the H200 to recorded launches (fit half only).

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
from conv_cases import MEASURED, SIXTEEN_BIT, TIMED, cases, label
from tensor_fit import Fit, Sample

from archsim.config.load import load_device
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu import conv_kernels as k
from archsim.mapping.gpu.conv_labels import PRODUCT, implicit, main_kernel
from archsim.models.gpu.conv_lower import lower_as, packed_work
from archsim.models.gpu.fprop_lower import Work
from archsim.models.gpu.plan import CONV, Plan
from archsim.models.gpu.recorded import conv_kernel_plan
from archsim.models.gpu.vector import variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

SOURCE = (
    "fit half of workloads/measured/h200_kernels.json, h200_operators.json, h200_structured.json, "
    "h200_conv.json, h200_conv_choice.json, h200_conv_types.json and h200_conv_engines.json"
)
FAMILY = ("us", "factor", "port_bytes_per_clk", "step_clk", "cta_clk")
FIELDS = (
    "xmma_us", "xmma_factor", "xmma_step_clk", "xmma_start_clk", "xmma_load_bytes_per_clk",
    "xmma_l2_factor", "xmma_tile_clk", "xmma_store_bytes_per_clk", "xmma_pair_clk",
    "xmma_wave_clk", "xmma_overlap_power", "align16_share", "align32_share", "align64_share",
    "segment_us", "segment_part_us", "segment_bytes_per_s",
    *(f"{name}_{field}" for name in ("cut", "ampere", "indexed", "direct") for field in FAMILY),
    "fill_bytes_per_clk", "step_power", "store_bytes_per_clk", "l2_factor", "hbm_fraction",
    "write_factor", "overlap_power", "cold_us", "split_us", "split_part_us", "split_bytes_per_s",
    "indexed_split_bytes_per_s", "packed_xmma_factor", "packed_ampere_factor",
    "packed_indexed_factor",
)  # fmt: skip
FFMA = tuple(f"ffma_{field}" for field in FAMILY)
AROUND = (
    "slice_us", "slice_us_per_million", "transform_us", "pack_us_per_million",
    "unpack_us_per_million", "unpack_padded_us_per_million", "transpose_us",
    "transpose_us_per_million", "pad_us", "pad_us_per_million", "convert_us",
    "convert_us_per_million",
    *(f"{name}_{field}" for name in ("sgemm", "small", "common")
      for field in ("us", "chain_clk", "busy_clk", "start_steps")),
    "beside_us", "beside_most", "first_us", "first_factor",
)  # fmt: skip
DEPTHWISE = (
    *(
        f"{kind}_{field}"
        for kind in ("specialized", "floats", "tiled", "native", "planes")
        for field in ("us", "load_clk", "tap_clk", "strided_clk", "chain_clk")
    ),
    "direct_us", "direct_load_clk", "direct_tap_clk", "direct_chain_clk",
    *(
        f"generic_{field}" for field in (
            "us", "tap_clk", "tap_power", "strided_clk", "strided_power", "chain_clk",
            "chain_power", "strided_chain_clk", "strided_chain_power", "alone_fraction",
        )
    ),
    "depthwise_cold_us", "generic_cold_us", "floats_cold_us",
)  # fmt: skip
KINDS = (
    "SliceC", "Transform", "ToNhwc", "ToNchw", "AddPadding", "convertTensor",
    "precomputed_convolve", "implicit_convolve", "convolve_common",
    "image_first_layer",
)  # fmt: skip
"""The launches around an implicit GEMM, and those on fp32 units, by parts of their names."""
ALONE = {
    "generic": "conv2d_c1_k1_nhwc", "specialized": "nhwc_specialized",
    "tiled": "depthwise_convolution_fprop", "native": "conv_depthwise2d",
    "planes": "shmem_tiling", "grouped_direct": "grouped_direct",
}  # fmt: skip
"""Kernels that compute a convolution alone, by label: part of the recorded name."""
BOUNDS = {
    "hbm_fraction": (1e-3, 1.0), "crowd_most": (1.0, 8.0), "xmma_factor": (1.0, 10.0),
    "generic_alone_fraction": (1e-3, 0.9),
    **dict.fromkeys(("xmma_overlap_power", "overlap_power", "step_power"), (1.0, 30.0)),
}  # fmt: skip
WARM_BYTES = 40e6


def plan(case: dict[str, Any], spec: Conv2d, text: str) -> tuple[Plan, float] | None:
    """Return the plan of the recorded implicit GEMM of a case labelled so, and its duration."""
    kernel, entry = implicit(spec, case["kernels"]), main_kernel(case["kernels"])
    if kernel is None or entry is None or (spec.cin % 8 and text.startswith("padded")):
        return None
    channels, filters = spec.cin // spec.groups, spec.cout // spec.groups
    packed = text.startswith("pack ")
    work = packed_work(spec, kernel)[1] if packed else Work.of(spec, channels, filters)
    same = [e["dur_us"] for e in case["kernels"] if e["name"] == entry["name"]]
    crowd, grid = spec.groups * float(text.startswith("slice")), entry["grid"]
    return conv_kernel_plan(work, kernel, grid, kernel.segment, crowd), sum(same) / len(same)


def engines() -> Iterator[Sample]:
    """Yield the dense kernels of cuDNN's own search, with warm caches."""
    data = json.loads((MEASURED / "h200_conv_engines.json").read_text())
    names = data["meta"]["names"]
    for case in data["cases"]:
        plain = case["dtype"] in SIXTEEN_BIT and case.get("layout", "nhwc") == "nhwc"
        if not plain or case["groups"] > 1 or case["cin"] % 8:
            continue
        spec = spec_from_case(case)
        for place, us, grid, _ in case["sequence"]:
            entry = {"name": names[place], "grid": grid, "dur_us": us}
            found = plan({**case, "kernels": [entry]}, spec, "")
            if found is not None:
                resident = 1.0 if case["bytes"] < WARM_BYTES else 0.0
                yield Sample([found[0]], resident, us, is_check(case), "search")


def warm(
    case: dict[str, Any], spec: Conv2d, plans: list[Plan], text: str
) -> Iterator[Sample]:  # fmt: skip
    """Yield the warm time of a case of one kernel that fits L2."""
    small = spec.bytes_read + spec.bytes_written < WARM_BYTES
    if case.get("us_warm") and len(case["kernels"]) == 1 and small:
        yield Sample(plans, 1.0, case["us_warm"], bool(case["check"]), f"{text} warm")


def samples() -> Iterator[Sample]:
    """Yield every recorded implicit GEMM with its duration, and warm times."""
    for case, spec in cases(TIMED):
        text = label(case, spec)
        found = plan(case, spec, text)
        if found is not None:
            kernel = implicit(spec, case["kernels"])
            assert kernel is not None
            name = k.FAMILIES[kernel.family] + " seg" * kernel.segment + " z" * (kernel.parts > 1)
            name += "" if spec.dtype in SIXTEEN_BIT else " floats"
            name += " grouped" * (spec.groups > 1) + " slice" * text.startswith("slice")
            yield Sample([found[0]], 0.0, found[1], bool(case["check"]), name)
            yield from warm(case, spec, [found[0]], name)


def kind(name: str) -> str:
    """Return which of ``KINDS`` a kernel is; "" where none."""
    return next((part for part in KINDS if part.lower() in name.lower()), "")


def around() -> Iterator[Sample]:
    """Yield, per case and kind, the launches around implicit GEMMs where ours are the recorded."""
    dev = variants(load_device(DEVICE)).rows[0]
    for case, spec in cases(TIMED):
        text = label(case, spec)
        if not text or text in ALONE or text == PRODUCT:
            continue
        plans = [plan for plan in lower_as(spec, text, dev) if plan.family == CONV]
        for part in KINDS:
            ours = [plan for plan in plans if kind(plan.name) == part]
            theirs = [e["dur_us"] for e in case["kernels"] if kind(e["name"]) == part]
            if ours and len(ours) == len(theirs):
                name = part + ("" if spec.dtype in SIXTEEN_BIT else " floats")
                yield Sample(ours, 0.0, sum(theirs), bool(case["check"]), name)


def depthwise() -> Iterator[Sample]:
    """Yield the kernels that compute a convolution alone, with their durations."""
    dev = variants(load_device(DEVICE)).rows[0]
    for case, spec in cases(TIMED):
        text = label(case, spec)
        if text in ALONE:
            us = max(e["dur_us"] for e in case["kernels"] if ALONE[text] in e["name"])
            plans = [
                p for p in lower_as(spec, text, dev) if p.family == CONV and "To" not in p.name
            ]
            name = f"{text} {spec.r} {spec.stride}"
            name += "" if spec.dtype in SIXTEEN_BIT else " floats"
            yield Sample(plans, 0.0, us, bool(case["check"]), name)
            yield from warm(case, spec, plans, name)


GROUPS = {
    "tiles": ("fprop", FIELDS), "ffma": ("fprop", FFMA),
    "beside": ("fprop", ("crowd_us", "crowd_most")), "around": ("conv", AROUND),
    "depthwise": ("conv", DEPTHWISE),
}  # fmt: skip
"""What is fitted in turn: the group of constants and their names."""


def pick(name: str, everything: list[Sample]) -> list[Sample]:
    """Return the samples of a group; ``everything`` are the implicit GEMMs."""
    if name in ("around", "depthwise"):
        return list(around() if name == "around" else depthwise())
    fp32 = [s for s in everything if "ffma" in s.label]
    if name == "ffma":
        return fp32
    others = [s for s in everything if "ffma" not in s.label]
    if name == "beside":
        return [s for s in others if "slice" in s.label]
    return [*(s for s in others if "slice" not in s.label), *engines()]


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("groups", nargs="*", choices=[*GROUPS, []], default=[])
    arguments = parser.parse_args()
    groups = arguments.groups or list(GROUPS)
    everything = list(samples()) if {"tiles", "ffma", "beside"} & {*groups} else []
    for name in groups:
        group, fields = GROUPS[name]
        todo = pick(name, everything)
        fit = Fit(DEVICE, todo)
        fit.run([f"{group}_{field}" for field in fields], BOUNDS)
        fit.report()
        for field, (value, spread) in fit.values().items():
            print(f"  {field} {value:.4g} +-{100 * spread:.0f} %")
        if arguments.write:
            write(fit.values(), group, SOURCE)


if __name__ == "__main__":
    main()
