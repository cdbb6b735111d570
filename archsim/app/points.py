"""One design point: its identity and its answer. Called by sweeps in any process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archsim.app.machines import Evaluator, evaluator
from archsim.app.workload import build_graph, forget_graphs
from archsim.config import Design, digest
from archsim.graph import Graph
from archsim.recent import Recent
from archsim.version import model_digest

Context = Mapping[str, Any]
Overrides = Mapping[str, Any]

_DEVICES_KEPT = 16
"""Device models, each with the operators it priced last (1 to 3 MB)."""


class _Session:
    """What the points of one run share: the base design and the devices already built."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.design = Design.from_context(context)
        self.base_digest = digest(dict(context))
        self.workload = self.design.workload.to_dict()
        self._graph: Graph | None = None
        self._evaluators = Recent[tuple[tuple[str, Any], ...], Evaluator](_DEVICES_KEPT)
        self._first: dict[object, Evaluator] = {}  # by base device and swept paths

    def graph_at(self, overrides: Overrides) -> Graph:
        """The graph of the point's workload; that of the run file is built once."""
        chosen = {
            path.removeprefix("workload."): value
            for path, value in overrides.items()
            if path.startswith("workload.")
        }
        if chosen:
            return build_graph({**self.workload, **chosen})
        if self._graph is None:
            self._graph = build_graph(self.workload)
        return self._graph

    def evaluator_at(self, overrides: Overrides) -> Evaluator:
        """The model of the point's device, built once per distinct device."""
        chosen = {p: v for p, v in overrides.items() if not p.startswith("workload.")}
        key = tuple(sorted(chosen.items()))
        found = self._evaluators.get(key)
        if found is None:
            found = self._evaluators.put(key, self._made(chosen))
        return found

    def _made(self, chosen: dict[str, Any]) -> Evaluator:
        point = self.design.point(chosen)
        kind = (chosen.get("device"), *chosen)
        first = self._first.get(kind)
        if first is not None and first.like is not None:
            paths = [path.removeprefix("device.") for path in chosen if path != "device"]
            return first.like(point.device, [path.removesuffix(".value") for path in paths])
        made = evaluator(point.device, point.execution)
        self._first[kind] = made
        return made


_session: _Session | None = None


def _session_of(context: Context) -> _Session:
    """The session of ``context``; a worker sees one context at a time."""
    global _session
    if _session is None or _session.context is not context:
        _session = _Session(context)
    return _session


def forget() -> None:
    """Give up what was kept for further points: devices, priced operators, graphs."""
    global _session
    _session = None
    forget_graphs()


def identify(context: Context, overrides: Overrides) -> str:
    """Return the point's key: base design, overrides, workload graph and model version."""
    session = _session_of(context)
    graph = session.graph_at(overrides)
    return digest(
        {
            "base": session.base_digest,
            "overrides": dict(overrides),
            "graph": graph.digest,
            "model": model_digest(),
        }
    )


def evaluate(context: Context, overrides: Overrides) -> dict[str, Any]:
    """Return the point's answer as plain data (``PointResult.to_dict``)."""
    session = _session_of(context)
    graph = session.graph_at(overrides)
    return session.evaluator_at(overrides).answer(graph).to_dict()


def metrics(context: Context, overrides: Overrides) -> dict[str, Any]:
    """Return the metrics of ``evaluate`` alone, the same to the bit."""
    session = _session_of(context)
    graph = session.graph_at(overrides)
    return {"metrics": session.evaluator_at(overrides).metrics(graph)}
