"""The verbs of the instruction-level SM: kernel, microbench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.options import JsonOption

DeviceOption = Annotated[str, typer.Option(help="Device with an sm_timing section.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to ``app``."""
    app.command()(kernel)
    app.command()(microbench)


def kernel(
    target: Annotated[
        str, typer.Argument(metavar="FILE[::NAME]", help="Module of kernels, .ptx, .cubin, .sass.")
    ],
    device: DeviceOption = "h200",
    entry: Annotated[str, typer.Option(metavar="NAME", help="The kernel, as ::NAME.")] = "",
    launch: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="Grid, block and arguments of the kernel."),
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Trace events of the sample, for Perfetto.")
    ] = None,
    exact: Annotated[bool, typer.Option(help="Simulate every SM and CTA.")] = False,
    check: Annotated[
        bool, typer.Option(help="Execute every CTA with memory checks; check the outputs.")
    ] = False,
    json: JsonOption = None,
) -> int:
    """Cycles of Numba CUDA kernels on a GPU that is not there, from their machine code."""
    from archsim.app.kernel_verb import kernel_and_print

    return kernel_and_print(target, device, timeline, exact, check, json, entry, launch)


def microbench(
    file: Annotated[Path, typer.Argument(metavar="LIST.json", help="Records to predict.")],
    device: DeviceOption = "h200",
    json: JsonOption = None,
) -> None:
    """Latency and throughput of single instructions and memory paths, by simulated kernels."""
    from archsim.app.microbench import microbench_and_print

    microbench_and_print(file, device, json)
