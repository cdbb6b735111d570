"""The command line. Every error of the user's input is one sentence and exit code 2."""

from __future__ import annotations

import gc
import io
import sys

import typer

from archsim.cli import explore, graphics, hardware, kernels, silicon
from archsim.errors import ArchsimError

UsageError = typer.BadParameter.__bases__[0]  # typer re-exports only this leaf of its exceptions

app = typer.Typer(
    name="archsim",
    help="Simulate and generate hardware from one YAML design point.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
explore.register(app)
hardware.register(app)
graphics.register(app)
silicon.register(app)
kernels.register(app)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code (0 done, 1 a row missed, 2 bad input)."""
    try:
        result = app(arguments, standalone_mode=False, prog_name="archsim")
    except ArchsimError as error:
        return _fail(str(error), error.exit_code)
    except UsageError as error:  # type: ignore[misc]  # mypy cannot follow __bases__
        return _fail(error.format_message(), 2)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted; finished points are kept, the same command resumes", 130)
    except BrokenPipeError:
        return 0
    return result if isinstance(result, int) else 0


GC_THRESHOLD = 100_000
"""Objects made before the collector looks: imports and elaboration make many and drop few."""


def entry() -> None:
    """Run as a program; a terminal that lacks a character shows another in its place."""
    gc.set_threshold(GC_THRESHOLD)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(main())


def _fail(message: str, code: int) -> int:
    print(f"archsim: {' '.join(message.split())}", file=sys.stderr)
    return code
