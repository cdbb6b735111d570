"""The synthesis flow: Verilog, Yosys, and place and route where the part has an open flow."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median_high
from typing import Any

from hdl.rtl import synthesis_top
from hdl.synth import counts, timing, tools
from hdl.synth.floorplan import floorplan
from hdl.synth.harness import HARNESS, harness
from hdl.synth.kept import Kept, default_cache
from hdl.synth.pack import pack_netlist
from hdl.synth.result import SynthError, SynthResult
from hdl.synth.targets import TARGETS, TOPS, Target
from hdl.verilog import ports

FLOW = "3"
"""Counted up when the flow changes, so that kept results of another flow are not taken."""

MINUTES = 30.0
"""What one placement may take; those of the shipped devices take 3 to 9 on one core."""

MOST_MINUTES = 10_000
"""A week: what the system's timers take, and more than any placement is worth."""

SEARCH_MHZ = 180
"""What placement aims at; above what these designs reach (for a slow one 30 changed nothing)."""

PLACERS = {
    "heap": ("--placer", "heap", "--router", "router1"),
    "static": ("--placer", "static", "--router", "router2"),
}
"""``static`` spreads cells by their density around placed multipliers, its router bargains."""

CONGESTED = ("edgemoe",)
"""Machines whose wide products congest the rows of multipliers: ``static`` unless asked."""


def synth(
    device: Any,
    target: str = "ecp5-85f",
    seeds: Sequence[int] = (1, 2, 3),
    *,
    top: str = "core",
    cache: Path | None = None,
    minutes: float = MINUTES,
    placer: str | None = None,
) -> SynthResult:
    """Synthesise ``device``'s RTL for ``target``; place and route once a seed where possible.

    A placement that has not ended after ``minutes`` is given up: the router can go in circles for
    one seed of a design that it routes with the next. ``placer`` is one of ``PLACERS``, by default
    the one that suits the machine. Results are kept in ``cache`` (by default the user's cache
    folder) by Verilog text, target, placer, seed and tool version. Raises ``SynthError`` where a
    tool is missing or the design does not fit.
    """
    placer = placer or ("static" if device.params.MACHINE in CONGESTED else "heap")
    _check(target, top, seeds, minutes, placer)
    part = TARGETS[target]
    module, verilog = synthesis_top(device.params, top, ecp5=bool(part.place))
    digest = hashlib.sha256(verilog.encode()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="archsim-synth-") as scratch:
        flow = _Flow(
            part, module, verilog, cache or default_cache(), Path(scratch), minutes, placer
        )
        cells = flow.cells()
        used = counts.resources(cells, target)
        _check_fit(device.name, part, used)
        placed = {seed: flow.place(seed) for seed in seeds} if part.place else {}
    routed = {seed: run for seed, run in placed.items() if run}
    fmax = [run["fmax_mhz"] for run in routed.values()]
    shown = median_high([*fmax, *[min(fmax)] * (len(placed) - len(fmax))]) if fmax else 0.0
    paths = {run["fmax_mhz"]: run["critical_path"] for run in routed.values()}
    return SynthResult(
        design=device.name, top=top, target=target, part=part.part, verilog_digest=digest,
        lut=int(used["lut"]), ff=int(used["ff"]), dsp=int(used["dsp"]), bram=used["bram"],
        uram=int(used["uram"]), fmax_mhz=tuple(fmax), seeds=tuple(routed),
        unrouted_seeds=tuple(seed for seed in placed if seed not in routed),
        critical_path=tuple(paths.get(shown, ())), cells=cells,
        capacity=part.capacity, tool_versions=flow.versions, notes=part.notes,
    )  # fmt: skip


