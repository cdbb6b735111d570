"""Records of atomics, full ports, code that no cache holds, copies, barriers and mixed units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads.kernels.micro import atomics

Record = dict[str, Any]


def path_records() -> Iterator[Record]:
    """What the suite ``sm_micro_paths`` measures."""
    yield from _atomics()
    yield from _full_ports()
    yield from _code()
    yield from _copies()
    yield from _units()


MIXED = ("hi_add", "hi_add_xor", "hi_lo", "hi_lo_lo", "wide_low", "wide_sum", "wide_adds")


def unit_records() -> Iterator[Record]:
    """What the suite ``sm_micro_units`` measures."""
    for what in MIXED:
        yield {"bench": "latency", "what": what}
        for warps, ilp in ((1, 2), (4, 1), (8, 1), (8, 2), (16, 2)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
    for what in ("int32_popc", "mufu_sin", "mufu_rcp", "cvt_f64_f32", "cvt_f32_s32", "mufu_ex2"):
        for warps, ilp in ((1, 1), (1, 4), (4, 4), (8, 1), (8, 4), (16, 4), (24, 4), (32, 1),
                           (32, 2)):  # fmt: skip
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp, "ends": 1}
    for values in (1, 2, 4, 32):
        yield {"bench": "latency", "what": "match_all", "different": values}
        for what in ("match_all", "match_any"):
            yield {"bench": "rate", "what": what, "different": values, "warps": 16, "ilp": 1}
    for what, (_, result, _) in {**atomics.ATOMICS, **atomics.MORE_ATOMICS}.items():
        if what.startswith("shared") and (result or "f32" in what):
            for shape in ({}, {"group": 2}, {"group": 4}, {"group": 32}, {"lanes": 1},
                          {"stride": 2}, {"stride": 8}):  # fmt: skip
                yield {"bench": "atomic_latency", "what": what, **shape}


def _atomics() -> Iterator[Record]:
    every = {**atomics.ATOMICS, **atomics.MORE_ATOMICS}
    del every["shared_add_unused"]
    for what in every:
        if what.startswith("global") and "red" not in what and what != "global_add_f32":
            yield {"bench": "atomic_latency", "what": what}
            yield {"bench": "atomic_latency", "what": what, "group": 2}
            yield {"bench": "atomic_latency", "what": what, "lanes": 1}
        shared = what.startswith("shared")
        shapes = ((1, 1), (2, 1), (4, 1), (16, 1)) + (() if shared else ((8, 33), (8, 132)))
        for group in (1, 2, 4, 8, 32):
            for warps, ctas in shapes:
                yield {"bench": "atomic_rate", "what": what, "group": group, "warps": warps,
                       "ctas": ctas}  # fmt: skip
        for lanes in (1, 4, 16):
            for warps in (1, 8):
                yield {"bench": "atomic_rate", "what": what, "lanes": lanes, "warps": warps}
    for what in ("global_add", "global_red", "global_red_f64", "global_cas", "global_sum_f32"):
        for ctas in (2, 8, 33, 132):
            yield {"bench": "atomic_rate", "what": what, "warps": 8, "ctas": ctas, "apart": 1}
        for stride in (4, 8, 32):
            for ctas in (1, 132):
                yield {"bench": "atomic_rate", "what": what, "warps": 8, "ctas": ctas,
                       "stride": stride}  # fmt: skip
        for rounds in (1, 2, 3, 4, 8):  # how many an SM takes before it waits
            for warps in (1, 4):
                yield {"bench": "atomic_rate", "what": what, "warps": warps, "rounds": rounds}
    for what in ("shared_cas", "shared_add_f32", "shared_add", "shared_sum_f64"):
        for stride in (2, 4, 8, 32):
            for warps in (1, 8):
                yield {"bench": "atomic_rate", "what": what, "warps": warps, "stride": stride}


FULL = [16 * i + j for i in range(4) for j in range(2)]  # eight SMs of GPC 0 (see port_records)


def _full_ports() -> Iterator[Record]:
    """A GPC whose port is full beside one SM of each other; two such; more of one and of many."""
    own = {"bench": "l2_port", "bytes": 1 << 19, "share": "own"}
    for gpc in range(8):
        others = [2 * g + 48 for g in range(8) if g != gpc]
        yield {**own, "on": [*(2 * gpc + sm for sm in FULL[:6]), *others]}
        yield {**own, "on": [*(2 * gpc + sm for sm in FULL), *others]}
        for other in range(gpc):
            rest = [2 * g + 48 for g in range(8) if g not in (gpc, other)]
            yield {**own, "on": [*(2 * g + sm for g in (gpc, other) for sm in FULL), *rest]}
    for many in (5, 6, 7, 8, 10, 12, 14):
        sms = [sm for i in range(7) for sm in (16 * i, 16 * i + 1)][:many]
        yield {**own, "on": [*sms, 8, 24, 40]}
        yield {**own, "on": [*(sm + 2 * g for g in range(8) for sm in sms)]}
    for ctas in (12, 20, 24, 28, 40, 56, 80, 100, 116):
        for what in ("l2", "dram", "l2_write", "dram_write"):
            yield {"bench": "bandwidth", "what": what, "ctas": ctas}
    for ctas in (33, 132, 264):
        for size in (1 << 26, 1 << 28, 1 << 30):
            yield {"bench": "bandwidth", "what": "dram_write", "ctas": ctas, "bytes": size}
    yield {"bench": "l2_map", "stride": 128, "lines": 2048, "keep": 6}
    yield {"bench": "l2_map", "stride": 4096, "lines": 512, "keep": 6}


def _code() -> Iterator[Record]:
    for count in (1280, 1536, 1792, 1920, 2176, 2304, 2560, 3072, 3584, 5120, 6144, 7168, 7680,
                  9216, 10240, 12288, 14336, 20480):  # fmt: skip
        for which in ("cold", "warm"):
            yield {"bench": "code", "instructions": count, "pass": which}
    for count in (1024, 2048, 4096, 10240):
        for warps in (2, 4, 8, 16, 32):
            yield {"bench": "code", "instructions": count, "pass": "warm", "warps": warps}
        for what in ("int32_mad_wide", "mufu_ex2", "fp64_fma"):
            yield {"bench": "code", "instructions": count, "pass": "warm", "what": what}
        for ctas in (8, 132):
            yield {"bench": "code", "instructions": count, "pass": "warm", "ctas": ctas}


def _copies() -> Iterator[Record]:
    for size in (4, 8, 16):
        for lanes in (1, 8, 16, 24, 32):
            yield {"bench": "cp_async_latency", "bytes": size, "lanes": lanes}
        for warps in (1, 2, 4, 8):
            for depth in (1, 2, 4, 8):
                yield {"bench": "cp_async_throughput", "bytes": size, "warps": warps,
                       "depth": depth}  # fmt: skip
    for size in (32, 128, 512, 768, 2048, 3072, 8192, 32768):
        yield {"bench": "bulk_latency", "bytes": size}
        for ctas in (1, 16, 132):
            for depth in (1, 2, 4, 8):
                if depth * size <= 65536:
                    yield {"bench": "bulk_throughput", "bytes": size, "ctas": ctas, "depth": depth}
    for size in (2, 4, 8, 16):
        for warps in (2, 4, 16, 32):
            yield {"bench": "cluster_barrier", "cluster": size, "warps": warps}


def _units() -> Iterator[Record]:
    for what in ("int32_mad_hi", "int32_mul_hi", "uint32_mul_hi", "uint32_mad_hi", "int32_mul_wide",
                 "uint32_mad_wide", "int32_mad_wide", "int32_div", "fp32_sqrt"):  # fmt: skip
        yield {"bench": "latency", "what": what}
        for warps, ilp in ((1, 2), (1, 4), (4, 1), (8, 1), (8, 2), (16, 2), (32, 1)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
    for what in ("bar_warp", "bar_warp_only", "match_any"):
        for warps, ilp in ((1, 1), (1, 4), (4, 1), (8, 1), (8, 4), (16, 2), (32, 1)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
    for values in (1, 2, 3, 4, 8, 16):
        yield {"bench": "latency", "what": "match_any", "different": values}
