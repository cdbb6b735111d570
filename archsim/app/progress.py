"""Progress on anything that takes over a second, drawn on standard error if that is a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only verbs that sweep need it
    from archsim.sweep.run import SweepProgress

PATIENCE_S = 1.0


@contextmanager
def progress_bar() -> Iterator[Callable[[SweepProgress], None]]:
    """Yield the callback of a sweep, which moves a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    console = Console(file=sys.stderr)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("starting (a first run compiles the models)", total=None)

    def tell(progress: SweepProgress) -> None:
        bar.update(task, description=progress.phase, completed=progress.done, total=progress.total)

    with _after_a_second(bar.start, bar.stop):
        yield tell


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Show that ``what`` is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    status = Console(file=sys.stderr).status(what)
    with _after_a_second(status.start, status.stop):
        yield


@contextmanager
def _after_a_second(start: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """Call ``start`` once the body has run for a second, and ``stop`` at its end."""
    timer = threading.Timer(PATIENCE_S, start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        stop()
