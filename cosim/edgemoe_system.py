"""Co-simulation of the whole Edge-MoE accelerator: descriptor lists over AXI."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints
from archsim.functional.edgemoe import Encoder
from archsim.functional.edgemoe.weights import Weights
from archsim.mapping.edgemoe_program import Program, build
from archsim.models.edgemoe.controller import Bus, Prediction, predict
from cosim import axi_run
from cosim.axi_run import MemoryAgent
from cosim.design import open_design
from cosim.errors import CosimError
from cosim.place import build_folder
from hdl.edgemoe.registers import IDENTITY, REGISTERS, TOP

OFFSETS = {register.name: register.offset for register in REGISTERS}
DONE = 2
"""The status register after a list that ended as it must."""

UNITS = ("embed", "norm", "linear", "attention", "gate", "expert", "output")


@dataclass(frozen=True)
class Part:
    """Cycles of one unit, or of all, in a list: of the RTL and as predicted."""

    name: str
    unit: str
    rtl_cycles: int
    model_cycles: int
    bound_cycles: int
    mismatches: int
    seed: int
    design_digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class SystemRun:
    """A list on the RTL: its counters, the tokens it left for each image, beats it read."""

    counters: dict[str, int]
    tokens: tuple[Ints, ...]
    read_beats: int


class System:
    """The compiled accelerator of ``params``; ``folder`` as ``cosim.design.open_design``."""

    def __init__(self, params: EdgeMoeParams, folder: Path | None = None) -> None:
        design = open_design(params, folder)
        self.params = params
        self.digest = design.manifest.design_digest
        self.program = axi_run.build(design.verilog, TOP, build_folder() / "cosim")

    def run(self, program: Program, agent: MemoryAgent) -> SystemRun:
        """Run ``program``'s list until its interrupt; ``CosimError`` for a bad status."""
        start = program.list_address
        writes = [("list_low", start & 0xFFFFFFFF), ("list_high", start >> 32), ("control", 3)]
        asked = [register.offset for register in REGISTERS]
        found = axi_run.run(
            self.program, program.image, [(OFFSETS[n], v) for n, v in writes], asked, agent
        )
        values = dict(zip(OFFSETS, found.registers, strict=True))
        expected = {"status": DONE, "identity": IDENTITY}
        expected["parameters"] = int(self.params.digest[:8], 16)
        for name, value in expected.items():
            if values[name] != value:
                raise CosimError(f"register {name} must be {value:#x}, not {values[name]:#x}")
        counters = {
            name.removesuffix("_cycles"): value
            for name, value in values.items()
            if name.endswith("_cycles")
        }
        if counters["cycles"] != counters["fetch"] + sum(counters[unit] for unit in UNITS):
            raise CosimError("the counters of the units must add up to cycles")
        images = range(len(program.results))
        tokens = tuple(program.tokens(found.memory, number) for number in images)
        return SystemRun(counters, tokens, found.read_beats)


@dataclass(frozen=True)
class Case:
    """Images with their tasks on one set of weights, in one list."""

    name: str
    weights: Weights
    images: tuple[tuple[Ints, int], ...]


def simulate(system: System, case: Case, agent: MemoryAgent) -> tuple[SystemRun, list[Part]]:
    """Run ``case`` and compare bits with the reference, cycles with the model.

    Only an agent that never pauses and whose latency is fixed has predicted cycles.
    """
    params = system.params
    program = build(params, case.weights, case.images)
    exact, routings = reference(params, case)
    found = system.run(program, agent)
    wrong = sum(int((a != b).sum()) for a, b in zip(exact, found.tokens, strict=True))
    bus = Bus(agent.latency[0], agent.beats_per_cycle)
    predicted = predict(params, [step.fields for step in program.steps], routings, bus)
    return found, parts(system, case.name, found, predicted, wrong, agent.seed)


def reference(params: EdgeMoeParams, case: Case) -> tuple[list[Ints], list[list[int]]]:
    """Return each image's tokens, and for each gate in order the tokens of every expert."""
    encoder = Encoder(params, case.weights)
    routings: list[list[int]] = []

    def watch(name: str, value: Any) -> None:
        if name.endswith("gate.experts"):
            routings.append(np.bincount(value.ravel(), minlength=params.experts).tolist())

    return [encoder(pixels, task, watch) for pixels, task in case.images], routings


def parts(
    system: System, name: str, found: SystemRun, predicted: Prediction, wrong: int, seed: int
) -> list[Part]:
    """Return a row for the whole list, then one for each unit."""
    model, rtl = predicted.counters(), found.counters
    bounds = predicted.bounds
    rows = [("cycles", name, max(sum(bounds.values()), found.read_beats), wrong)]
    rows += [(unit, f"{name}: {unit}", bounds[unit], 0) for unit in UNITS if rtl[unit]]
    return [
        Part(label, "encoder" if unit == "cycles" else unit, rtl[unit], model[unit], least, bad,
             seed, system.digest)
        for unit, label, least, bad in rows
    ]  # fmt: skip


def forced(params: EdgeMoeParams, weights: Weights, spread: str) -> Weights:
    """Return ``weights`` whose gates send tokens where ``spread`` says, whatever the image.

    ``one``: all to expert 0, their second choice is expert 1. ``none``: second choices are experts
    1 or 2 by the sign of an element, so that those behind have none.
    """
    arrays = dict(weights.arrays)
    one = 1 << params.formats.norm.fraction_bits
    half = (1 << params.formats.weight.bits - 1) - 1
    for name in [n for n in arrays if n.endswith("gate.weight")]:
        block = name.removesuffix("gate.weight")
        offset = arrays[block + "norm2.offset"].copy()
        offset[0] = 8 * one  # above all that a normalised element can be
        gate = np.zeros_like(arrays[name])
        gate[:, :, 0] = -half
        gate[:, 0, 0] = half
        if spread == "one":
            gate[:, 1, 0] = half // 2
        else:
            gate[:, 1:3, 0] = 0
            gate[:, 1, 1], gate[:, 2, 1] = half, -half
        arrays[name], arrays[block + "norm2.offset"] = gate, offset
    return Weights(arrays)


def default_cases(params: EdgeMoeParams, weights: Weights, seed: int) -> list[Case]:
    """Return noise images: every task, then the forced routings."""
    shape = (params.channels, params.image_height, params.image_width)
    draw = np.random.Generator(np.random.PCG64([seed]))
    images = tuple((draw.integers(0, 256, shape), task) for task in range(params.tasks))
    found = [Case("every task", weights, images)]
    for spread in ("one", "none") if params.experts > 3 and params.top_k == 2 else ():
        made = forced(params, weights, spread)
        found.append(Case(f"routing {spread}", made, images[:1]))
    return found
