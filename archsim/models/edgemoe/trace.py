"""An image's timeline: a track for every unit, one for what is waited for."""

from __future__ import annotations

from archsim.graph import Graph
from archsim.metrics.timeline import Slice, Timeline
from archsim.models.edgemoe.model import EdgeMoeModel

_US = 1e6
OPERATORS = "operators"
WAITING = "waiting"


def timeline(model: EdgeMoeModel, graph: Graph) -> Timeline:
    """Return what every unit does when; the end is the image's ``latency_us``.

    A phase first waits (for the first word, for weights), then its unit works.
    """
    scale = _US / float(model.device.clock.frequency_hz)
    slices: list[Slice] = []
    units: dict[str, None] = {}
    now = began = 0.0
    at = -1
    for phase in model.timed(graph):
        cycles = phase.cycles
        if phase.op != at and at >= 0:
            slices.append(_operator(graph, at, began, now, scale))
            began = now
        at = phase.op
        units[phase.unit] = None
        name = graph.ops[phase.op].name
        waits = {"latency": cycles.latency, "weights": cycles.weights}
        works = cycles.total - sum(waits.values())
        parts = [(WAITING, f"{why}: {name}", why, length) for why, length in waits.items()]
        for track, what, why, length in [*parts, (phase.unit, name, "", works)]:
            if length <= 0:
                continue
            args: dict[str, float | str] = {"cycles": length, "memory bytes": cycles.bytes}
            end = now + length
            slices.append(Slice(track, what, now * scale, end * scale, why, args))
            now = end
    if at >= 0:
        slices.append(_operator(graph, at, began, now, scale))
    return Timeline(
        title=f"{model.device.name}: {graph.name}",
        end_us=now * scale,
        tracks=(OPERATORS, *units, WAITING),
        slices=slices,
        tiling=((OPERATORS,), (*units, WAITING)),
    )


def _operator(graph: Graph, op: int, began: float, now: float, scale: float) -> Slice:
    spec, name = graph.ops[op].spec, graph.ops[op].name
    args: dict[str, float | str] = {"kind": spec.kind, "cycles": now - began}
    return Slice(OPERATORS, name, began * scale, now * scale, "", args)
