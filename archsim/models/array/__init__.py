"""The systolic-array machine: a cycle model of the matrix engine that ``hdl.matrix`` generates."""

from archsim.models.array.model import ArrayModel
from archsim.models.array.timing import Cycles, engine_cycles, systolic_cycles

__all__ = ["ArrayModel", "Cycles", "engine_cycles", "systolic_cycles"]
