"""Pointwise functions and copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archsim.graph.ops.base import OpSpec, size_bytes


@dataclass(frozen=True, kw_only=True)
class Elementwise(OpSpec):
    """A pointwise function of ``arity`` inputs with ``n`` outputs.

    An operand with fewer than ``n`` elements (broadcast) is described by ``broadcast``: the total
    elements of all such operands, which are read once and take one place of ``arity``.
    ``held_parameters`` of them are trained. A bilinear resize reads its input as the broadcast.
    ``strided`` marks operands that are slices or permuted views, which take index arithmetic.
    """

    kind: ClassVar[str] = "elementwise"
    function: str
    n: int
    arity: int = 1
    broadcast: int = 0
    dtype: str = "fp16"
    out_dtype: str | None = None
    held_parameters: int = 0
    strided: bool = False
    _may_be_zero: ClassVar[frozenset[str]] = frozenset({"broadcast", "held_parameters"})

    FLOPS: ClassVar[dict[str, int]] = {
        "copy": 0, "cast": 0, "add": 1, "sub": 1, "mul": 1, "div": 1, "max": 1, "relu": 1,
        "relu6": 2, "gelu": 8, "silu": 5, "sigmoid": 4, "tanh": 5, "hardswish": 4, "exp": 1,
        "sqrt": 1, "rsqrt": 1, "pow": 2, "neg": 1, "cos": 1, "sin": 1, "scale_shift": 2,
        "softplus": 3, "where": 1, "abs": 1, "clip": 2, "erf": 8, "log": 1, "reciprocal": 1,
        "min": 1, "floor": 1, "round": 1, "sign": 1, "mod": 1, "compare": 1, "logical": 1,
        "mish": 8, "elu": 3, "leaky_relu": 2, "prelu": 2, "bilinear": 9, "bicubic": 35,
        "rope": 3, "silu_mul": 6, "spherical_harmonics": 6,
    }  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function not in self.FLOPS:
            raise ValueError(
                f"elementwise.function must be one of {', '.join(sorted(self.FLOPS))}, "
                f"not {self.function!r}"
            )

    @property
    def flops(self) -> int:
        """Operations per element of the function times ``n``."""
        return self.FLOPS[self.function] * self.n

    @property
    def bytes_read(self) -> int:
        """The full operands and the broadcast ones."""
        full = self.arity - (self.broadcast > 0)
        return size_bytes(self.dtype, full * self.n + self.broadcast)

    @property
    def bytes_written(self) -> int:
        """The output."""
        return size_bytes(self.out_dtype or self.dtype, self.n)

    @property
    def parameters(self) -> int:
        """Parameters among the broadcast operands."""
        return self.held_parameters


@dataclass(frozen=True, kw_only=True)
class Copy(OpSpec):
    """Copy of ``n`` elements; ``pattern`` is contiguous, strided (permute) or a concatenation.

    ``concat`` joins element by element, as inputs that are views are joined; ``concat_aligned``
    joins contiguous inputs whose pieces are multiples of 16 bytes. ``host`` copies to its memory.
    """

    kind: ClassVar[str] = "copy"
    n: int
    pattern: str = "contiguous"
    dtype: str = "fp16"
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {
        "pattern": ("contiguous", "strided", "concat", "concat_aligned", "host", "roll")
    }

    @property
    def flops(self) -> int:
        """None."""
        return 0

    @property
    def bytes_read(self) -> int:
        """The source."""
        return size_bytes(self.dtype, self.n)

    @property
    def bytes_written(self) -> int:
        """The destination."""
        return size_bytes(self.dtype, self.n)
