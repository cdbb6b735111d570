"""Records that judge: no law and no constant came from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads.kernels.micro import alu
from workloads.kernels.micro.catalog import MMA, MMA_SPARSE

Record = dict[str, Any]
ARITHMETIC = ("fp32_fma", "int32_mad", "fp64_fma", "fp16_fma", "int64_mad", "int32_lop3")
STREAMS = ("l1_vec4", "shared", "l1_u32", "shared_u32", "shared_vec2", "l1_vec2")


def judge_records() -> Iterator[Record]:
    """What the suite ``sm_micro_judge`` measures: records that no law was chosen on."""
    for shape in MMA:
        for warps, ilp in ((2, 2), (8, 4), (12, 1), (32, 1)):
            yield {"bench": "mma_throughput", "instr": f"mma.sync.aligned.{shape}",
                   "warps": warps, "ilp": ilp}  # fmt: skip
    for shape in MMA_SPARSE:
        for warps, ilp in ((2, 2), (8, 4), (32, 1)):
            yield {"bench": "mma_throughput", "warps": warps, "ilp": ilp,
                   "instr": f"mma.sp::ordered_metadata.sync.aligned.{shape}"}  # fmt: skip
    for n in (40, 80, 112, 160, 224):
        instr = f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.f16.f16"
        for operands in ("ss", "rs"):
            yield {"bench": "wgmma_latency", "instr": instr, "operands": operands}
            for data in ("zero", "random"):
                yield {"bench": "wgmma_throughput", "instr": instr, "operands": operands,
                       "data": data}  # fmt: skip
    for n, kind in ((32, "k16.f32.bf16.bf16"), (192, "k32.f32.e4m3.e4m3"), (96, "k32.s32.s8.s8")):
        for data in ("zero", "random"):
            yield {"bench": "wgmma_throughput", "operands": "ss", "data": data,
                   "instr": f"wgmma.mma_async.sync.aligned.m64n{n}{kind}"}  # fmt: skip
    for size in (2, 4, 8, 16):
        for pattern in ("ring", "pair", "broadcast"):
            yield {"bench": "dsmem_throughput", "pattern": pattern, "cluster": size, "ilp": 3}
            yield {"bench": "dsmem_throughput", "pattern": pattern, "cluster": size, "ilp": 2,
                   "threads": 512}  # fmt: skip
    for what in ARITHMETIC:
        for warps, ilp in ((2, 3), (10, 2), (28, 1), (32, 2)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
    for what in STREAMS:
        yield from ({"bench": "bandwidth", "what": what, "threads": n} for n in (96, 384, 768))
    for what in ("l2", "dram"):
        yield from ({"bench": "bandwidth", "what": what, "ctas": n} for n in (8, 50, 100))
    for ways in (6, 12, 24):
        yield {"bench": "latency", "what": "shared", "ways": ways}


def second_judge_records() -> Iterator[Record]:
    """What the suite ``sm_micro_judge2`` measures: other sizes of the same instructions and
    paths."""
    names = [f"mma.sync.aligned.{shape}" for shape in MMA]
    names += [f"mma.sp::ordered_metadata.sync.aligned.{shape}" for shape in MMA_SPARSE]
    for instr in names:
        for warps, ilp in ((2, 1), (6, 2), (12, 2), (20, 1)):
            yield {"bench": "mma_throughput", "instr": instr, "warps": warps, "ilp": ilp}
        yield {"bench": "mma_latency", "instr": instr, "warps": 2, "ilp": 1}
    kinds = ("k16.f32.f16.f16", "k16.f32.bf16.bf16", "k8.f32.tf32.tf32", "k32.f32.e4m3.e4m3",
             "k32.s32.s8.s8")  # fmt: skip
    for n in (32, 96, 160, 224):
        for kind in kinds:
            k, types = kind.split(".", 1)
            for name in (
                f"wgmma.mma_async.sync.aligned.m64n{n}{kind}",
                f"wgmma.mma_async.sp.sync.aligned.m64n{n}k{2 * int(k[1:])}.{types}",
            ):
                for operands in ("ss", "rs"):
                    base = {"instr": name, "operands": operands}
                    yield {"bench": "wgmma_latency", **base}
                    yield {"bench": "wgmma_throughput", **base, "data": "random"}
    for name in alu.DPX:
        yield {"bench": "dpx_throughput", "instr": name, "warps": 12, "ilp": 2}
    for size in (2, 4, 8, 16):
        for pattern in ("ring", "pair", "broadcast"):
            for threads, ilp in ((256, 5), (640, 2), (1024, 4)):
                yield {"bench": "dsmem_throughput", "pattern": pattern, "cluster": size,
                       "ilp": ilp, "threads": threads}  # fmt: skip
    for what in ARITHMETIC:
        for warps, ilp in ((3, 2), (6, 4), (12, 1), (20, 3), (32, 4)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
        yield {"bench": "latency", "what": what}
    for what in STREAMS:
        yield from ({"bench": "bandwidth", "what": what, "threads": n} for n in (160, 480, 896))
        yield {"bench": "bandwidth", "what": what}
    for what in ("l2", "dram"):
        yield {"bench": "bandwidth", "what": what}
        yield from ({"bench": "bandwidth", "what": what, "ctas": n} for n in (24, 80, 110))
    for what in ("l1", "shared", "l2", "global"):
        yield {"bench": "latency", "what": what}
    for size in (96 << 10, 4 << 20, 16 << 20):
        yield {"bench": "latency", "what": "l2" if size > (1 << 20) else "l1", "bytes": size}
