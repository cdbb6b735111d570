"""How much of what an operator reads still lies in L2, from the order of a graph's operators.

The workload is taken to run over and over. Each read has a reuse distance: the bytes of all other
tensors touched since the tensor was last read or written, its own included (Mattson's stack
distance, which depends on no cache). A cache of some capacity holds what lies nearer.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from archsim.graph import Graph, OpSpec

Window = tuple[float, float]
"""Bytes up to which L2 keeps everything and from which it keeps nothing."""

SMALL_BYTES = 65536
SMALL_SHARE = 0.8
"""L2 does not evict in strict order of age: tensors of a few lines survive somewhat larger
footprints (measured on the statistics of batch norms in ResNet-50 with one image)."""


@dataclass(frozen=True)
class Reuse:
    """Per read of the graph: the distinct operator it belongs to, its bytes, and its distance.

    ``written`` says whether the tensor was written rather than read when last touched.
    """

    specs: tuple[OpSpec, ...]
    counts: tuple[int, ...]
    owner: np.ndarray[Any, Any]
    read_bytes: np.ndarray[Any, Any]
    distance_bytes: np.ndarray[Any, Any]
    written: np.ndarray[Any, Any]
    total_bytes: np.ndarray[Any, Any]

    def resident(self, read: Window, written: Window) -> list[float]:
        """Return, per distinct operator, the mean fraction of its reads found in L2.

        ``read`` and ``written`` are the distances up to which all is found and from which
        nothing is, for tensors last touched by a read and by a write.
        """
        full = np.where(self.written, written[0], read[0])
        none = np.where(self.written, written[1], read[1])
        share = (none - self.distance_bytes) / (none - full)
        small = (self.read_bytes <= SMALL_BYTES) & (self.distance_bytes <= 2.0 * read[1])
        share = np.maximum(np.clip(share, 0.0, 1.0), np.where(small, SMALL_SHARE, 0.0))
        held = self.read_bytes * share
        found = np.bincount(self.owner, held, len(self.specs))
        fraction: list[float] = np.minimum(found / np.maximum(self.total_bytes, 1.0), 1.0).tolist()
        return fraction


_known: dict[int, tuple[weakref.ref[Graph], Reuse]] = {}


def reuse(graph: Graph) -> Reuse:
    """Return the reuse distances of ``graph``, computed once for each graph object."""
    known = _known.get(id(graph))
    if known is not None and known[0]() is graph:
        return known[1]
    result = _distances(graph)
    key = id(graph)
    _known[key] = (weakref.ref(graph, lambda _: _known.pop(key, None)), result)
    return result


def _distances(graph: Graph) -> Reuse:
    specs = tuple(graph.counts)
    index = {spec: i for i, spec in enumerate(specs)}
    size = {t.name: t.bytes for t in graph.tensors}
    owner: list[int] = []
    read_bytes: list[float] = []
    distance: list[float] = []
    written: list[bool] = []
    made: set[str] = set()  # tensors last touched by a write
    stack: dict[str, int] = {}  # tensors by last touch, oldest first
    for turn in range(2):
        for op in graph.ops:
            if turn:
                for name in op.inputs:
                    if name in size:
                        owner.append(index[op.spec])
                        read_bytes.append(size[name])
                        distance.append(_depth(stack, name))
                        written.append(name in made)
            made.difference_update(op.inputs)
            made.update(op.outputs)
            for name in (*op.inputs, *op.outputs):
                if name in size:
                    stack.pop(name, None)
                    stack[name] = size[name]
    counts = tuple(graph.counts.values())
    total = np.array([spec.bytes_read * n for spec, n in zip(specs, counts, strict=True)])
    return Reuse(
        specs, counts, np.array(owner, dtype=np.int64), np.array(read_bytes, dtype=float),
        np.array(distance, dtype=float), np.array(written, dtype=np.bool_), total.astype(float),
    )  # fmt: skip


def _depth(stack: dict[str, int], name: str) -> float:
    """Bytes of the tensors touched since ``name`` was, its own included."""
    if name not in stack:
        return float("inf")
    depth = 0
    for other in reversed(stack):
        depth += stack[other]
        if other == name:
            break
    return float(depth)
