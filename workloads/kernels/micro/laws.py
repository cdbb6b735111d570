"""Records that tell laws of the SM apart: operands, warps and chains, ports, misses in flight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads.kernels.micro import alu

Record = dict[str, Any]


def law_records() -> Iterator[Record]:
    """What the suite ``sm_micro_laws`` measures: what operands, warps, chains, ports and misses in
    flight cost."""
    yield from _issue_records()
    for size in (2, 4, 8, 16):
        yield from ({"bench": "dsmem_latency", "cluster": size, "shift": s}
                    for s in range(1, size))  # fmt: skip
        for pattern in ("ring", "pair"):
            for threads, ilp in ((128, 1), (128, 4), (256, 2), (512, 1), (512, 4), (768, 2),
                                 (1024, 3), (1024, 6)):  # fmt: skip
                yield {"bench": "dsmem_throughput", "pattern": pattern, "cluster": size,
                       "threads": threads, "ilp": ilp}  # fmt: skip
    for size in (4, 8, 16):
        for warps in (1, 2, 4, 8, 16, 32):
            for depth in (1, 2, 4, 8) if warps < 32 or size < 16 else (1, 2, 4):
                yield {"bench": "cp_async_throughput", "bytes": size, "warps": warps,
                       "depth": depth}  # fmt: skip
    for what in ("l2", "l2_u32", "dram"):
        for ctas in (1, 2, 4, 8, 16, 24, 33, 48, 66, 88, 100, 120, 132, 264):
            for threads in (256, 1024) if what != "dram" else (1024,):
                yield {"bench": "bandwidth", "what": what, "ctas": ctas, "threads": threads}
    for cache in ("cg", "ca"):
        for warps, lanes, ilp in ((1, 1, 1), (1, 32, 1), (4, 8, 1), (4, 32, 1), (8, 32, 1),
                                  (16, 32, 1), (32, 8, 1), (32, 32, 1), (32, 32, 2),
                                  (32, 32, 4), (8, 32, 4), (32, 8, 4)):  # fmt: skip
            yield {"bench": "chases", "warps": warps, "lanes": lanes, "ilp": ilp, "nodes": 32,
                   "cache": cache}  # fmt: skip
            if warps * lanes * ilp <= 1024:
                yield {"bench": "chases", "warps": warps, "lanes": lanes, "ilp": ilp, "nodes": 32,
                       "cache": cache, "ctas": 8}  # fmt: skip


def miss_records() -> Iterator[Record]:
    """What the suite ``sm_micro_misses`` measures: growing numbers of loads in flight of one SM and
    of all, cold and from L2, in few pages, so that address translation costs nothing."""
    for passes in ("cold", "warm"):
        for ctas in (1, 132):
            for warps, ilp in ((1, 1), (4, 1), (8, 1), (16, 1), (32, 1), (32, 2), (32, 3), (32, 4),
                               (32, 6), (32, 8), (32, 12), (16, 16)):  # fmt: skip
                for cache in ("cg", "ca") if passes == "cold" else ("cg",):
                    if ctas == 1 or (cache == "cg" and ilp <= 4):
                        yield {"bench": "chases", "order": "warp", "warps": warps, "lanes": 32,
                               "ilp": ilp, "nodes": 32, "cache": cache, "ctas": ctas,
                               "bytes": (16 if ctas == 1 else 256) << 20,
                               "pass": passes}  # fmt: skip
        for warps, lanes, ilp in ((1, 32, 1), (4, 32, 1), (8, 32, 1), (16, 32, 1), (32, 8, 1),
                                  (32, 32, 1), (32, 32, 2), (32, 32, 3), (32, 8, 4),
                                  (32, 8, 8), (32, 1, 8)):  # fmt: skip
            for cache in ("cg", "ca") if passes == "cold" else ("cg",):
                yield {"bench": "chases", "warps": warps, "lanes": lanes, "ilp": ilp, "nodes": 32,
                       "cache": cache, "bytes": 32 << 20, "pass": passes}  # fmt: skip


def _issue_records() -> Iterator[Record]:
    for what in (*alu.VARIANTS, "fp32_add", "fp32_fma"):
        for warps, ilp in ((4, 4), (8, 4), (12, 4), (16, 4), (32, 4), (16, 1), (32, 1), (32, 2),
                           (32, 3), (32, 8)):  # fmt: skip
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp, "ends": 1}
    for what in ("fp32_add", "fp32_fma", "int32_add_xor"):
        for unroll in (32, 64):
            for warps in (8, 16, 32):
                yield {"bench": "rate", "what": what, "warps": warps, "ilp": 4, "unroll": unroll}
    for what in ("mufu_ex2", "int32_mad", "fp32_add", "int32_shift"):
        for warps in (8, 16, 32):
            yield {"bench": "progress", "what": what, "warps": warps}
            for unroll, rounds in ((128, 4), (128, 64), (32, 64), (512, 4), (64, 32)):
                yield {"bench": "rate", "what": what, "warps": warps, "ilp": 1, "unroll": unroll,
                       "rounds": rounds, "ends": 1}  # fmt: skip
    for what in ("fp32_max", "int32_lop3", "int32_prmt", "int32_min_add", "int32_add_xor",
                 "int32_shift", "int32_sel", "cvt_f32_f16", "fp16_add", "fp16_fma", "int64_add_xor",
                 "bar_warp", "int32_mad", "fp64_fma", "mufu_ex2"):  # fmt: skip
        for warps, ilp in ((4, 4), (8, 4), (16, 4), (32, 1), (16, 1), (12, 2)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp, "ends": 1}
    for name in (
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
        "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16",
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32",
        "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32",
        "mma.sp::ordered_metadata.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
        "mma.sp::ordered_metadata.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32",
    ):
        for warps, ilp in ((4, 1), (4, 2), (4, 3), (4, 4), (4, 6), (8, 1), (8, 2), (8, 3), (8, 4),
                           (12, 1), (12, 2), (12, 4), (16, 1), (16, 2), (16, 3), (16, 4), (20, 1),
                           (24, 1), (24, 2), (32, 1), (32, 2), (32, 4)):  # fmt: skip
            yield {"bench": "mma_throughput", "instr": name, "warps": warps, "ilp": ilp, "ends": 1}
