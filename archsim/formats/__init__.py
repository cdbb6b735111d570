"""Number formats: floating-point and integer data types, and fixed-point descriptions."""

from archsim.formats.dtypes import DTYPES, DType, dtype
from archsim.formats.fixed import FixedFormat

__all__ = ["DTYPES", "DType", "FixedFormat", "dtype"]