def _check(target: str, top: str, seeds: Sequence[int], minutes: float, placer: str) -> None:
    if target not in TARGETS:
        names = ", ".join((*TARGETS, "osu018"))
        raise SynthError(f"target must be one of {names}, not {target!r}")
    if top not in TOPS:
        raise SynthError(f"top must be one of {', '.join(TOPS)}, not {top!r}")
    if placer not in PLACERS:
        raise SynthError(f"placer must be one of {', '.join(PLACERS)}, not {placer!r}")
    if not seeds:
        raise SynthError("seeds must be one or more numbers, not none")
    if not 0 < minutes <= MOST_MINUTES:
        raise SynthError(f"minutes must be above 0 and at most {MOST_MINUTES}, not {minutes:g}")


def _check_fit(design: str, part: Target, used: dict[str, float]) -> None:
    for name, count in used.items():
        if part.place and count > part.capacity[name]:
            raise SynthError(
                f"{design} must fit {part.part} ({part.capacity[name]} {name}), not need {count:g}"
            )


class _Flow:
    """One design on one part, with its results kept under ``cache``."""

    def __init__(
        self, part: Target, module: str, verilog: str, cache: Path, folder: Path, minutes: float,
        placer: str,
    ) -> None:  # fmt: skip
        self.part = part
        self.minutes = minutes
        self.placer = placer
        self.module = module
        self.verilog = verilog
        self.versions = {"yosys": tools.version(tools.YOSYS)}
        if part.place:
            self.versions["nextpnr"] = tools.version(tools.NEXTPNR)
        self.folder = folder
        wrapped = harness(module, ports(verilog, module)) if part.place else ""
        identity = [FLOW, part.command, *part.place, module, verilog, wrapped]
        self.kept = Kept(cache, [*identity, json.dumps(self.versions, sort_keys=True)])

    def cells(self) -> dict[str, int]:
        """Return the cells by type."""
        found: dict[str, int] = self.kept.get("cells", lambda: self._synthesise()[1])
        return found

    def place(self, seed: int) -> dict[str, Any] | None:
        """Return ``fmax_mhz`` and ``critical_path`` of one seed; None past the time limit."""
        try:
            name = f"{SEARCH_MHZ}/{seed}" + ("" if self.placer == "heap" else f"/{self.placer}")
            found: dict[str, Any] = self.kept.get(name, lambda: self._place(seed))
        except tools.TimeLimitError:
            return None
        return found

    def _synthesise(self) -> tuple[Path, dict[str, int]]:
        """Run Yosys once; return the folder with ``netlist.json`` and the cells."""
        folder = self.folder
        if not (folder / "stat.json").exists():
            (folder / "top.v").write_text(self.verilog)
            script = ["read_verilog top.v", f"{self.part.command} -top {self.module}"]
            script.append("tee -q -o stat.json stat -json")
            if self.part.place:
                wrapped = harness(self.module, ports(self.verilog, self.module))
                (folder / "harness.v").write_text(wrapped)
                script += ["read_verilog harness.v", f"hierarchy -top {HARNESS}", "flatten"]
                script += ["opt_clean -purge", "write_json netlist.json"]
            tools.run(tools.YOSYS, ["-q", "-p", "; ".join(script)], folder)
            if self.part.place:
                pack_netlist(folder / "netlist.json", HARNESS)
            if self.part.place and self.placer == "static":
                floorplan(folder / "netlist.json", HARNESS)
        return folder, counts.cells_by_type((folder / "stat.json").read_text())

    def _place(self, seed: int) -> dict[str, Any]:
        folder, _ = self._synthesise()
        arguments = [*self.part.place, "--json", "netlist.json", "--seed", str(seed), "-q"]
        arguments += ["--freq", str(SEARCH_MHZ), "--timing-allow-fail", "--lpf-allow-unconstrained"]
        arguments += [*PLACERS[self.placer], "--report", f"report_{seed}.json"]
        tools.run(tools.NEXTPNR, arguments, folder, self.minutes)
        report = json.loads((folder / f"report_{seed}.json").read_text())
        return {
            "fmax_mhz": round(timing.fmax_mhz(report), 2),
            "critical_path": timing.critical_path(report),
        }
