"""Operators over the last axis of a matrix, and its transpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archsim.graph.ops.base import OpSpec, size_bytes


@dataclass(frozen=True, kw_only=True)
class _Rows(OpSpec):
    """Operators over the last axis of a ``rows`` x ``cols`` matrix."""

    rows: int
    cols: int
    dtype: str = "fp16"
    _flops_per_element: ClassVar[int] = 1

    @property
    def flops(self) -> int:
        """A fixed count per element, stated by each operator."""
        return self._flops_per_element * self.rows * self.cols

    @property
    def bytes_read(self) -> int:
        """The matrix."""
        return size_bytes(self.dtype, self.rows * self.cols)

    @property
    def bytes_written(self) -> int:
        """A matrix of the same shape."""
        return size_bytes(self.dtype, self.rows * self.cols)


@dataclass(frozen=True, kw_only=True)
class Softmax(_Rows):
    """Row softmax; 5 operations per element (max, subtract, exp, sum, divide)."""

    kind: ClassVar[str] = "softmax"
    _flops_per_element: ClassVar[int] = 5


@dataclass(frozen=True, kw_only=True)
class LayerNorm(_Rows):
    """LayerNorm with scale and shift; 5 operations per element."""

    kind: ClassVar[str] = "layernorm"
    _flops_per_element: ClassVar[int] = 5

    @property
    def parameters(self) -> int:
        """Scale and shift."""
        return 2 * self.cols

    @property
    def bytes_read(self) -> int:
        """The matrix, scale and shift."""
        return size_bytes(self.dtype, self.rows * self.cols + self.parameters)


@dataclass(frozen=True, kw_only=True)
class RmsNorm(_Rows):
    """RMSNorm with scale; 4 operations per element."""

    kind: ClassVar[str] = "rmsnorm"
    _flops_per_element: ClassVar[int] = 4

    @property
    def parameters(self) -> int:
        """The scale."""
        return self.cols

    @property
    def bytes_read(self) -> int:
        """The matrix and the scale."""
        return size_bytes(self.dtype, self.rows * self.cols + self.parameters)


@dataclass(frozen=True, kw_only=True)
class Reduce(_Rows):
    """Reduction of each row to one element (``function``: sum, mean, max)."""

    kind: ClassVar[str] = "reduce"
    function: str = "sum"
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {"function": ("sum", "mean", "max")}

    @property
    def bytes_written(self) -> int:
        """One element per row."""
        return size_bytes(self.dtype, self.rows)


@dataclass(frozen=True, kw_only=True)
class Transpose(_Rows):
    """Materialised transpose of a ``rows`` x ``cols`` matrix."""

    kind: ClassVar[str] = "transpose"
    _flops_per_element: ClassVar[int] = 0
