"""A graph made ready for the many devices of a sweep: what none of them changes is done once."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.graph import Graph, OpSpec
from archsim.models.gpu.compulsory import compulsory_bytes
from archsim.models.gpu.lower import lower
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.residency import Window, reuse


class Watched:
    """A device's record that notes which constants a lowering reads; ``whole``: all of them."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.read: dict[str, float] = {}
        self.whole = False

    def __getitem__(self, name: str) -> Any:
        value = self.row[name]
        self.read[name] = float(value)
        return value

    def reshape(self, shape: int) -> Any:
        """Return the record as an array, for compiled code."""
        self.whole = True
        return self.row.reshape(shape)


class Slot:
    """A distinct operator of a graph, with the plans of the last device that it was lowered for.

    They are those of the next device too if all constants that the lowering read are the same.
    """

    def __init__(self, spec: OpSpec) -> None:
        self.spec = spec
        self.flops = float(spec.flops)
        self.compulsory = float(compulsory_bytes(spec))
        self._plans: list[Plan] | None = None
        self._read: tuple[tuple[str, float], ...] = ()

    def plans(self, dev: Any) -> list[Plan]:
        """Return the operator's kernels on a device."""
        if self._plans is not None and all(dev[name] == value for name, value in self._read):
            return self._plans
        watched = Watched(dev)
        plans = lower(self.spec, watched)
        self._plans = None if watched.whole else plans
        self._read = tuple(watched.read.items())
        return plans


class Prepared:
    """The distinct operators of a graph, in order of first occurrence."""

    def __init__(self, graph: Graph) -> None:
        self.uses = reuse(graph)
        self.slots = [Slot(spec) for spec in self.uses.specs]
        self.counts = self.uses.counts
        self.flops = np.array([slot.flops for slot in self.slots])
        self._compulsory = np.array([slot.compulsory for slot in self.slots])
        self._spans: tuple[Window, Window] | None = None
        self._shares: tuple[list[float], list[float]] = ([], [])

    def lowered(self, dev: Any) -> list[list[Plan]]:
        """Return the kernels of each operator on a device."""
        return [slot.plans(dev) for slot in self.slots]

    def shares(self, spans: tuple[Window, Window]) -> tuple[list[float], list[float]]:
        """Return the fractions of each operator's reads and writes that L2 holds."""
        if spans != self._spans:
            self._shares = self.uses.reads.found(*spans), self.uses.writes.found(*spans)
            self._spans = spans
        return self._shares

    def compulsory(self, resident: Sequence[float]) -> np.ndarray[Any, Any]:
        """Return the bytes that each operator moves at least: 0 where L2 holds some reads."""
        return np.where(np.array(resident) == 0.0, self._compulsory, 0.0)


_known: dict[int, tuple[weakref.ref[Graph], Prepared]] = {}


def prepare(graph: Graph) -> Prepared:
    """Return ``graph`` made ready, once for each graph object."""
    known = _known.get(id(graph))
    if known is not None and known[0]() is graph:
        return known[1]
    key = id(graph)
    made = Prepared(graph)
    _known[key] = (weakref.ref(graph, lambda _: _known.pop(key, None)), made)
    return made
