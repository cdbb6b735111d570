"""A vision transformer's operators by what their work on an Edge-MoE accelerator follows from."""

from __future__ import annotations

from typing import NamedTuple

from archsim.graph import Graph, OpSpec
from archsim.graph.ops import Elementwise, MoeRouting, ScatterAdd
from archsim.recent import Recent


class Kind(NamedTuple):
    """What the phases of an operator follow from, beside the device."""

    spec: OpSpec
    before: str
    """What follows: ``gate``, ``gelu``, or something else ("")."""
    experts: bool


class Order(NamedTuple):
    """The distinct kinds of a graph's operators, how many there are of each, each one's kind."""

    kinds: tuple[Kind, ...]
    times: tuple[int, ...]
    ops: tuple[int, ...]


_ORDERS = Recent[str, Order](64)


def order_of(graph: Graph) -> Order:
    """Return the operators of ``graph`` by kind."""
    if (known := _ORDERS.get(graph.digest)) is not None:
        return known
    kinds: dict[Kind, int] = {}
    ops, experts = [], False
    for index, op in enumerate(graph.ops):
        following = graph.ops[index + 1].spec if index + 1 < len(graph.ops) else None
        if isinstance(op.spec, MoeRouting | ScatterAdd):
            experts = isinstance(op.spec, MoeRouting)
        before = "gate" if isinstance(following, MoeRouting) else ""
        if isinstance(following, Elementwise) and following.function == "gelu":
            before = "gelu"
        ops.append(kinds.setdefault(Kind(op.spec, before, experts), len(kinds)))
    times = tuple(ops.count(number) for number in range(len(kinds)))
    return _ORDERS.put(graph.digest, Order(tuple(kinds), times, tuple(ops)))
