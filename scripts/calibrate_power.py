"""Fit power, switching energies and host times of a device to measured steady states.

    python scripts/calibrate_power.py [--write]

Time, energy and clock of every loop are fitted together, on the half that ``split`` leaves.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
from calibrate_memory import DEVICE, ROOT, write_constants
from scipy.optimize import least_squares

from archsim.config import load_device
from archsim.graph import OpSpec
from archsim.models.gpu.lower import lower
from archsim.models.gpu.model import host_us
from archsim.models.gpu.power import load_of, settle
from archsim.models.gpu.prepared import padding
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import energy_place, variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

DATA = [
    ROOT / "workloads" / "measured" / name
    for name in ("h200_sustained.json", "h200_sustained_more.json")
]
SOURCE = "workloads/measured/h200_sustained.json and h200_sustained_more.json"
FIELDS = (
    "power_tensor_fp16_pj_per_flop",
    "power_tensor_fp8_pj_per_flop", "power_tensor_int8_pj_per_flop",
    "power_tensor_tf32_pj_per_flop", "power_fp32_pj_per_flop", "power_fp64_pj_per_flop",
    "power_instruction_pj", "power_l2_pj_per_byte", "power_hbm_pj_per_byte",
    "power_clock_exponent", "power_zero_operand_fraction", "power_limiter_zero_fraction",
    "launch_stream_us", "launch_stream_kernel_us", "launch_stream_matmul_us",
    "launch_stream_attention_us", "launch_stream_conv_us", "launch_stream_fp8_us",
)  # fmt: skip
FAMILIES = variants(load_device(str(DEVICE))).relevant.shape[1]
OTHER_HOST_US = 25.0
LIMITED_W = 640.0
CAPS = {"power_clock_exponent": 3.6}


def load_cases() -> list[tuple[dict[str, Any], OpSpec, float]]:
    """Return the loops with what they compute and the entropy of their operands."""
    found = []
    for path in DATA:
        for case in json.loads(path.read_text())["cases"]:
            if case["op"] == "idle":
                continue
            entropy = 0.0 if case.get("fill") == "zeros" else 1.0
            found.append((case, spec_from_case(case), entropy))
    return found


def predict(rows: Any, spec: OpSpec, entropy: float) -> tuple[float, float, float]:
    """Return time (us), energy (J) and clock (MHz) of one loop."""
    dev = rows[0]
    none = dev["l2_no_hit_fraction"] * dev["l2_capacity_bytes"]
    full = dev["l2_full_hit_fraction"] * dev["l2_capacity_bytes"]
    share = float(np.clip((none - spec.bytes) / (none - full), 0.0, 1.0))
    kernels = lower(spec, dev)
    relevant = np.ones((1, FAMILIES), dtype=np.bool_)
    operands = [energy_place(getattr(spec, "dtype", "fp16"))] * len(kernels)
    work = [padding(spec)] * len(kernels)
    out = solve(rows, relevant, kernels, [share] * len(kernels), False, operands, work)
    state = settle(dev, load_of(dev, out[0], host_us(spec, len(kernels), dev), entropy))
    return state.us, state.joules, state.sm_clock_hz / 1e6


def _weights(case: dict[str, Any]) -> tuple[float, float, float]:
    """Weights of time, power and clock.

    In short loops of the second set the launching thread also read the board; at the power limit
    power says nothing; a sparse product waits for the host, whose time is measured apart.
    """
    if case["op"] == "gemm_sparse24":
        return 0.0, 0.0, 0.0
    other_host = "reasons" in case and case["us"] < OTHER_HOST_US
    limited = case["joules"] / case["us"] * 1e6 > LIMITED_W
    return (0.1 if other_host else 1.0, 0.3 if limited or other_host else 2.0, 1.0)


def report(cases: list[tuple[dict[str, Any], OpSpec, float]], check: Any, errors: Any) -> None:
    """Print the error of every loop and of both halves; ``errors`` are logarithms."""
    final = errors.copy()
    final[:, 1] += final[:, 0]  # energy from power and time
    for (case, _, entropy), error, judged in zip(cases, final, check, strict=True):
        dims = [v for k, v in case.items() if k in ("m", "n", "k", "rows", "cols", "b", "skv")]
        shown = " ".join(f"{100 * np.expm1(e):7.1f}" for e in error)
        print("check" if judged else "fit  ", case["op"], case["dtype"], dims, entropy, shown)
    for label, half in (("fit", ~check), ("check", check)):
        mape = 100 * np.abs(np.expm1(final[half])).mean(axis=0)
        print(f"{label} {half.sum()} time {mape[0]:.1f} energy {mape[1]:.1f} clock {mape[2]:.1f}")


def main() -> None:
    """Fit, report both halves, and write the constants if asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = variants(load_device(str(DEVICE))).rows[:1].copy()
    rows["tensor_kernels_gemm_throttle_fraction"] = 0.0
    cases = load_cases()
    begin = np.array([rows[f][0] for f in FIELDS])
    measured = np.log([[c["us"], c["joules"] / c["us"], c["sm_mhz"]] for c, _, _ in cases])
    check = np.array([is_check(c) for c, _, _ in cases])
    weight = np.array([_weights(c) for c, _, _ in cases])

    def errors() -> Any:
        """Logarithms of predicted over measured time, power and clock."""
        found = np.log([predict(rows, s, e) for _, s, e in cases])
        found[:, 1] -= found[:, 0]
        return found - measured

    def residual(x: Any) -> Any:
        for name, value in zip(FIELDS, begin * np.exp(x), strict=True):
            rows[name] = value
        return np.concatenate([(errors() * weight)[~check].ravel(), 0.05 * x])

    upper = np.array(
        [np.log(CAPS[f] / b) if f in CAPS else 2.0 for f, b in zip(FIELDS, begin, strict=True)]
    )
    found = least_squares(
        residual, np.zeros(len(FIELDS)), loss="soft_l1", f_scale=0.05, bounds=(-2.0, upper),
        diff_step=2e-3, max_nfev=40,
    )  # fmt: skip
    residual(found.x)
    report(cases, check, errors())
    for name in FIELDS:
        print(f"  {name:40s} {rows[name][0]:.4g}")
    if arguments.write:
        write_constants({f: (float(rows[f][0]), 0.05) for f in FIELDS}, SOURCE)


if __name__ == "__main__":
    main()
