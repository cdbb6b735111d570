"""``archsim measure`` and ``archsim calibrate``: datasets of a GPU, devices fitted to them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from archsim.app.output import write_json
from archsim.app.progress import spinner
from archsim.errors import ConfigError


def measure_and_print(
    suites: str, output: Path | None, budget_s: float, golden: Path | None, json_file: Path | None
) -> None:
    """Measure the suites (comma list) into ``output``, or record golden vectors into ``golden``."""
    if (output is None) == (golden is None):
        given = "neither" if output is None else "both"
        raise ConfigError(f"measure must be given one of --output and --golden, not {given}")
    if golden is not None:
        files = _golden(golden)
    else:
        files = _suites(suites, Path(str(output)), budget_s)
    for file in files:
        print(file)
    write_json(json_file, {"files": [str(file) for file in files]})


def _suites(suites: str, output: Path, budget_s: float) -> list[Path]:
    from workloads import measure

    names = [name.strip() for name in suites.split(",")]
    for name in names:
        if name not in measure.names():
            raise ConfigError(f"--suite must be of {', '.join(measure.names())}, not {name!r}")
    if len(set(names)) < len(names):
        raise ConfigError(f"--suite must name each suite once, not {suites!r}")
    if len(names) == 1 and output.is_dir():
        output = output / f"{names[0]}.json"
    if len(names) > 1 and output.is_file():
        raise ConfigError(f"--output must be a folder for several suites, not the file {output}")
    with spinner(f"measuring {', '.join(names)}"):
        return measure.main(names, output, budget_s)


def _golden(folder: Path) -> list[Path]:
    from workloads.measure import NoGpuError

    try:
        numba: Any = importlib.import_module("numba")
        cuda: Any = importlib.import_module("numba.cuda")
    except ImportError:
        raise NoGpuError(
            "recording must have Numba's CUDA target, but numba.cuda cannot be imported"
        ) from None
    if numba.config.ENABLE_CUDASIM or not cuda.is_available():
        raise NoGpuError("recording must have an NVIDIA GPU and its driver, but CUDA finds none")
    from archsim.frontend.toolchain import assemble
    from workloads.kernels.compiled import compile_kernels
    from workloads.kernels.golden import record

    kernels = compile_kernels(lambda text, arch: assemble(text, arch, lines=False))
    recorded: list[Path] = record(folder, kernels)
    return recorded


def calibrate_and_print(options: Any, json_file: Path | None) -> None:
    """Fit a device's constants to a dataset or published figures; write the new device file."""
    from rich.console import Console

    from archsim.app.calibrating import calibrate
    from archsim.report.terminal_calibrate import render_calibration

    result = calibrate(options)
    Console().print(render_calibration(result))
    print(options.output)
    write_json(json_file, result.to_dict())
