"""The verb of neural-graphics devices: render."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.options import JsonOption, SetOption


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to ``app``."""
    app.command()(render)


def render(
    application: Annotated[str, typer.Argument(help="nerf, nsdf, nvr or gia.")],
    device: Annotated[str, typer.Option(help="Device name or file of machine ngpc.")],
    overrides: SetOption = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Pixels.")] = "256x192",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG picture.")] = None,
    through: Annotated[
        str, typer.Option(help="reference, or rtl: every sample through the simulated RTL too.")
    ] = "reference",
    levels: Annotated[
        int | None, typer.Option(help="Keep so many of the coarsest levels, others at their mean.")
    ] = None,
    json: JsonOption = None,
) -> int:
    """Draw a frame in the hardware's integers; print PSNR beside float and the ground truth."""
    from archsim.app import rendering

    return rendering.render_and_print(
        application, device, overrides or (), size, output, json, through, levels
    )
