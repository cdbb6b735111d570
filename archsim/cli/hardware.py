"""The verbs around a device file's hardware: generate, cosim, synth, loop."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to ``app``."""
