"""Standard cells: area, Fmax before layout and power at 180 nm, and estimates at smaller nodes.

Yosys maps to Oklahoma State University's 180 nm cells (Debian's ``qflow-tech-osu018``), OpenSTA
times the netlist and adds up its power. Memories stay black boxes and are estimated by their bits.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.config.node_scaling import NODES, factors
from archsim.config.standard_cells import BITCELL_UM2, MEMORY_FACTOR, memory_um2
from hdl.lib.memory import MODULE
from hdl.rtl import synthesis_top
from hdl.synth import tools
from hdl.synth.kept import Kept, default_cache
from hdl.synth.result import SynthError

TARGET = "osu018"
LIBERTY = "osu018_stdcells.lib"
PLACES = (
    Path("/usr/share/qflow/tech/osu018"),
    Path(__file__).parents[2] / "build" / "system" / "usr" / "share" / "qflow" / "tech" / "osu018",
)
"""Where the package puts the liberty file, installed or unpacked by ``scripts/system-packages``."""

STA = "sta"
ACTIVITY = 0.1
"""Changes of a signal in a cycle, assumed for every net."""

PERIOD_NS = 10.0
"""Of the clock that power is computed at; dynamic power is proportional to the frequency."""

NOTES = (
    "logic is mapped to 180 nm standard cells without layout: no wires in area, Fmax or power",
    f"power assumes that every signal changes {ACTIVITY} times a cycle, and leaves memories out",
    f"memories are not compiled: {BITCELL_UM2} um2 a bit times {MEMORY_FACTOR}, an estimate",
    "45 nm and 7 nm are estimates, scaled from 180 nm (Stillmaker and Baas, Integration 58, 2017): "
    "dynamic power only",
)


@dataclass(frozen=True)
class AsicResult:
    """A design in standard cells. None where OpenSTA is missing.

    ``fmax_mhz`` is before layout; ``power_w`` at ``clock_mhz``, the device's or Fmax where that is
    less; ``scaled`` has a row a node with ``basis`` estimated, power at the same clock.
    """

    design: str
    top: str
    target: str
    clock_mhz: float
    cells: int
    area_um2: float
    sequential_area_um2: float
    memory_bits: int
    memory_area_um2: float
    fmax_mhz: float | None
    power_w: float | None
    scaled: tuple[dict[str, Any], ...]
    tool_versions: dict[str, str]
    notes: tuple[str, ...] = NOTES


def synth_asic(device: Any, *, top: str = "core", cache: Path | None = None) -> AsicResult:
    """Map ``device``'s RTL to 180 nm cells; ``SynthError`` where the cells or Yosys are missing."""
    liberty = find_liberty()
    module, verilog = synthesis_top(device.params, top, False)
    versions = {"yosys": tools.version(tools.YOSYS)}
    digest = hashlib.sha256(liberty.read_bytes()).hexdigest()
    kept = Kept(cache or default_cache(), ("osu018-1", module, verilog, digest, str(versions)))
    with tempfile.TemporaryDirectory(prefix="archsim-asic-") as scratch:
        flow = _Flow(Path(scratch), module, verilog, liberty)
        areas = kept.get("areas", flow.areas)
        timed = kept.get("timing", flow.timing) if shutil.which(STA) else None
    clock = float(device.clock.frequency_hz) / 1e6
    bits = memory_bits(verilog)
    fmax = power = None
    if timed is not None:
        fmax = 1e3 / (PERIOD_NS - timed["slack_ns"])
        clock = min(clock, fmax)
        power = timed["dynamic_w"] * clock * PERIOD_NS / 1e3 + timed["leakage_w"]
    memory = memory_um2(bits)
    return AsicResult(
        design=device.name, top=top, target=TARGET, clock_mhz=clock, cells=areas["cells"],
        area_um2=areas["area"], sequential_area_um2=areas["sequential"], memory_bits=bits,
        memory_area_um2=memory, fmax_mhz=fmax, power_w=power,
        scaled=tuple(_scaled(areas["area"], memory, fmax, power)), tool_versions=versions,
    )  # fmt: skip


