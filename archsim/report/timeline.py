"""A timeline's trace events as columns for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MAX_SLICES = 4_000
"""Slices embedded, in order of time; the page says how many it leaves out."""


def embedded(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first process of a trace: its title, tracks, and slices as columns.

    ``slices`` holds, per column, the place of the track, of the name and of the category in
    their lists, and start and duration in µs.
    """
    first = min((event["pid"] for event in events), default=0)
    own = [event for event in events if event["pid"] == first]
    named = {
        (event["name"], event["tid"]): str(event["args"]["name"])
        for event in own
        if event["ph"] == "M" and event["name"] in ("process_name", "thread_name")
    }
    tracks = {tid: name for (kind, tid), name in named.items() if kind == "thread_name"}
    place = {tid: at for at, tid in enumerate(tracks)}
    slices = sorted((e for e in own if e["ph"] == "X"), key=lambda e: (e["ts"], e["tid"]))
    names: dict[str, int] = {}
    kinds: dict[str, int] = {}
    columns: dict[str, list[Any]] = {c: [] for c in ("track", "name", "kind", "ts", "dur")}
    for event in slices[:MAX_SLICES]:
        columns["track"].append(place[event["tid"]])
        columns["name"].append(names.setdefault(str(event["name"]), len(names)))
        columns["kind"].append(kinds.setdefault(str(event["cat"]), len(kinds)))
        columns["ts"].append(event["ts"])
        columns["dur"].append(event["dur"])
    return {
        "title": named.get(("process_name", 0), ""),
        "tracks": list(tracks.values()),
        "names": list(names),
        "kinds": list(kinds),
        "slices": columns,
        "left_out": max(0, len(slices) - MAX_SLICES),
    }
