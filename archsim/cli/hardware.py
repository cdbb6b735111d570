"""The verbs around a device file's hardware: generate, cosim, synth, loop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.options import JsonOption, OutputOption, SetOption

DeviceArgument = Annotated[Path, typer.Argument(help="Device file or name, or a run file.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to ``app``."""
    app.command()(generate)
    app.command()(cosim)
    app.command()(synth)
    app.command()(loop)


def generate(
    file: DeviceArgument,
    overrides: SetOption = None,
    output: OutputOption = None,
    json: JsonOption = None,
) -> None:
    """Write Verilog, manifest, constraints and integration files of a device."""
    from archsim.app import hardware

    hardware.generate_and_print(file, tuple(overrides or ()), output, json)


def cosim(
    file: DeviceArgument,
    overrides: SetOption = None,
    gemm: Annotated[
        list[str] | None, typer.Option(metavar="MxKxN", help="A product; may be repeated.")
    ] = None,
    sim: Annotated[
        str, typer.Option(help="verilator (compiled), cocotb-verilator or icarus.")
    ] = "verilator",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the operands.")] = 0,
    json: JsonOption = None,
) -> int:
    """Simulate the RTL: its bits against the reference, its cycles against the model."""
    from archsim.app import hardware

    return hardware.cosim_and_print(file, tuple(overrides or ()), gemm or (), sim, seed, json)


def loop(
    file: DeviceArgument,
    overrides: SetOption = None,
    json: JsonOption = None,
) -> int:
    """Compare model, RTL, reference and recorded GPU results of one design."""
    from archsim.app import hardware

    return hardware.loop_and_print(file, tuple(overrides or ()), json)


def synth(
    file: DeviceArgument,
    overrides: SetOption = None,
    target: Annotated[
        str,
        typer.Option(
            help="ecp5-85f (placed and routed), xcup or xc7 (counts only), osu018 (180 nm cells)."
        ),
    ] = "ecp5-85f",
    top: Annotated[
        str, typer.Option(help="core (array, buffers, control) or axi (that with AXI ports).")
    ] = "core",
    seeds: Annotated[int, typer.Option(min=1, help="Placements; Fmax is their median.")] = 3,
    minutes: Annotated[
        float, typer.Option(help="Time limit of a placement; one given up counts as slowest.")
    ] = 30.0,
    placer: Annotated[
        str | None,
        typer.Option(help="heap, or static for congested designs (default: by the machine)."),
    ] = None,
    parts: Annotated[
        bool,
        typer.Option("--parts", help="Counts of each part of the design, synthesised for itself."),
    ] = False,
    record: Annotated[
        bool,
        typer.Option("--record", help="Add the counts to those that the FPGA model is fit to."),
    ] = False,
    json: JsonOption = None,
) -> None:
    """Synthesise the RTL: resources, and on ECP5 post-route Fmax with the slowest path."""
    from archsim.app import synthesis

    chosen = tuple(overrides or ())
    if parts:
        synthesis.parts_and_print(file, chosen, target, record, json)
        return
    synthesis.synth_and_print(file, chosen, target, top, seeds, minutes, placer, record, json)
