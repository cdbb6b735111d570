"""A progress bar that appears only where something takes over a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archsim.sweep.run import SweepProgress

PATIENCE_S = 1.0


@contextmanager
def progress_bar() -> Iterator[Callable[[SweepProgress], None]]:
    """Yield the callback of a sweep; it draws on standard error if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    console = Console(file=sys.stderr)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("points")

    def tell(progress: SweepProgress) -> None:
        if not bar.live.is_started and time.monotonic() - began > PATIENCE_S:
            bar.start()
        bar.update(task, description=progress.phase, completed=progress.done, total=progress.total)

    try:
        yield tell
    finally:
        bar.stop()
