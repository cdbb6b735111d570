"""The implicit-GEMM kernels that cuDNN ships for convolution, by family, tile and cluster.

A kernel is written ``family TMxTNxTK``, then what its family has: ``CMxCN`` the cluster along
pixels and filters, ``seg`` parts of K added inside the kernel, ``zN`` K in N parts, ``nchw`` where
it writes its output channels first. Names of recorded kernels give family and tile; the cluster
follows from the grid, which is ``(CTAs / CM, CM)``. All are those seen in recorded launches
(``workloads/measured``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

XMMA, CUT, AMPERE, INDEXED, DIRECT, FFMA, FFMA_INDEXED = range(7)
FAMILIES = ("xmma", "cut", "ampere", "indexed", "direct", "ffma", "ffma_indexed")
PLANAR = (FFMA, FFMA_INDEXED)
"""Families whose images are channels first, on fp32 units; the others' are channels last."""

_CLUSTERS = {
    (64, 32, 32): "1x7", (64, 64, 64): "7x1 8x1 1x5 4x2 4x3 8x2 4x1 1x4 2x4 2x2 3x2 2x8 1x1",
    (64, 128, 32): "1x1 1x2", (64, 128, 64): "4x1 7x1 1x2 7x2 1x1", (64, 192, 32): "5x1",
    (64, 192, 64): "8x1 8x2", (128, 32, 32): "8x1", (128, 64, 32): "8x1 1x3",
    (128, 64, 64): "7x1 8x1 1x8 1x1 1x4 2x4 1x2", (128, 128, 32): "8x1 4x4 1x5",
    (128, 128, 64): "8x1 2x1 4x2 4x1 1x2 1x1 2x4 1x8 2x2", (128, 192, 64): "8x1 2x1 1x2 2x5",
    (128, 256, 32): "7x1", (128, 256, 64): "2x1 1x2 1x1", (256, 32, 32): "8x1",
    (256, 64, 32): "1x5 8x1 7x1 1x3", (256, 64, 64): "5x1 1x2 1x1",
    (256, 96, 32): "1x3 2x1 2x2 4x1 5x1", (256, 96, 64): "1x2 1x1", (256, 128, 32): "4x1",
    (256, 128, 64): "1x2 2x1",
}  # fmt: skip
"""Clusters of every wgmma tile of 16-bit operands, the likeliest first."""
_CLUSTERS_TF32 = {
    (64, 32, 32): "1x1", (64, 64, 32): "7x1 1x2 1x8 2x4 2x1", (64, 128, 32): "8x1",
    (64, 192, 32): "8x1", (64, 256, 32): "4x1", (128, 32, 32): "1x1", (128, 64, 32): "8x1",
    (128, 128, 32): "8x1 1x2 1x4", (128, 192, 32): "2x1", (256, 32, 32): "2x1",
    (256, 64, 32): "4x1", (256, 128, 32): "1x2",
}  # fmt: skip
"""Those of tf32 operands."""
PAIRED = 128 * 192
"""Tiles of so many outputs, and 256 x 96, are shared by two warpgroups."""
_CAPACITY = {
    1: 132, 2: 132, 3: 117, 4: 120, 5: 110, 6: 102, 7: 105, 8: 120, 9: 117, 10: 110, 12: 84,
    14: 98, 15: 105, 16: 112,
}  # fmt: skip
"""CTAs of clusters of a size that 132 SMs hold: GPCs have 16 or 18."""
_FLAT_SIXTEEN = 64
"""Those of clusters of 16 with at most two CTAs along the pixels."""
RESIDENT = {
    (CUT, 64, 64, 32): 2, (CUT, 64, 64, 64): 2, (CUT, 64, 128, 32): 3, (CUT, 128, 128, 32): 2,
    (CUT, 256, 64, 32): 2, (CUT, 256, 128, 64): 1, (CUT, 256, 64, 16): 2,
    (AMPERE, 64, 32, 64): 3, (AMPERE, 64, 64, 64): 3, (AMPERE, 128, 32, 32): 4,
    (AMPERE, 256, 32, 32): 3, (AMPERE, 128, 64, 32): 3, (AMPERE, 128, 128, 64): 2,
    (INDEXED, 64, 32, 64): 3, (INDEXED, 64, 64, 64): 3, (INDEXED, 128, 32, 32): 4,
    (INDEXED, 256, 64, 32): 2, (INDEXED, 64, 128, 32): 3, (INDEXED, 256, 32, 32): 2,
    (CUT, 128, 64, 32): 3,
    (DIRECT, 128, 16, 32): 5, (DIRECT, 128, 16, 64): 5, (DIRECT, 128, 32, 16): 5,
    (DIRECT, 128, 32, 64): 3,
}  # fmt: skip
"""CTAs of the mma.sync kernels of 16-bit operands that fit one SM."""
RESIDENT_FLOATS = {
    (CUT, 128, 64, 16): 3, (CUT, 128, 128, 16): 2, (CUT, 256, 64, 16): 2,
    (AMPERE, 128, 128, 16): 2, (INDEXED, 128, 128, 16): 2, (DIRECT, 128, 16, 64): 5,
    (DIRECT, 128, 32, 16): 4, (DIRECT, 128, 32, 64): 3, (FFMA, 32, 32, 8): 10,
    (FFMA, 128, 32, 8): 3, (FFMA, 256, 64, 8): 2, (FFMA_INDEXED, 32, 32, 8): 12,
}  # fmt: skip
"""Those of tf32 and fp32 operands."""
PORTABLE = tuple(key for key in RESIDENT if key[0] in (CUT, AMPERE))
PORTABLE_FLOATS = tuple(key for key in RESIDENT_FLOATS if key[0] == CUT)
"""Kernels for tensor cores without wgmma."""


