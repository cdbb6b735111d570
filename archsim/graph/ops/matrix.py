"""Matrix products: GEMM, 2:4 sparse GEMM, batched GEMM and attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archsim.graph.ops.base import OpSpec, size_bytes


@dataclass(frozen=True, kw_only=True)
class Gemm(OpSpec):
    """``out[m, n] = act(A[m, k] · B[n, k]ᵀ + bias[n])``.

    ``weight`` says that B is a parameter (a linear layer), so that it counts as one.
    """

    kind: ClassVar[str] = "gemm"
    m: int
    n: int
    k: int
    dtype: str = "fp16"
    out_dtype: str | None = None
    bias: bool = False
    activation: str | None = None
    weight: bool = False
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {
        "activation": ("relu", "relu6", "gelu", "silu", "sigmoid", "tanh")
    }

    @property
    def result_dtype(self) -> str:
        """The output type: ``out_dtype``, else bf16 for fp8 and int32 for int8 and int4."""
        if self.out_dtype is not None:
            return self.out_dtype
        return {"fp8": "bf16", "fp8_e5m2": "bf16", "int8": "int32", "int4": "int32"}.get(
            self.dtype, self.dtype
        )

    @property
    def macs(self) -> int:
        """Exactly ``m * n * k``."""
        return self.m * self.n * self.k

    @property
    def bytes_read(self) -> int:
        """A, B and the bias."""
        return (
            size_bytes(self.dtype, self.m * self.k)
            + size_bytes(self.dtype, self.n * self.k)
            + (size_bytes(self.result_dtype, self.n) if self.bias else 0)
        )

    @property
    def bytes_written(self) -> int:
        """The output matrix."""
        return size_bytes(self.result_dtype, self.m * self.n)

    @property
    def parameters(self) -> int:
        """B and the bias, if B is a weight."""
        return self.n * self.k + self.n * self.bias if self.weight else 0


@dataclass(frozen=True, kw_only=True)
class SparseGemm(Gemm):
    """A GEMM whose A operand is 2:4 structured sparse: half the values and 2-bit metadata.

    ``flops`` counts the dense work, as published sparse rates do.
    """

    kind: ClassVar[str] = "gemm_sparse24"

    @property
    def bytes_read(self) -> int:
        """Compressed A, its metadata (2 bits per kept value) and B."""
        kept = self.m * self.k // 2
        return (
            size_bytes(self.dtype, kept)
            + -(-kept * 2 // 8)
            + size_bytes(self.dtype, self.n * self.k)
            + (size_bytes(self.result_dtype, self.n) if self.bias else 0)
        )


@dataclass(frozen=True, kw_only=True)
class BatchedGemm(OpSpec):
    """``b`` independent products ``A[m, k] · B[n, k]ᵀ``; ``weight`` says B is a parameter."""

    kind: ClassVar[str] = "bmm"
    b: int
    m: int
    n: int
    k: int
    dtype: str = "fp16"
    weight: bool = False

    @property
    def parameters(self) -> int:
        """B of every batch, if B is a weight (the experts of a mixture)."""
        return self.b * self.n * self.k if self.weight else 0

    @property
    def macs(self) -> int:
        """Exactly ``b * m * n * k``."""
        return self.b * self.m * self.n * self.k

    @property
    def bytes_read(self) -> int:
        """Both operands of every batch."""
        return size_bytes(self.dtype, self.b * self.k * (self.m + self.n))

    @property
    def bytes_written(self) -> int:
        """The outputs."""
        return size_bytes(self.dtype, self.b * self.m * self.n)


@dataclass(frozen=True, kw_only=True)
class Attention(OpSpec):
    """Scaled dot-product attention over ``b`` batches and ``h`` query heads (``h_kv`` for K, V).

    ``causal`` masks the upper triangle aligned top left (as PyTorch's ``is_causal``); masked
    products are not counted. ``impl`` names the backend: ``auto``, ``flash``, ``cudnn``.
    ``mask_elements`` is the size of an additive mask or bias that is read (0: none). ``cached``
    are keys that every query of a causal attention sees before the first new one.
    """

    kind: ClassVar[str] = "attention"
    b: int
    h: int
    h_kv: int
    sq: int
    skv: int
    d: int
    causal: bool = False
    impl: str = "auto"
    dtype: str = "fp16"
    mask_elements: int = 0
    cached: int = 0
    _may_be_zero: ClassVar[frozenset[str]] = frozenset({"mask_elements", "cached"})
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {"impl": ("auto", "flash", "cudnn")}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.h % self.h_kv:
            raise ValueError(
                f"attention.h must be a multiple of h_kv ({self.h_kv}), not {self.h!r}"
            )
        if self.cached >= self.skv or (self.cached and not self.causal):
            raise ValueError(
                f"attention.cached must be less than skv ({self.skv}) and 0 without causal, "
                f"not {self.cached!r}"
            )

    @property
    def pairs(self) -> int:
        """Query-key pairs per head that are computed."""
        if not self.causal:
            return self.sq * self.skv
        ramp = min(self.sq, self.skv - self.cached)
        return ramp * self.cached + ramp * (ramp + 1) // 2 + (self.sq - ramp) * self.skv

    @property
    def macs(self) -> int:
        """QKᵀ and PV over the unmasked pairs; the softmax between them is not counted."""
        return 2 * self.b * self.h * self.pairs * self.d

    @property
    def bytes_read(self) -> int:
        """Q, K, V and the mask."""
        q = self.b * self.h * self.sq * self.d
        kv = 2 * self.b * self.h_kv * self.skv * self.d
        return size_bytes(self.dtype, q + kv + self.mask_elements)

    @property
    def bytes_written(self) -> int:
        """The output, shaped as Q."""
        return size_bytes(self.dtype, self.b * self.h * self.sq * self.d)
