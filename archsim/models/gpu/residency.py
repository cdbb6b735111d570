"""What lies in L2 when an operator starts, from the order of a graph's operators.

The workload is taken to run over and over, in memory that a caching allocator hands out: a tensor
gives its block back after its last use, and a new one takes the smallest free block that it fits.
Each access has a reuse distance: the bytes of all other blocks touched since its own was, its own
included (Mattson's stack distance, which depends on no cache). A cache of some capacity holds what
lies nearer: a read finds its data there, and a write overwrites lines that then need not go to
memory twice. L2 begins to write back early, though, and that competes with whoever reads what was
just written, unless it is overwritten in the same place.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archsim.graph import Graph, Op, OpSpec

Window = tuple[float, float]
"""Bytes up to which L2 keeps everything and from which it keeps nothing."""

SMALL_BYTES = 65536
SMALL_SHARE = 0.8
"""L2 does not evict in strict order of age: tensors of a few lines survive somewhat larger
footprints (measured on the statistics of batch norms in ResNet-50 with one image)."""

LOOSE = 1.25
"""A free block is reused for tensors down to this part of its size."""


@dataclass(frozen=True)
class Accesses:
    """Reads or writes of a graph: the distinct operator each belongs to, its bytes, its distance.

    ``draining`` says whether the write-back of earlier writes takes part; ``total_bytes`` are those
    of each distinct operator.
    """

    owner: np.ndarray[Any, Any]
    bytes: np.ndarray[Any, Any]
    distance_bytes: np.ndarray[Any, Any]
    draining: np.ndarray[Any, Any]
    total_bytes: np.ndarray[Any, Any]

    def found(self, calm: Window, draining: Window) -> list[float]:
        """Return, per distinct operator, the mean fraction of its bytes found in L2.

        The windows are the distances up to which all is found and from which nothing is, without
        write-back and with it.
        """
        full = np.where(self.draining, draining[0], calm[0])
        none = np.where(self.draining, draining[1], calm[1])
        share = (none - self.distance_bytes) / (none - full)
        small = (self.bytes <= SMALL_BYTES) & (self.distance_bytes <= 2.0 * calm[1])
        share = np.maximum(np.clip(share, 0.0, 1.0), np.where(small, SMALL_SHARE, 0.0))
        held = np.bincount(self.owner, self.bytes * share, len(self.total_bytes))
        fraction: list[float] = np.minimum(held / np.maximum(self.total_bytes, 1.0), 1.0).tolist()
        return fraction


@dataclass(frozen=True)
class Reuse:
    """The distinct operators of a graph, how often each occurs, its operations, and their accesses;
    ``order`` is the place of each operator among them, in execution order."""

    specs: tuple[OpSpec, ...]
    counts: tuple[int, ...]
    flops: tuple[int, ...]
    order: np.ndarray[Any, Any]
    reads: Accesses
    writes: Accesses


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


@dataclass
class _Log:
    """Accesses as they come."""

    rows: list[tuple[int, int, float, bool]] = field(default_factory=list)

    def accesses(self, totals: Iterable[float]) -> Accesses:
        """Return them as arrays."""
        owner, size, distance, draining = zip(*self.rows, strict=True) if self.rows else ((),) * 4
        return Accesses(
            np.array(owner, dtype=np.int64), np.array(size, dtype=float),
            np.array(distance, dtype=float), np.array(draining, dtype=np.bool_),
            np.array(list(totals), dtype=float),
        )  # fmt: skip


class _Memory:
    """Blocks of device memory: which tensor holds which, which are free, when each was touched."""

    def __init__(self) -> None:
        self._block: dict[str, int] = {}
        self._size: list[int] = []
        self._free: list[int] = []
        self._stack: dict[int, None] = {}  # blocks by last touch, oldest first
        self._made: set[int] = set()  # blocks last touched by a write

    def place(self, tensor: str, size: int) -> None:
        """Give ``tensor`` the smallest free block that fits, or a new one."""
        fitting = [b for b in self._free if size <= self._size[b] <= LOOSE * size]
        if fitting:
            block = min(fitting, key=self._size.__getitem__)
            self._free.remove(block)
        else:
            block = len(self._size)
            self._size.append(size)
        self._block[tensor] = block

    def share(self, tensor: str, other: str) -> None:
        """Let ``tensor`` take over the block of ``other``."""
        self._block[tensor] = self._block.pop(other)

    def give_back(self, tensor: str) -> None:
        """Free the block of ``tensor``."""
        if tensor in self._block:
            self._free.append(self._block.pop(tensor))

    def last(self, tensor: str) -> tuple[float, bool]:
        """Return the distance of the block of ``tensor`` and whether it was written last."""
        block, depth = self._block[tensor], 0
        if block not in self._stack:
            return float("inf"), False
        for other in reversed(self._stack):
            depth += self._size[other]
            if other == block:
                break
        return float(depth), block in self._made

    def touch(self, tensor: str, write: bool) -> None:
        """Move the block of ``tensor`` to the top of the stack."""
        block = self._block[tensor]
        self._stack.pop(block, None)
        self._stack[block] = None
        (self._made.add if write else self._made.discard)(block)


def _distances(graph: Graph) -> Reuse:
    specs = tuple(graph.counts)
    index = {spec: i for i, spec in enumerate(specs)}
    size = {t.name: t.bytes for t in graph.tensors}
    last_use = {name: i for i, op in enumerate(graph.ops) for name in op.inputs}
    made = {name for op in graph.ops for name in op.outputs}
    memory, reads, writes = _Memory(), _Log(), _Log()
    for name in size:
        if name not in made:
            memory.place(name, size[name])
    for turn in range(2):
        for i, op in enumerate(graph.ops):
            logs = (reads, writes) if turn else (_Log(), _Log())
            _run(memory, op, size, index[op.spec], *logs)
            for name in dict.fromkeys((*op.inputs, *op.outputs)):
                if name in made and last_use.get(name, len(graph.ops)) == i:
                    memory.give_back(name)
        for name in made:
            memory.give_back(name)
    counts = tuple(graph.counts.values())
    read = [spec.bytes_read * n for spec, n in zip(specs, counts, strict=True)]
    written = [spec.bytes_written * n for spec, n in zip(specs, counts, strict=True)]
    order = np.array(graph.order, dtype=np.int64)
    flops = tuple(spec.flops for spec in specs)
    return Reuse(specs, counts, flops, order, reads.accesses(read), writes.accesses(written))


def _run(
    memory: _Memory, op: Op, size: dict[str, int], spec: int, reads: _Log, writes: _Log
) -> None:
    """Let ``op`` touch its tensors; log where each was."""
    inputs = [name for name in op.inputs if name in size]
    outputs = [name for name in op.outputs if name in size]
    before = {name: memory.last(name) for name in inputs}
    again = inputs[0] if op.in_place and inputs else ""
    for name, (distance, made) in before.items():
        reads.rows.append((spec, size[name], distance, made and name != again))
        memory.touch(name, write=False)
    for name in outputs:
        if again:
            memory.share(name, again)
            distance = before[again][0]
        else:
            memory.place(name, size[name])
            distance, _ = memory.last(name)
        writes.rows.append((spec, size[name], distance, not again))
        memory.touch(name, write=True)
