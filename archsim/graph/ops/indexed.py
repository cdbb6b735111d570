"""Gathers, scatters, routing and grid encodings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archsim.graph.ops.base import OpSpec, size_bytes


@dataclass(frozen=True, kw_only=True)
class Gather(OpSpec):
    """``out[i, :] = table[index[i], :]`` for ``n`` rows of ``width`` from ``table`` rows."""

    kind: ClassVar[str] = "gather"
    table: int
    width: int
    n: int
    dtype: str = "fp16"
    index_dtype: str = "int64"
    weight: bool = False

    @property
    def bytes_read(self) -> int:
        """The gathered rows and the indices."""
        return size_bytes(self.dtype, self.n * self.width) + size_bytes(self.index_dtype, self.n)

    @property
    def bytes_written(self) -> int:
        """The output rows."""
        return size_bytes(self.dtype, self.n * self.width)

    @property
    def parameters(self) -> int:
        """The table, if it is a weight."""
        return self.table * self.width if self.weight else 0


@dataclass(frozen=True, kw_only=True)
class Embedding(Gather):
    """A gather from a trained table of ``table`` rows."""

    kind: ClassVar[str] = "embedding"
    weight: bool = True


@dataclass(frozen=True, kw_only=True)
class ScatterAdd(OpSpec):
    """``table[index[i], :] += values[i, :]`` for ``n`` rows of ``width`` with atomics."""

    kind: ClassVar[str] = "scatter_add"
    table: int
    n: int
    width: int = 1
    dtype: str = "fp32"
    index_dtype: str = "int64"

    @property
    def flops(self) -> int:
        """One add per value."""
        return self.n * self.width

    @property
    def bytes_read(self) -> int:
        """Values and indices."""
        return size_bytes(self.dtype, self.n * self.width) + size_bytes(self.index_dtype, self.n)

    @property
    def bytes_written(self) -> int:
        """The table once, or one row per update where fewer."""
        return size_bytes(self.dtype, min(self.table, self.n) * self.width)


@dataclass(frozen=True, kw_only=True)
class MoeRouting(OpSpec):
    """Top-``k`` choice among ``experts`` gate scores per token, and the token permutation."""

    kind: ClassVar[str] = "moe_routing"
    tokens: int
    experts: int
    top_k: int
    dtype: str = "fp16"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_k > self.experts:
            raise ValueError(
                f"moe_routing.top_k must be at most experts ({self.experts}), not {self.top_k!r}"
            )

    @property
    def flops(self) -> int:
        """Softmax over the experts (5 each) and ``k`` comparisons each."""
        return self.tokens * self.experts * (5 + self.top_k)

    @property
    def bytes_read(self) -> int:
        """The gate scores."""
        return size_bytes(self.dtype, self.tokens * self.experts)

    @property
    def bytes_written(self) -> int:
        """Weights and int32 indices of the chosen experts."""
        chosen = self.tokens * self.top_k
        return size_bytes(self.dtype, chosen) + size_bytes("int32", chosen)


@dataclass(frozen=True, kw_only=True)
class HashGridEncoding(OpSpec):
    """Multi-resolution grid encoding of ``n`` points (tiny-cuda-nn's rules).

    ``grid`` is ``hash``, ``dense`` or ``tiled`` (low-resolution dense); ``table_entries`` is
    the number of entries over all levels, fixed by the builder. ``base``, growth (in
    millionths) and ``log2_entries`` are those of ``archsim.config.ngpc_grid.GridParams``.
    """

    kind: ClassVar[str] = "hashgrid"
    n: int
    dims: int
    levels: int
    features: int
    table_entries: int
    grid: str = "hash"
    dtype: str = "fp16"
    base: int = 16
    growth_millionths: int = 1_500_000
    log2_entries: int = 19
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {"grid": ("hash", "dense", "tiled")}

    @property
    def flops(self) -> int:
        """Per level: 2*dims for position, dims per corner weight, 2*features per corner."""
        corners = 1 << self.dims
        per_level = 2 * self.dims + corners * (self.dims + 2 * self.features)
        return self.n * self.levels * per_level

    @property
    def bytes_read(self) -> int:
        """Positions (fp32) and, per level and corner, one entry, at most the whole table."""
        entries = self.n * self.levels * (1 << self.dims)
        table = size_bytes(self.dtype, self.parameters)
        return 4 * self.n * self.dims + min(size_bytes(self.dtype, entries * self.features), table)

    @property
    def bytes_written(self) -> int:
        """The encoded features."""
        return size_bytes(self.dtype, self.n * self.levels * self.features)

    @property
    def parameters(self) -> int:
        """The grid features."""
        return self.table_entries * self.features
