"""An image's timeline as trace events: a track for every unit, one for what is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.graph import Graph
from archsim.mapping.edgemoe import Phase
from archsim.models.edgemoe.timing import PhaseCycles

_US = 1e6
WAITING = "waiting"


def trace_events(
    timed: Sequence[tuple[Phase, PhaseCycles]], graph: Graph, device: EdgeMoeDevice
) -> list[dict[str, Any]]:
    """Return Chrome trace events; the tracks' intervals tile the image's time.

    A phase first waits (for the first word, for weights), then its unit works.
    """
    scale = _US / float(device.clock.frequency_hz)
    tracks = [*dict.fromkeys(phase.unit for phase, _ in timed), WAITING]
    events: list[dict[str, Any]] = [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": n, "args": {"name": track}}
        for n, track in enumerate(tracks)
    ]
    now = 0.0
    for phase, cycles in timed:
        waits = {"latency": cycles.latency, "weights": cycles.weights}
        works = cycles.total - sum(waits.values())
        parts = [(WAITING, reason, length) for reason, length in waits.items()]
        for track, name, length in [*parts, (phase.unit, graph.ops[phase.op].name, works)]:
            if length <= 0:
                continue
            events.append({
                "ph": "X", "pid": 1, "tid": tracks.index(track), "name": name, "ts": now * scale,
                "dur": length * scale, "args": {"cycles": length, "bytes": cycles.bytes},
            })  # fmt: skip
            now += length
    return events
