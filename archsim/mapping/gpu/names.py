"""Names of library kernels, both ways: what a recorded name says, and the name of a plan.

cuBLAS' Hopper kernels ``nvjet_sm90_hsh_256x128_64x4_1x2_h_bz_coopA_TNT`` give the tile as n x m,
then K step x stages, then the cluster as n x m. The last letter says which side is wgmma's M: T
the first (n), N the second (m). The other families compute the column-major product too, so
their first number runs along n for nvjet and along m for the rest (checked on recorded grids).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WGMMA = 0  # nvjet: TMA, clusters, warp-specialised
XMMA = 1  # sm90_xmma: wgmma without multicast
MMA = 2  # mma.sync with cp.async
FFMA = 3  # fp32 multiply-add units
DMMA = 4  # fp64 tensor cores
REDUCE = 5  # split-K reduction

COOP = {None: 0, "coopA": 1, "coopB": 2}


@dataclass(frozen=True, slots=True)
class GemmKernel:
    """What a kernel's name says about it. Tiles and clusters are along m and n of the operator.

    ``m_side`` says that wgmma's M runs along m, ``coop`` how two warpgroups share a tile (0 each
    its own, 1 halves of wgmma's M, 2 halves of its N), ``vertical`` the order of tiles.
    """

    engine: int
    tile_m: int
    tile_n: int
    tile_k: int
    stages: int
    cluster_m: int = 1
    cluster_n: int = 1
    coop: int = 0
    m_side: bool = True
    vertical: bool = False
    warps_m: int = 2
    warps_n: int = 2
    splits: bool = False
    static: bool = False


_NVJET = re.compile(
    r"nvjet_sm\d+_\w+?_(?P<tn>\d+)x(?P<tm>\d+)_(?P<tk>\d+)x(?P<st>\d+)_(?P<cn>\d+)x(?P<cm>\d+)"
    r"_(?P<dir>[vh])(?P<static>_ssched)?_bz(?:_(?P<coop>coop[AB]))?(?:_bias)?(?:_algo\d)?"
    r"(?P<split>_splitK)?(?:_algo\d)?_[TN]{2}(?P<side>[TN])"
)
_CUTLASS = re.compile(r"cutlass\w*?_(?:tensorop|simt)_\w*?_(\d+)x(\d+)_(\d+)x(\d+)_")
_XMMA = re.compile(
    r"sm(?P<sm>\d+)_xmma_.*?tilesize(?P<a>\d+)x(?P<b>\d+)x(?P<tk>\d+)(?:_stage(?P<st>\d+))?"
    r"(?:_cgasize\d+x\d+x\d+)?(?:_warpsize(?P<wa>\d+)x(?P<wb>\d+)x\d+)?"
)


def parse_gemm(name: str) -> GemmKernel | None:
    """Return what a recorded kernel name says; None where it is no GEMM kernel we know."""
    if (hit := _NVJET.search(name)) is not None:
        return GemmKernel(
            WGMMA,
            int(hit["tm"]), int(hit["tn"]), int(hit["tk"]), int(hit["st"]),
            int(hit["cm"]), int(hit["cn"]),
            COOP[hit["coop"]], hit["side"] == "N", hit["dir"] == "v",
            splits=hit["split"] is not None,
            static=hit["static"] is not None,
        )  # fmt: skip
    if (hit := _XMMA.search(name)) is not None:
        if "split_k_kernel" in name:
            return None
        kind = DMMA if "f64f64" in name else FFMA if "ffma" in name else MMA
        if hit["sm"] == "90" and kind == MMA:
            kind = XMMA
        sizes = int(hit["a"]), int(hit["b"]), int(hit["tk"]), int(hit["st"] or 4)
        warps = (int(hit["wa"]), int(hit["wb"])) if hit["wa"] else (2, 2)
        return GemmKernel(kind, *sizes, warps_m=warps[0], warps_n=warps[1])
    if (hit := _CUTLASS.search(name)) is not None:
        return _cutlass(name, *(int(v) for v in hit.groups()))
    return None


def _cutlass(name: str, first: int, second: int, tk: int, stages: int) -> GemmKernel:
    """Return a CUTLASS kernel; in a convolution the first number of the tile counts pixels."""
    kind = FFMA if "simt" in name else MMA
    if "fprop" in name:
        wm, wn = {(256, 64): (4, 1), (256, 128): (4, 2)}.get((first, second), (2, 2))
        return GemmKernel(kind, first, second, tk, stages, warps_m=wm, warps_n=wn)
    wide = 4 if first * second >= 128 * 256 else 2
    return GemmKernel(kind, second, first, tk, stages, warps_m=wide, warps_n=2)