def find_liberty() -> Path:
    """Return the cells' liberty file; ``SynthError`` where it is not installed."""
    for folder in PLACES:
        if (folder / LIBERTY).is_file():
            return folder / LIBERTY
    raise SynthError(f"{LIBERTY} must be installed for {TARGET} (scripts/system-packages osu018)")


def memory_bits(verilog: str) -> int:
    """Return the bits of all memories that ``verilog`` instantiates."""
    instances = re.findall(rf"^ *{MODULE} #\((.*?)\) \w+", verilog, re.DOTALL | re.MULTILINE)
    found = [dict(re.findall(r"\.(\w+)\((?:32'd|32'sd)?(\d+)\)", text)) for text in instances]
    return sum(int(sizes["WIDTH"]) * int(sizes["DEPTH"]) for sizes in found)


def _scaled(
    logic: float, memory: float, fmax: float | None, power: float | None
) -> list[dict[str, Any]]:
    """Return the estimates at each smaller node, at the same clock."""
    rows = []
    for node in NODES:
        by = factors(node)
        rows.append({
            "node_nm": node.nm, "basis": "estimated", "volts": node.volts,
            "area_um2": logic * by["area"], "memory_area_um2": memory * by["area"],
            "fmax_mhz": None if fmax is None else fmax / by["delay"],
            "power_w": None if power is None else power * by["energy"],
        })  # fmt: skip
    return rows


class _Flow:
    """One design in a scratch folder."""

    def __init__(self, folder: Path, module: str, verilog: str, liberty: Path) -> None:
        self.folder = folder
        self.module = module
        (folder / "top.v").write_text(verilog)
        shutil.copy(liberty, folder / "cells.lib")

    def areas(self) -> dict[str, Any]:
        """Map; return ``cells``, ``area`` and ``sequential`` area in um2."""
        self._map()
        design = json.loads((self.folder / "stat.json").read_text())["design"]
        memories = design["num_cells_by_type"].get(MODULE, 0)
        return {
            "cells": design["num_cells"] - memories, "area": design["area"],
            "sequential": design["sequential_area"],
        }  # fmt: skip

    def timing(self) -> dict[str, float]:
        """Return the slack at ``PERIOD_NS`` and the power there, dynamic and leakage."""
        self._map()
        (self.folder / "run.tcl").write_text("\n".join([
            "read_liberty cells.lib", "read_verilog flat.v", f"link_design {self.module}",
            f"create_clock -name clk -period {PERIOD_NS} [get_ports clk]",
            f"set_power_activity -global -activity {ACTIVITY} -duty 0.5",
            "report_worst_slack -digits 4", "report_power -digits 6", "exit",
        ]))  # fmt: skip
        done = subprocess.run(
            [STA, "-exit", "-no_splash", "run.tcl"], cwd=self.folder, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        slack = re.search(r"worst slack (-?[\d.]+)", done.stdout)
        total = re.search(r"^Total +(\S+) +(\S+) +(\S+)", done.stdout, re.MULTILINE)
        if slack is None or total is None:
            raise SynthError(f"{STA} failed: {(done.stdout + done.stderr)[-300:]}")
        internal, switching, leakage = (float(text) for text in total.groups())
        return {
            "slack_ns": float(slack.group(1)), "dynamic_w": internal + switching,
            "leakage_w": leakage,
        }  # fmt: skip

    def _map(self) -> None:
        if (self.folder / "flat.v").exists():
            return
        script = [
            "read_verilog top.v", f"blackbox {MODULE}", f"synth -top {self.module}",
            "setattr -unset init w:*", "dfflibmap -liberty cells.lib", "abc -liberty cells.lib",
            "opt_clean -purge", "tee -q -o stat.json stat -json -liberty cells.lib",
            f"setparam -unset WIDTH -unset DEPTH -unset ADDRESS t:{MODULE}", "flatten",
            "splitnets", "opt_clean -purge", "write_verilog -noattr -noexpr -nohex flat.v",
        ]  # fmt: skip
        tools.run(tools.YOSYS, ["-q", "-p", "; ".join(script)], self.folder)
