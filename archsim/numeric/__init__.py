"""Number arithmetic shared by functional models and hardware: rounding, saturation, tables."""

from archsim.numeric.rounding import ROUNDINGS, round_shift, saturate, wrap
from archsim.numeric.tables import gelu_table

__all__ = ["ROUNDINGS", "gelu_table", "round_shift", "saturate", "wrap"]
