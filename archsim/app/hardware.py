"""``archsim generate``, ``cosim`` and ``loop``: RTL of a device file, and what agrees with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.app.output import print_table, write_json
from archsim.app.progress import spinner
from archsim.app.vocabulary import vocabulary
from archsim.config import Device, is_device_file, load_device, load_run
from archsim.errors import ConfigError

MACHINES = ("array",)
"""Machines that have RTL."""

_GEMM = re.compile(r"(\d+)x(\d+)x(\d+)")
_MAX_DIMENSION = 1 << 20
_SMALL = 1 << 15
_CYCLE_TOLERANCE = 0.01


def load_hardware(file: Path, overrides: Sequence[str] = ()) -> Any:
    """Return the device of a device file, a device's name or a run file; it must have RTL."""
    device: Device
    if file.suffix.lower() not in (".yaml", ".yml") or is_device_file(file):
        device = load_device(str(file), tuple(overrides))
    else:
        device = load_run(file, tuple(overrides), vocabulary()).device
    machine = getattr(device, "machine", "")
    if machine not in MACHINES:
        raise ConfigError(
            f"{file}: the device must have RTL (machine: {' or '.join(MACHINES)}), not {machine!r}"
        )
    return device


def parse_gemm(text: str) -> tuple[int, int, int]:
    """Return m, k, n of ``MxKxN``."""
    match = _GEMM.fullmatch(text)
    sizes = tuple(int(part) for part in match.groups()) if match else ()
    if len(sizes) != 3 or not all(1 <= size <= _MAX_DIMENSION for size in sizes):
        raise ConfigError(
            f"--gemm must be MxKxN with sizes from 1 to {_MAX_DIMENSION}, not {text!r}"
        )
    return sizes[0], sizes[1], sizes[2]


def generate_and_print(
    file: Path, overrides: Sequence[str], output: Path | None, json_file: Path | None
) -> None:
    """Write the Verilog, its manifest and the integration files of a device."""
    from hdl.generate import generate

    device = load_hardware(file, overrides)
    folder = output or Path("build") / device.name
    with spinner(f"generating {device.name}"):
        manifest = generate(device, folder)
    data = asdict(manifest)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    print_table(
        f"{device.name}: {len(files)} files in {folder}",
        [{"file": str(p.relative_to(folder)), "bytes": p.stat().st_size} for p in files],
    )
    print(f"design digest {data['design_digest']}")
    write_json(json_file, data)


def cosim_and_print(
    file: Path,
    overrides: Sequence[str],
    gemms: Sequence[str],
    simulator: str,
    seed: int,
    json_file: Path | None,
) -> int:
    """Co-simulate products on a device; 1 where a bit differs from the functional model."""
    from cosim.runner import SIMULATORS, cosim

    if simulator not in SIMULATORS:
        raise ConfigError(f"--sim must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    device = load_hardware(file, overrides)
    shapes = [parse_gemm(text) for text in gemms] or default_gemms(device)
    with spinner(f"simulating {device.name} on {simulator}"):
        cases = cosim(device, shapes, sim=simulator, seed=seed)
    print_table(f"{device.name} on {simulator}, seed {seed}", [case_row(c) for c in cases])
    write_json(json_file, {"cases": [case.to_dict() for case in cases]})
    return 0 if all(case.mismatches == 0 for case in cases) else 1


def loop_and_print(file: Path, overrides: Sequence[str], json_file: Path | None) -> int:
    """Close the loop for one design: model against RTL, RTL against reference, against a GPU.

    1 where a bit differs, or where the model is over 1 % from the RTL.
    """
    from cosim.recorded import compare, matching
    from cosim.runner import cosim

    device = load_hardware(file, overrides)
    golden = matching(device.params)
    shapes = [*default_gemms(device), *((c.m, c.k, c.n) for c in golden if c.m * c.k < _SMALL)]
    with spinner(f"simulating {device.name}"):
        cases = cosim(device, shapes, seed=golden[0].seed if golden else 0)
        recorded = compare(device.params)
    print_table(f"{device.name}: model against RTL", [case_row(c) for c in cases])
    rows = [
        {"golden vector": r.case.name, "recorded on": r.device, "wrong values": r.mismatches}
        for r in recorded
    ]
    print_table(f"{device.name}: reference against a real GPU", rows)
    exact = all(c.mismatches == 0 for c in cases) and all(r.mismatches == 0 for r in recorded)
    close = all(abs(c.model_cycles / c.rtl_cycles - 1) <= _CYCLE_TOLERANCE for c in cases)
    print(f"bits {'agree' if exact else 'DIFFER'}, cycles {'agree' if close else 'DIFFER'}")
    data = {
        "cases": [case.to_dict() for case in cases],
        "golden": [{**row, "case": asdict(r.case)} for row, r in zip(rows, recorded, strict=True)],
    }
    write_json(json_file, data)
    return 0 if exact and close else 1


def default_gemms(device: Any) -> list[tuple[int, int, int]]:
    """Products that fill the array, leave edges, and are smaller than it."""
    rows, columns = device.array.rows, device.array.columns
    return [(rows, 16, columns), (2 * rows + 1, 37, 3 * columns - 1), (1, 5, 1)]


def case_row(case: Any) -> dict[str, Any]:
    """One co-simulated case as a row of a table."""
    error = 100 * (case.model_cycles / case.rtl_cycles - 1)
    return {
        "case": case.name,
        "RTL cycles": case.rtl_cycles,
        "model cycles": case.model_cycles,
        "error %": f"{error:+.2f}",
        "bound cycles": case.bound_cycles,
        "wrong bits": case.mismatches,
    }
