"""The verbs around a run file: run, check, list, schema, report, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.options import JsonOption, OutputOption, SetOption


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to ``app``."""
    for verb in (run, check, report, compare, validate):
        app.command()(verb)
    app.command("list")(list_)
    app.command()(schema)


def run(
    file: Annotated[Path, typer.Argument(help="Run file, preset name or ONNX model.")],
    device: Annotated[
        str | None, typer.Option(help="Device name or file; needed with an ONNX model.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Batch size of an ONNX model.")] = None,
    overrides: SetOption = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Local processes.")] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET", help="Dask workers: tcp://HOST:PORT, local:N or slurm:FILE."
        ),
    ] = None,
    output: OutputOption = None,
    json: JsonOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run a very large sweep.")] = False,
    timeline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Timeline of the best design, for Perfetto."),
    ] = None,
) -> None:
    """Evaluate a run file's design points; finished points are kept and never run twice."""
    from archsim.app import running

    request = running.Request(
        file=file, device=device, batch=batch, overrides=tuple(overrides or ()),
        workers=workers, cluster=cluster, output=output, yes=yes,
    )  # fmt: skip
    running.run_and_print(request, json, timeline)


def check(
    file: Annotated[
        Path, typer.Argument(help="Run or device file, a preset's name, or ONNX model.")
    ],
    overrides: SetOption = None,
    device: Annotated[str | None, typer.Option(help="Device of an ONNX model.")] = None,
    json: JsonOption = None,
) -> None:
    """Validate a file and show the resolved design."""
    from archsim.app import checking

    checking.check_and_print(file, tuple(overrides or ()), device, json)


def list_(
    what: Annotated[
        str | None, typer.Argument(help="devices, workloads or presets; all if left out.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """List devices, workloads and presets."""
    from archsim.app import listing

    listing.list_and_print(what, json)


def schema(
    kind: Annotated[
        str, typer.Argument(help="run, published, or a machine: gpu, array, ngpc, edgemoe.")
    ] = "run",
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write all schemas there, as KIND.json.")
    ] = None,
) -> None:
    """Print the JSON Schema of run files, device files or published figures, for editors."""
    from archsim.app import listing

    listing.print_schema(kind, output)


def report(
    folder: Annotated[Path, typer.Argument(help="Output folder of an earlier run.")],
    rtl: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add what cosim or loop wrote with --json.")
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Add what validate --measured wrote with --json."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """Write the report of a finished run again, evaluating nothing."""
    from archsim.app import running

    running.report_and_print(folder, json, rtl, measured)


def compare(
    first: Annotated[Path, typer.Argument(help="Output folder of an earlier run.")],
    second: Annotated[Path, typer.Argument(help="Output folder of another run.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="HTML page of the comparison.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Put two finished runs side by side: fronts, common designs, operators, configuration."""
    from archsim.app import comparing

    comparing.compare_and_print(first, second, output, json)


def validate(
    device: Annotated[str | None, typer.Option(help="Device name or file.")] = None,
    measured: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Measured kernels to predict.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Measured whole models to predict.")
    ] = None,
    sustained: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Measured steady states to predict.")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Published figures to reproduce.")
    ] = None,
    kernels: Annotated[
        str, typer.Option(help="predicted: own choice of kernel; recorded: the measured one.")
    ] = "predicted",
    caches: Annotated[
        str, typer.Option(help="cold: L2 emptied before each run; warm: as the last run left it.")
    ] = "cold",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="HTML page of --measured, with the plot.")
    ] = None,
    json: JsonOption = None,
) -> int:
    """Predict measured or published figures and print the errors."""
    from archsim.app import validating

    files = {
        "measured": measured, "models": models, "sustained": sustained, "published": published,
    }  # fmt: skip
    return validating.validate_and_print(files, device, kernels, json, report, caches)
