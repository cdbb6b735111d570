"""Records that tell ports apart: which SMs share what of L2, which patterns a shared load costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]
# SMs 0 to 63 are dealt to the GPCs in turns of a TPC: a GPC holds 2g, 2g + 1, 2g + 16, 2g + 17, ...
ONE_GPC = [16 * i + j for i in range(4) for j in range(2)]
CHOSEN = (
    [0], [6], [0, 1], *([0, 2 * g] for g in range(1, 8)), [0, 16], [0, 2, 4], [0, 1, 2, 3],
    [0, 2, 4, 6], [8, 10, 12, 14], [0, 16, 32, 48], ONE_GPC[:6], ONE_GPC, list(range(0, 16, 2)),
    list(range(16)), [2 * g + 16 * i for g in range(4) for i in range(4)], list(range(0, 64, 2)),
    list(range(64)), list(range(132)),
)  # fmt: skip


def port_records() -> Iterator[Record]:
    """What the suite ``sm_micro_ports`` measures."""
    for on in CHOSEN:
        for size in (1 << 17, 1 << 19):
            for share in ("all", "own") if len(on) > 1 else ("all",):
                yield {"bench": "l2_port", "on": on, "bytes": size, "share": share}
        yield {"bench": "l2_port", "on": on, "bytes": 1 << 17, "share": "own", "load": "u32"}
        yield {"bench": "l2_port", "on": on, "bytes": 1 << 17, "share": "own", "threads": 256}
    yield from _shared_ports()
    yield from _patterns()
    yield from _places()
    yield from _resident()
    yield from _groups()


def _shared_ports() -> Iterator[Record]:
    """Six SMs of each of eight GPCs beside each TPC: they slow down where it shares their port."""
    for gpc in range(8):
        six = [2 * gpc + 16 * i + j for i in range(3) for j in range(2)]
        for tpc in range(66):
            if 2 * tpc not in six:
                yield {"bench": "l2_port", "on": [*six, 2 * tpc, 2 * tpc + 1], "bytes": 1 << 19,
                       "share": "own"}  # fmt: skip
    last = [128, 129, 130, 131, 124, 125, 126, 127]
    for on in (last[:2], last[:4], last[4:], last[::2], last, list(range(120, 132)),
               [*last, 4, 6, 8, 10, 12, 14, 0, 2],
               [*last, *(2 * g + 16 * i for g in range(8) for i in range(3))]):  # fmt: skip
        for share in ("own", "all"):
            for size in (1 << 17, 1 << 19):
                yield {"bench": "l2_port", "on": on, "bytes": size, "share": share}


def _patterns() -> Iterator[Record]:
    shapes = ("unit", "uniform", "half", "half_far", "row16", "row8", "quarter", "pairs")
    for space in ("shared", "l1"):
        for width in (4, 8, 16):
            for pattern in shapes:
                for warps in (4, 16, 32):
                    yield {"bench": "load_pattern", "loads": [[width, pattern, 32 // width]],
                           "warps": warps, "space": space}  # fmt: skip
    for rows in (
        [[4, "row16", 16], [16, "half", 4]],
        [[4, "unit", 16], [16, "uniform", 4]],
        [[4, "row16", 4], [4, "half", 4]],
        [[4, "unit", 4], [4, "uniform", 4]],
        [[8, "row16", 4], [16, "half", 2]],
        [[4, "unit", 8], [4, "row16", 8]],
        [[16, "unit", 2], [16, "uniform", 2]],
    ):
        for warps in (8, 16, 32):
            for products in (0, 16, 48):
                if (warps, products, rows[0][0]) != (32, 0, 16):  # too many registers
                    yield {"bench": "load_pattern", "loads": rows, "warps": warps,
                           "fma": products}  # fmt: skip
    for tile, counts in ((16, (132, 528)), (32, (132, 264))):
        for ctas in counts:
            for parts in ("af", "bf", "abf", "abfs", "abfsc", "fs", "s", "sc", "c"):
                yield {"bench": "tile_product", "tile": tile, "ctas": ctas, "parts": parts}


def _places() -> Iterator[Record]:
    for threads, smem in ((1024, 0), (1024, 120 << 10), (256, 0), (64, 0)):
        for ctas in (1, 2, 4, 8, 12, 16, 24, 33, 48, 66, 88, 100, 120, 132, 160, 264):
            if smem == 0 or ctas <= 132:
                yield {"bench": "placement", "ctas": ctas, "threads": threads, "smem": smem}


def _resident() -> Iterator[Record]:
    for threads in (64, 256, 1024):
        for smem in (0, 256, 512, 1024, 2048, 4096, 8192, 12288, 16384, 24576, 32768, 49152):
            for many in (2, 4, 16):
                yield {"bench": "residency", "ctas": 132 * many, "threads": threads, "smem": smem}


def _groups() -> Iterator[Record]:
    """wgmma in longer groups than the paper's tables take, and DPX by warps and chains."""
    for instr in ("wgmma.mma_async.sp.sync.aligned.m64n256k32.f32.f16.f16",
                  "wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16",
                  "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16"):  # fmt: skip
        for operands in ("ss", "rs"):
            for ilp in (16, 64, 128, 256):
                yield {"bench": "wgmma_latency", "instr": instr, "operands": operands, "ilp": ilp}
    for instr in ("viaddmax_s32", "viaddmin_u32", "viaddmax_s32_relu", "vimax3_s32"):
        for warps, ilp in ((4, 1), (4, 4), (8, 4), (16, 2), (16, 4), (32, 1), (32, 2)):
            yield {"bench": "dpx_throughput", "instr": instr, "warps": warps, "ilp": ilp}
