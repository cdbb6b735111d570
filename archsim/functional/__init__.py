"""Integer-exact references of the accelerators' operators."""

from archsim.functional.matrix import ColumnParams, MatrixEngine

__all__ = ["ColumnParams", "MatrixEngine"]
