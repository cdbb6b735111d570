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
    """One operator of a graph: a name, what it computes, and the tensors it joins.

    ``in_place`` says that the output takes the memory of the first input.
    """

    name: str
    spec: OpSpec
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    in_place: bool = False


@dataclass(frozen=True)
class Graph:
    """Operators in execution order. ``meta`` holds what a report shows of the workload.

    Where ``tensors`` are given, every tensor an operator names must be among them, produced at
    most once, and produced before it is used; a graph of bare operators may leave them out.
    ``ValueError`` names what breaks a rule.
    """

    name: str
    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...] = ()
    meta: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {t.name for t in self.tensors}
        if len(known) != len(self.tensors):
            twice = next(n for n, c in Counter(t.name for t in self.tensors).items() if c > 1)
            raise ValueError(f"graph.tensors must have unique names, not {twice!r} twice")
        if known:
            self._check_order(known)

    def _check_order(self, known: set[str]) -> None:
        """Every tensor is known, is produced once, and not used before that."""
        producer = {name: op.name for op in self.ops for name in op.outputs}
        if len(producer) != sum(len(op.outputs) for op in self.ops):
            twice = Counter(name for op in self.ops for name in op.outputs).most_common(1)[0][0]
            raise ValueError(f"tensor {twice!r} must be produced once, not by several operators")
        done: set[str] = set()
        for op in self.ops:
            for name in (*op.inputs, *op.outputs):
                if name not in known:
                    raise ValueError(f"operator {op.name!r} must name known tensors, not {name!r}")
            for name in op.inputs:
                if name in producer and name not in done:
                    raise ValueError(
                        f"operator {op.name!r} must come after {producer[name]!r}, "
                        f"which produces its input {name!r}"
                    )
            done.update(op.outputs)

    def __iter__(self) -> Iterator[Op]:
        return iter(self.ops)

    @cached_property
    def first_names(self) -> tuple[str, ...]:
        """The name of each distinct operator's first occurrence, in the order of ``counts``."""
        names: dict[OpSpec, str] = {}
        for op in self.ops:
            names.setdefault(op.spec, op.name)
        return tuple(names.values())

    @cached_property
    def counts(self) -> Counter[OpSpec]:
        """How often each distinct operator occurs, in order of first occurrence."""
        return Counter(op.spec for op in self.ops)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The place of each operator in ``counts``, in execution order."""
        places = {spec: i for i, spec in enumerate(self.counts)}
        return tuple(places[op.spec] for op in self.ops)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all operators."""
        return sum(spec.macs * n for spec, n in self.counts.items())

    @property
    def flops(self) -> int:
        """Arithmetic operations of all operators."""
        return sum(spec.flops * n for spec, n in self.counts.items())

    @cached_property
    def parameters(self) -> int:
        """Trained parameters: elements of the parameter tensors, a shared one counted once.

        A graph of bare operators sums what its operators hold.
        """
        if self.tensors:
            return sum(elements(t.shape) for t in self.tensors if t.parameter)
        return sum(op.spec.parameters for op in self.ops)

    @cached_property
    def parameter_bytes(self) -> int:
        """Memory of the parameter tensors in bytes."""
        return sum(t.bytes for t in self.tensors if t.parameter)

    @property
    def bytes(self) -> int:
        """Sum of every operator's compulsory traffic."""
        return sum(spec.bytes * n for spec, n in self.counts.items())

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, operators and tensors: the graph's identity."""
        body = [
            self.name,
            [
                [op.name, *op.spec.key, list(op.inputs), list(op.outputs), *([1] * op.in_place)]
                for op in self.ops
            ],
            [list(asdict(t).values()) for t in self.tensors],
        ]
        text = json.dumps(body, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
