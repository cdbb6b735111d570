"""``archsim synth``: resources and Fmax of a device file's hardware."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archsim.app.hardware import load_hardware
from archsim.app.output import print_table, write_json
from archsim.app.rtl import rtl_machine

RESOURCES = ("lut", "ff", "dsp", "bram", "uram")


def synth_and_print(
    file: Path,
    overrides: Sequence[str],
    target: str,
    top: str,
    seeds: int,
    record: bool,
    json_file: Path | None,
) -> None:
    """Synthesise a device's RTL, print what it needs, and keep the counts if ``record``."""
    from hdl.synth import synth

    device = load_hardware(file, overrides)
    result = synth(device, target, tuple(range(1, seeds + 1)), top=top)
    data = result.to_dict()
    print_table(f"{device.name} ({top}) on {result.part}", resource_rows(data))
    if result.fmax_mhz:
        each = ", ".join(f"{mhz:.1f}" for mhz in result.fmax_mhz)
        print(f"Fmax {data['median_fmax_mhz']:.1f} MHz, median of {each}; slowest path:")
        for line in result.critical_path:
            print(f"  {line}")
    for note in result.notes:
        print(f"Limit: {note}.")
    print("Tools: " + ", ".join(result.tool_versions.values()))
    if record:
        print(f"recorded in {rtl_machine(device).record(device, data)}")
    write_json(json_file, data)


def resource_rows(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row a resource: used, available, percent."""
    return [
        {
            "resource": name,
            "used": f"{data[name]:g}",
            "of": data["capacity"][name],
            "%": f"{100 * data[name] / data['capacity'][name]:.1f}"
            if data["capacity"][name]
            else "-",
        }
        for name in RESOURCES
    ]
