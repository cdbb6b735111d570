"""``archsim synth``: resources and Fmax of a device file's hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.app.hardware import load_hardware
from archsim.app.output import print_table, write_json
from archsim.app.rtl import rtl_machine
from archsim.errors import ConfigError

RESOURCES = ("lut", "ff", "dsp", "bram", "uram")


def synth_and_print(
    file: Path,
    overrides: Sequence[str],
    target: str,
    top: str,
    seeds: int,
    minutes: float,
    placer: str | None,
    record: bool,
    json_file: Path | None,
) -> None:
    """Synthesise a device's RTL, print what it needs, and keep the counts if ``record``."""
    from hdl.synth import synth
    from hdl.synth.asic import TARGET
    from hdl.synth.run import PLACERS
    from hdl.synth.targets import TARGETS, TOPS

    _check_choice("--target", target, (*TARGETS, TARGET))
    _check_choice("--placer", placer or "heap", tuple(PLACERS))
    _check_choice("--top", top, TOPS)
    device = load_hardware(file, overrides)
    if target == TARGET:
        data = _standard_cells(device, top)
        if record:
            if data["power_w"] is None:
                raise ConfigError("--record must be with OpenSTA (scripts/system-packages sta)")
            energy = data["power_w"] / data["clock_mhz"] * 1e6  # W / MHz in pJ
            print(f"recorded in {rtl_machine(device).record(device, data | {'energy_pj': energy})}")
        write_json(json_file, data)
        return
    result = synth(
        device, target, tuple(range(1, seeds + 1)), top=top, minutes=minutes, placer=placer
    )
    data = result.to_dict()
    print_table(f"{device.name} ({top}) on {result.part}", resource_rows(data))
    if result.seeds or result.unrouted_seeds:
        print(_clock(data, minutes))
        for line in result.critical_path:
            print(f"  {line}")
    for note in result.notes:
        print(f"Limit: {note}.")
    print("Tools: " + ", ".join(result.tool_versions.values()))
    if record:
        print(f"recorded in {rtl_machine(device).record(device, data)}")
    write_json(json_file, data)


def parts_and_print(
    file: Path, overrides: Sequence[str], target: str, record: bool, json_file: Path | None
) -> None:
    """Print what each part of a device's RTL needs, and keep the counts if ``record``."""
    from hdl.synth import tools
    from hdl.synth.parts import count_parts
    from hdl.synth.targets import TARGETS

    _check_choice("--target", target, [n for n, part in TARGETS.items() if not part.place])
    device = load_hardware(file, overrides)
    parts = count_parts(device.params, target)
    total = {name: sum(part[name] for part in parts.values()) for name in RESOURCES}
    shown = [
        {"part": name, **{n: f"{counts[n]:g}" for n in RESOURCES}}
        for name, counts in {**parts, "sum": total}.items()
    ]
    print_table(f"{device.name}, part by part, on {TARGETS[target].part}", shown)
    print_table("sum of the parts", resource_rows({**total, "capacity": TARGETS[target].capacity}))
    versions = {"yosys": tools.version(tools.YOSYS)}
    data = {"target": target, "parts": parts, "tool_versions": versions}
    if record:
        print(f"recorded in {rtl_machine(device).record(device, data)}")
    write_json(json_file, {"design": device.name, **data})


def _clock(data: Mapping[str, Any], minutes: float) -> str:
    """Return the sentence on Fmax, its seeds and those that were not routed."""
    each = [f"{mhz:.1f}" for mhz in data["fmax_mhz"]]
    lost = [f"seed {seed} not routed in {minutes:g} min" for seed in data["unrouted_seeds"]]
    found = data["median_fmax_mhz"]
    said = "unknown" if found is None else f"{found:.1f} MHz"
    path = "; slowest path:" if each else ""
    return f"Fmax {said}, median of {', '.join(each + lost)}{path}"


def _check_choice(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ConfigError(f"{option} must be one of {', '.join(allowed)}, not {value!r}")


def _standard_cells(device: Any, top: str) -> dict[str, Any]:
    """Map to 180 nm cells and print it beside the estimates at smaller nodes."""
    from hdl.synth import synth_asic

    result = synth_asic(device, top=top)
    data = asdict(result)
    mapped = {**data, "node_nm": 180, "basis": "mapped, before layout"}
    print_table(
        f"{device.name} ({top}) in standard cells, power at {result.clock_mhz:g} MHz",
        [_node_row(row) for row in (mapped, *result.scaled)],
    )
    print(f"{result.cells} cells, {result.memory_bits} bits of memory")
    if result.fmax_mhz is None:
        print("Not run: timing and power (OpenSTA is not installed, scripts/system-packages sta)")
    for note in result.notes:
        print(f"Limit: {note}.")
    return {**data, "scaled": list(result.scaled), "notes": list(result.notes)}


def _node_row(row: Mapping[str, Any]) -> dict[str, Any]:
    fmax, power = row["fmax_mhz"], row["power_w"]
    return {
        "node nm": row["node_nm"],
        "basis": row["basis"],
        "logic mm2": f"{row['area_um2'] / 1e6:.4g}",
        "memory mm2 (estimated)": f"{row['memory_area_um2'] / 1e6:.4g}",
        "Fmax MHz": "-" if fmax is None else f"{fmax:.0f}",
        "power mW": "-" if power is None else f"{1e3 * power:.3g}",
    }


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
