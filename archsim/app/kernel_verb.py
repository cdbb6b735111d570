"""``archsim kernel``: cycles of Numba kernels on a GPU that is not there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from archsim.app.kernel_cases import KernelCase, kernel_cases
from archsim.app.output import print_table, write_json
from archsim.app.progress import spinner
from archsim.app.sm_device import sm_device
from archsim.app.timeline import write_timelines
from archsim.errors import ArchsimError, ConfigError
from archsim.metrics.timeline import Timeline

EVENTS = 100_000
"""Instructions of a case that its timeline holds; a longer sample is cut there."""


def kernel_and_print(
    target: str, device: str, timeline: Path | None, exact: bool, check: bool,
    json_file: Path | None, entry: str = "", launch: Path | None = None,
) -> int:  # fmt: skip
    """Time every case of ``target``, or its kernel ``entry`` as the file ``launch`` says; with
    ``check`` also execute all CTAs and check the outputs.

    Returns 2 where a case cannot be simulated or breaks a rule (its row says why), 1 where its
    outputs are wrong, else 0.
    """
    model = sm_device(device)
    rows: list[dict[str, Any]] = []
    shown: list[Timeline] = []
    cases = list(kernel_cases(target, entry, launch))
    for case in cases:
        try:
            with spinner(f"{case.name} (a first run compiles the simulator)"):
                found = time_case(case, model, exact, EVENTS if timeline is not None else 0)
                row = record(case, found)
                if check:
                    row["check"] = check_case(case)
        except ArchsimError as error:
            if len(cases) == 1:
                raise _placed(error, target) from None
            told = str(error).removeprefix(f"{case.name}: ")
            print(f"archsim: {case.name}: {told}", file=sys.stderr)
            rows.append({"name": case.name, "error": told})
            continue
        if timeline is not None:
            from archsim.models.gpu.sm.timing_report import timelines

            shown += timelines(case.name, found)
        rows.append(row)
    _print(rows, model.name)
    if timeline is not None:
        write_timelines(timeline, shown)
    write_json(json_file, {"device": model.name, "cases": rows})
    if any("error" in row for row in rows):
        return 2
    return int(any(row.get("check", "ok") != "ok" for row in rows))


def _placed(error: ArchsimError, target: str) -> ArchsimError:
    """The error with the file in front, unless its sentence names the file."""
    file = target.partition("::")[0]
    return error if Path(file).name in str(error) else ConfigError(f"{file}: {error}")


def time_case(case: KernelCase, model: Any, exact: bool = False, events: int = 0) -> Any:
    """The `LaunchTiming` of one case; an impossible launch is a ConfigError."""
    from archsim.frontend import load_numba
    from archsim.models.gpu.sm.timing_launch import time_launch

    kernel = case.kernel
    if case.options.get("arch"):
        import numba

        typeof: Any = numba.typeof
        kernel = load_numba(kernel, tuple(typeof(a) for a in case.args), case.options["arch"])
    try:
        return time_launch(
            kernel, case.grid, case.block, case.args, model,
            cluster=int(case.options.get("cluster", 1)),
            dynamic_smem_bytes=int(case.options.get("dynamic_smem_bytes", 0)),
            exact=exact, keep_events=events,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{case.name}: {error}") from error


def check_case(case: KernelCase) -> str:
    """Execute all CTAs with the memory checks; ``ok`` or what is wrong in one line."""
    from archsim.models.gpu.sm import execute

    execute.run(
        case.kernel, case.grid, case.block, case.args,
        cluster=int(case.options.get("cluster", 1)),
        dynamic_smem_bytes=int(case.options.get("dynamic_smem_bytes", 0)), check=True,
    )  # fmt: skip
    expect = case.options.get("expect")
    if expect is None:
        return "ok"
    try:
        found = expect(case.args)
    except AssertionError as error:
        return " ".join(str(error).split())[:300] or "outputs differ"
    except Exception as error:
        raise ConfigError(
            f"{case.name}: expect must not fail, but {type(error).__name__}: {error}"
        ) from error
    differ = isinstance(found, bool | np.bool_) and not found
    return "outputs differ" if differ else "ok"


def record(case: KernelCase, found: Any) -> dict[str, Any]:
    """A case's answer as plain data."""
    seconds = found.us * 1e-6
    counters = found.counters
    return {
        "name": case.name,
        "cycles": round(found.cycles, 1),
        "us": round(found.us, 4),
        "kernel": found.kernel,
        "issue_utilisation": round(found.reasons["issued"], 4),
        "limiter": found.limiter,
        "stalls": {k: round(v, 4) for k, v in found.reasons.items()},
        "units": {k: round(v, 4) for k, v in found.units.items()},
        "occupancy": {
            "ctas_per_sm": found.occupancy.ctas, "warps_per_sm": found.occupancy.warps,
            "limit": found.occupancy.limit,
        },
        "bandwidth_gbps": {
            "l2_read": round(counters["l2_read_bytes"] / seconds / 1e9, 2),
            "l2_write": round(counters["l2_write_bytes"] / seconds / 1e9, 2),
            "hbm_read": round(counters["hbm_read_bytes"] / seconds / 1e9, 2),
        },
        "counters": {k: round(v) for k, v in counters.items()},
        "sample": {
            "sms": found.sampled_sms, "ctas": found.sampled_ctas, "of_ctas": found.grid_ctas,
            "warp_instructions": found.warp_instructions,
        },
    }  # fmt: skip


def _stalls(shares: dict[str, float]) -> str:
    """The largest reasons for clocks without an issue, in per cent."""
    found = sorted((share, name) for name, share in shares.items() if name != "issued")[::-1]
    return ", ".join(f"{name} {100 * share:.0f}" for share, name in found[:4] if share >= 0.005)


def _print(rows: list[dict[str, Any]], device: str) -> None:
    shown = []
    for row in rows:
        if "error" in row:
            continue
        line = {
            "case": row["name"], "cycles": round(row["cycles"]), "us": row["us"],
            "issue %": round(100 * row["issue_utilisation"], 1),
            "warps/SM": row["occupancy"]["warps_per_sm"],
            "HBM GB/s": row["bandwidth_gbps"]["hbm_read"], "limiter": row["limiter"],
        }  # fmt: skip
        if "check" in row:
            line["check"] = row["check"]
        shown.append(line)
    print_table(f"kernels on {device}", shown)
    stalls = [
        {"case": row["name"], "clocks of the sub-cores without an issue, %": _stalls(row["stalls"])}
        for row in rows
        if "error" not in row
    ]
    print_table("stalls", stalls)
