"""The verbs around real GPUs: measure, calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.options import JsonOption


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to ``app``."""
    app.command()(measure)
    app.command()(calibrate)


def measure(
    suite: Annotated[
        str, typer.Option(help="Comma list of suites, such as operators,models.")
    ] = "operators",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Dataset; a folder for several suites.")
    ] = None,
    budget: Annotated[
        float, typer.Option(min=1.0, max=86400.0, help="Seconds for everything.")
    ] = 600.0,
    golden: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Record golden vectors of the CUDA kernels instead."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Measure suites on this machine's NVIDIA GPU into datasets with provenance."""
    from archsim.app import silicon

    silicon.measure_and_print(suite, output, budget, golden, json)


def calibrate(
    data: Annotated[
        Path, typer.Argument(help="Dataset of archsim measure, or published figures (.yaml).")
    ],
    device: Annotated[str, typer.Option(help="Device name or file to start from.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The new device file.")],
    constant: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Fit this constant, such as memory.read_fraction."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=200, help="Most constants that are fitted.")] = 24,
    json: JsonOption = None,
) -> None:
    """Fit a device's constants to measurements and write them, with provenance, as a new file."""
    from archsim.app import silicon
    from archsim.app.calibrating import Options

    options = Options(data, device, output, tuple(constant or ()), most)
    silicon.calibrate_and_print(options, json)
