"""The timeline of a design point, for Perfetto (ui.perfetto.dev)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archsim.app.output import write_json
from archsim.app.running import Request, load
from archsim.app.workload import build_graph
from archsim.errors import ConfigError


def write_timeline(request: Request, file: Path) -> None:
    """Write what every unit does when, of the first point of ``request``'s run.

    Only for machines whose model has a timeline: ``edgemoe``.
    """
    loaded = load(request)
    first = next(iter(loaded.sweep.points()))
    workload = loaded.context()["workload"]
    chosen = {p.removeprefix("workload."): v for p, v in first.items() if p.startswith("workload.")}
    rest = {p: v for p, v in first.items() if not p.startswith("workload.")}
    device: Any = _design(loaded.context()).point(rest).device
    if getattr(device, "machine", "") != "edgemoe":
        raise ConfigError(
            f"--timeline must be of an Edge-MoE accelerator, not {getattr(device, 'machine', '')!r}"
        )
    from archsim.models.edgemoe import EdgeMoeModel
    from archsim.models.edgemoe.trace import trace_events

    graph = build_graph({**workload, **chosen})
    events = trace_events(EdgeMoeModel(device).timed(graph), graph, device)
    write_json(file, {"traceEvents": events, "displayTimeUnit": "ns"})
    print(file)


def _design(context: Any) -> Any:
    from archsim.config import Design

    return Design.from_context(context)
