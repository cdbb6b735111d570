"""The timeline of a design for Perfetto (ui.perfetto.dev): what every unit does when."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archsim.app.machines import timeline
from archsim.app.workload import build_graph
from archsim.config import Design
from archsim.errors import ConfigError
from archsim.metrics.timeline import Timeline, write_trace

TIMELINE = "timeline.json"
"""The timeline of a run's best design, in its output folder."""


def design_timeline(context: Mapping[str, Any], overrides: Mapping[str, Any]) -> Timeline:
    """Return the timeline of the design that ``overrides`` make of a run's ``context``."""
    point = Design.from_context(context).point(overrides)
    return timeline(point.device, point.execution, build_graph(point.workload))


def keep_timeline(folder: Path, made: Timeline | None) -> None:
    """Keep the timeline of a run's best design in its ``folder``, None where it has none."""
    file = folder / TIMELINE
    if made is None:
        file.unlink(missing_ok=True)
        return
    partial = file.with_name(file.name + ".partial")
    write_trace(partial, [made])
    partial.replace(file)


def kept_events(folder: Path) -> list[dict[str, Any]]:
    """Return the trace events kept in ``folder``; none where there is no file."""
    file = folder / TIMELINE
    try:
        events: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["traceEvents"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(f"{file} must be a trace as a run writes it; run it again") from None
    return events


def copy_timeline(folder: Path, file: Path) -> None:
    """Copy the kept timeline to ``file``, where the user asked for it."""
    kept = folder / TIMELINE
    if not kept.exists():
        raise ConfigError(
            "--timeline must be of a run with a design that finished, not of this one"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, file)
    except OSError as error:
        raise _unwritable(file, error) from None
    print(file)


def write_timelines(file: Path, timelines: Iterable[Timeline]) -> None:
    """Write a trace-event file and print its name."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_trace(file, timelines)
    except OSError as error:
        raise _unwritable(file, error) from None
    print(file)


def _unwritable(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"--timeline: {file} must be a file that can be written ({error.strerror or error})"
    )
