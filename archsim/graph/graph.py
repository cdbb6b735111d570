"""Tensor, Op and Graph: a workload as a directed acyclic graph of operators."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import OpSpec, elements


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array: ``shape`` in elements, ``dtype`` name, and whether it is a parameter."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    parameter: bool = False

    @property
    def bytes(self) -> int:
        """Packed size in bytes."""
        return dtype_of(self.dtype).bytes(elements(self.shape))


@dataclass(frozen=True, slots=True)
class Op:
    """One operator of a graph: a name, what it computes, and the tensors it joins."""

    name: str
    spec: OpSpec
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """Operators in execution order. ``meta`` holds what a report shows of the workload."""

    name: str
    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...] = ()
    meta: dict[str, object] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    @cached_property
    def counts(self) -> Counter[OpSpec]:
        """How often each distinct operator occurs, in order of first occurrence."""
        return Counter(op.spec for op in self.ops)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all operators."""
        return sum(spec.macs * n for spec, n in self.counts.items())

    @property
    def flops(self) -> int:
        """Arithmetic operations of all operators."""
        return sum(spec.flops * n for spec, n in self.counts.items())

    @property
    def bytes(self) -> int:
        """Sum of every operator's compulsory traffic."""
        return sum(spec.bytes * n for spec, n in self.counts.items())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, operators and tensors: the graph's identity."""
        body = [
            self.name,
            [[op.name, *op.spec.key, list(op.inputs), list(op.outputs)] for op in self.ops],
            [list(asdict(t).values()) for t in self.tensors],
        ]
        text = json.dumps(body, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
