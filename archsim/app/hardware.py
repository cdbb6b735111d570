"""``archsim generate``, ``cosim``, ``synth`` and ``loop``: a device file's hardware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.app.output import print_table, write_json
from archsim.app.progress import spinner
from archsim.app.rtl import MACHINES, CosimRequest, case_row, checked_simulator, rtl_machine
from archsim.config import Device, is_device_file, load_device, load_run
from archsim.errors import ConfigError


def load_hardware(file: Path, overrides: Sequence[str] = ()) -> Any:
    """Return the device of a device file, a device's name or a run file; it must have RTL."""
    device: Device
    if file.suffix.lower() not in (".yaml", ".yml") or is_device_file(file):
        device = load_device(str(file), tuple(overrides))
    else:
        from archsim.app.vocabulary import vocabulary

        device = load_run(file, tuple(overrides), vocabulary()).device
    machine = getattr(device, "machine", "")
    if machine not in MACHINES:
        raise ConfigError(
            f"{file}: the device must have RTL (machine: {' or '.join(MACHINES)}), not {machine!r}"
        )
    return device


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
    """Co-simulate a device; 1 where a bit differs from the functional model."""
    request = CosimRequest(tuple(gemms), checked_simulator(simulator), seed)
    device = load_hardware(file, overrides)
    with spinner(f"simulating {device.name} on {simulator}"):
        cases = rtl_machine(device).cosim(device, request)
    print_table(f"{device.name} on {simulator}, seed {seed}", [case_row(c) for c in cases])
    write_json(json_file, {"cases": [case.to_dict() for case in cases]})
    return 0 if all(case.mismatches == 0 for case in cases) else 1


def loop_and_print(file: Path, overrides: Sequence[str], json_file: Path | None) -> int:
    """Close the loop for one design: model against RTL, RTL against reference, against a GPU.

    1 where a bit differs, or where the model is over 1 % from the RTL.
    """
    device = load_hardware(file, overrides)
    with spinner(f"simulating {device.name}"):
        loop = rtl_machine(device).loop(device)
    for title, rows in loop.tables:
        print_table(title, rows)
    bits, cycles = ("agree" if good else "DIFFER" for good in (loop.exact, loop.close))
    print(f"bits {bits}, cycles {cycles}")
    write_json(json_file, loop.data)
    return 0 if loop.exact and loop.close else 1