@dataclass(frozen=True, slots=True)
class ConvKernel:
    """One kernel: tile of pixels x filters, K step, cluster, parts of K (0: as many as fit)."""

    family: int
    tile: tuple[int, int, int]
    cluster: tuple[int, int] = (1, 1)
    segment: bool = False
    parts: int = 1
    groups: int = 1
    planes: bool = False

    @property
    def warps(self) -> tuple[int, int]:
        """Warps along pixels and filters."""
        if self.tile[0] == 256:
            return (4, 2) if self.tile[1] == 128 else (4, 1)
        return (4, 1) if self.tile[0] == 128 and self.tile[1] < 64 else (2, 2)

    @property
    def paired(self) -> bool:
        """Whether two warpgroups share a tile."""
        wide = self.tile[0] * self.tile[1] >= PAIRED or self.tile[:2] == (256, 96)
        return self.family == XMMA and wide

    def label(self) -> str:
        """Return the kernel as it is written in the choice's data."""
        text = f"{FAMILIES[self.family]} {'x'.join(map(str, self.tile))}"
        if self.family == XMMA:
            text += f" {self.cluster[0]}x{self.cluster[1]}" + " seg" * self.segment
        text += f" z{self.parts}" if self.parts > 1 else ""
        text += f" g{self.groups}" if self.groups > 1 else ""
        return text + " nchw" * self.planes


@cache
def from_label(text: str) -> ConvKernel:
    """Return the kernel that ``text`` writes."""
    family, tile, *more = text.split()
    sizes = tuple(int(v) for v in tile.split("x"))
    cluster, parts, groups = (1, 1), 1, 1
    for word in more:
        if word[0] == "z":
            parts = int(word[1:])
        elif word[0] == "g":
            groups = int(word[1:])
        elif word not in ("seg", "nchw"):
            cluster = (int(word.split("x")[0]), int(word.split("x")[1]))
    tile3 = (sizes[0], sizes[1], sizes[2])
    place, planes = FAMILIES.index(family), "nchw" in more
    return ConvKernel(place, tile3, cluster, "seg" in more, parts, groups, planes)


def clusters(tile: tuple[int, int, int], tf32: bool = False) -> tuple[tuple[int, int], ...]:
    """Return the clusters of a wgmma tile; none where there is no such tile."""
    known = _CLUSTERS_TF32 if tf32 else _CLUSTERS
    pairs = (text.split("x") for text in known.get(tile, "").split())
    return tuple((int(m), int(n)) for m, n in pairs)


def capacity(cluster: tuple[int, int], sms: float) -> int:
    """Return the CTAs of such clusters that ``sms`` SMs hold at once."""
    size = cluster[0] * cluster[1]
    most = _FLAT_SIXTEEN if size == 16 and cluster[0] <= 2 else _CAPACITY.get(size, 64)
    return max(int(most * sms / 132) // size * size, size)


LEAST_PACKED = 4
"""Narrowest group in a packed buffer."""


def packed_width(channels: int, filters: int) -> int:
    """Return the width that groups of so many channels and filters are padded to."""
    width = LEAST_PACKED
    while width < max(channels, filters):
        width *= 2
    return width


_XMMA_NAME = re.compile(
    r"sm90_xmma_fprop\w*?_tilesize(\d+)x(\d+)x(\d+)_warpgroupsize\d+x1x1_g(\d+)"
)
_AMPERE_NAME = re.compile(
    r"sm80_xmma_fprop_implicit_gemm_(indexed_wo_smem_|indexed_)?\w*?"
    r"_tilesize(\d+)x(\d+)x(\d+)_stage\d+_warpsize\d+x\d+x\d+_g(\d+)"
)
_CUT_NAME = re.compile(
    r"cutlass_tensorop_\w*?fprop_(?:optimized|analytic)_\w*?_(\d+)x(\d+)_(\d+)x\d+_nhwc"
)


def parse_name(name: str, grid: Sequence[int]) -> ConvKernel | None:
    """Return what a recorded name and grid say; an xmma cluster stands for its length along x."""
    if (hit := _XMMA_NAME.search(name)) is not None:
        tm, tn, tk, groups = (int(v) for v in hit.groups())
        return ConvKernel(XMMA, (tm, tn, tk), (grid[1], 1), "segment_k_on" in name, 1, groups)
    if (hit := _AMPERE_NAME.search(name)) is not None:
        family = {"indexed_wo_smem_": DIRECT, "indexed_": INDEXED, None: AMPERE}[hit[1]]
        if "ffma" in name:
            family = FFMA if hit[1] is None else FFMA_INDEXED
        tm, tn, tk, groups = (int(v) for v in hit.groups()[1:])
        planes = "_nhwckrsc_nchw_" in name
        return ConvKernel(family, (tm, tn, tk), parts=grid[2], groups=groups, planes=planes)
    if (hit := _CUT_NAME.search(name)) is not None:
        tm, tn, tk = (int(v) for v in hit.groups())
        return ConvKernel(CUT, (tm, tn, tk))
    return None


def consistent(
    tile: tuple[int, int, int], pixels: int, filters: int, grid: Sequence[int], tf32: bool = False
) -> list[tuple[int, int]]:
    """Return the clusters of a wgmma tile that would be launched with ``grid`` on 132 SMs.

    The likeliest come first; those wider than all filters last.
    """
    rows, columns = ceil(pixels / tile[0]), ceil(filters / tile[1])
    found = []
    for down, across in clusters(tile, tf32):
        tiles = ceil(rows / down) * down * ceil(columns / across) * across
        ctas = min(tiles, capacity((down, across), 132))
        if (ctas // down, down) == (grid[0], grid[1]):
            found.append((down, across))
    return sorted(found, key=lambda cluster: cluster[1] > columns)
