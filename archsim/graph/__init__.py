"""Workload graphs: tensors, operators and their exact operation and byte counts."""

from archsim.graph.graph import Graph, Op, Tensor
from archsim.graph.ops import OP_KINDS, OpSpec

__all__ = ["OP_KINDS", "Graph", "Op", "OpSpec", "Tensor"]
