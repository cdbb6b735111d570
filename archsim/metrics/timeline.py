"""What every unit does when, and the trace-event file that Perfetto opens.

Slices of the tracks that tile (``Timeline.tiling``) follow each other without gap or overlap from 0
to the end: together they explain every nanosecond of the run. Events are those of the trace-event
format that Perfetto's trace processor reads without remark: complete events (``X``) and counters
(``C``) in whole nanoseconds, names as metadata (``M``), no key that its importer flags.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NS_PER_US = 1000

TRACKS = 1000
"""Numbers of tracks that a process has to itself: the trace processor takes a thread's number for
the machine's, so that tracks of two processes with one number would end each other, and it calls
the one with its process's number the main thread."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Something that ``track`` does from ``start_us`` to ``end_us``; ``args`` are for people.

    ``reason`` is the word of ``TERMS`` or the stall that bounds it, "" where it is work.
    """

    track: str
    name: str
    start_us: float
    end_us: float
    reason: str = ""
    args: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """One process of a trace: ``tracks`` in the order they are shown, and their slices.

    The slices of the tracks in each group of ``tiling`` tile the time from 0 to ``end_us``.
    ``counters`` maps a name with its unit to (µs, value) at every change.
    """

    title: str
    end_us: float
    tracks: Sequence[str]
    slices: Sequence[Slice]
    tiling: Sequence[Sequence[str]] = ()
    counters: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def untiled_us(self) -> float:
        """Return the largest gap or overlap of a tiling group, in microseconds."""
        worst = 0.0
        for group in self.tiling:
            at = 0.0
            mine = sorted((s for s in self.slices if s.track in group), key=lambda s: s.start_us)
            for piece in mine:
                worst = max(worst, abs(piece.start_us - at))
                at = piece.end_us
            worst = max(worst, abs(self.end_us - at))
        return worst


def trace_events(timelines: Iterable[Timeline]) -> Iterator[dict[str, Any]]:
    """Yield the events of a trace, a process for each timeline.

    Starts and ends are rounded to nanoseconds, so that what tiles does so in the file too; a
    slice that is shorter leaves its place to its neighbours.
    """
    for pid, timeline in enumerate(timelines, start=1):
        yield _named("process_name", pid, 0, timeline.title)
        order = {track: tid for tid, track in enumerate(timeline.tracks, start=TRACKS * pid + 1)}
        for track, tid in order.items():
            yield _named("thread_name", pid, tid, track)
            yield {"ph": "M", "pid": pid, "tid": tid, "name": "thread_sort_index",
                   "args": {"sort_index": tid}}  # fmt: skip
        for piece in timeline.slices:
            start, end = _ns(piece.start_us), _ns(piece.end_us)
            if end <= start:
                continue
            event = {
                "ph": "X", "pid": pid, "tid": order[piece.track], "ts": _us(start),
                "dur": _us(end - start), "name": piece.name, "cat": piece.reason or "work",
            }  # fmt: skip
            if piece.args:
                event["args"] = dict(piece.args)
            yield event
        for name, values in timeline.counters.items():
            for at, value in values:
                yield {"ph": "C", "pid": pid, "ts": _us(_ns(at)), "name": name,
                       "args": {"value": value}}  # fmt: skip


def write_trace(path: Path, timelines: Iterable[Timeline]) -> None:
    """Write a trace-event file, one event a line. ``OSError`` where it cannot be written."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"traceEvents":[')
        for place, event in enumerate(trace_events(timelines)):
            text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            file.write(f"{',' if place else ''}\n{text}")
        file.write("\n]}\n")


def _named(kind: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": pid, "tid": tid, "name": kind, "args": {"name": name}}


def _ns(us: float) -> int:
    return math.floor(us * NS_PER_US + 0.5)  # halves all go up, so lengths of 1 ns stay


def _us(ns: int) -> float | int:
    return ns // NS_PER_US if ns % NS_PER_US == 0 else ns / NS_PER_US
