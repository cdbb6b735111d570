"""A graph made ready for the many devices of a sweep: what none of them changes is done once."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np

from archsim.graph import Graph, OpSpec
from archsim.graph.ops import Attention
from archsim.models.gpu.columns import starts_of
from archsim.models.gpu.compulsory import compulsory_bytes
from archsim.models.gpu.lower import lower
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.residency import Window, reuse
from archsim.models.gpu.solve import laid_out
from archsim.models.gpu.vector import energy_place


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
        self._plans: Sequence[Plan] | None = None
        self._read: tuple[tuple[str, float], ...] = ()

    def plans(self, dev: Any) -> Sequence[Plan]:
        """Return the operator's kernels on a device."""
        if self._plans is not None and all(dev[name] == value for name, value in self._read):
            return self._plans
        watched = Watched(dev)
        plans = lower(self.spec, watched)
        self._plans = None if watched.whole else plans
        self._read = tuple(watched.read.items())
        return plans


QUERY_TILE = 128
"""Query rows of an attention tile; a decode step of one query computes them all."""


def padding(spec: OpSpec) -> float:
    """Return how many operations switch for each useful one."""
    if not isinstance(spec, Attention):
        return 1.0
    rows = spec.sq * (spec.h // spec.h_kv if spec.sq == 1 else 1)
    return -(-rows // QUERY_TILE) * QUERY_TILE / rows


def arrays_of(
    specs: Sequence[OpSpec], resident: Sequence[float], again: Sequence[float],
    lowered: Sequence[Sequence[Plan]], new_code: bool,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Return families and numbers of all kernels of ``specs``, as ``solve.solved`` reads them.

    ``resident`` and ``again`` are the fractions of each operator's reads and writes that L2 holds;
    ``new_code`` says whether other kernels run in between.
    """
    flat: list[Plan] = []
    columns: list[tuple[float, float, int, float]] = []
    for spec, share, other, kernels in zip(specs, resident, again, lowered, strict=True):
        flat += kernels
        place = energy_place(getattr(spec, "dtype", "fp16"))
        columns += [(share, other, place, padding(spec))] * len(kernels)
    shares, overwrites, operands, padded = zip(*columns, strict=True)
    return laid_out(flat, shares, new_code, operands, padded, overwrites)


@dataclass(frozen=True, slots=True)
class Laid:
    """The kernels of a graph (``lowered``, operator by operator) as arrays.

    ``families`` and ``params`` are as ``solve.solved`` reads them, ``starts`` as ``columns`` does.
    ``done`` are the operations of each kernel, ``least_bytes`` the bytes that each operator moves
    at least, ``names`` those of its kernels. ``shares`` say what L2 holds.
    """

    lowered: Sequence[Sequence[Plan]]
    shares: tuple[list[float], list[float]]
    families: np.ndarray[Any, Any]
    params: np.ndarray[Any, Any]
    starts: np.ndarray[Any, Any]
    done: np.ndarray[Any, Any]
    least_bytes: np.ndarray[Any, Any]
    names: tuple[tuple[str, ...], ...]


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
        self._laid: Laid | None = None

    def laid(self, dev: Any, spans: tuple[Window, Window]) -> Laid:
        """Return the kernels of all operators on a device whose L2 holds what ``spans`` say.

        They are the last device's where it ran the same kernels.
        """
        shares, lowered = self.shares(spans), [slot.plans(dev) for slot in self.slots]
        known = self._laid
        if known and known.shares is shares and all(map(is_, known.lowered, lowered)):
            return known
        self._laid = Laid(
            lowered, shares, *arrays_of(self.uses.specs, *shares, lowered, True),
            starts_of(lowered), np.array([plan.flops for plans in lowered for plan in plans]),
            self.compulsory(shares[0]), tuple(tuple(plan.name for plan in p) for p in lowered),
        )  # fmt: skip
        return self._laid

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
