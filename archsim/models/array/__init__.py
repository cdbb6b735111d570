"""The systolic-array machine: a cycle model of the matrix engine that ``hdl.matrix`` generates."""

from archsim.models.array.timing import Cycles, engine_cycles

__all__ = ["Cycles", "engine_cycles"]
