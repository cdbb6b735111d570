"""Every micro-benchmark by its record, and the set that is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from archsim.errors import ConfigError
from workloads.kernels.micro import (
    alu,
    atomics,
    boxes,
    cluster,
    copies,
    memory,
    ports,
    tensor,
    turns,
)
from workloads.kernels.micro.kernel import Bench

Record = dict[str, Any]


def _latency(record: Record) -> Bench:
    what = record.get("what")
    if what in memory.CHASES or what in memory.OWN_CHASES:
        return memory.chase(record)
    return alu.chain_bench(record)


BENCHES: dict[str, Callable[[Record], Bench]] = {
    "latency": _latency,
    "rate": alu.chain_bench,
    "code": alu.code_bench,
    "progress": alu.progress,
    "bandwidth": memory.stream,
    "l2_map": ports.l2_map,
    "l2_port": ports.l2_port,
    "load_pattern": ports.load_pattern,
    "placement": ports.placement,
    "residency": ports.residency,
    "tile_product": ports.tile_product,
    "atomic_latency": atomics.atomic,
    "atomic_rate": atomics.atomic,
    "mma_latency": tensor.mma,
    "mma_throughput": tensor.mma,
    "wgmma_latency": tensor.wgmma,
    "wgmma_throughput": tensor.wgmma,
    "wgmma_clocks": tensor.wgmma,
    "turns": turns.turns,
    "dpx_latency": alu.chain_bench,
    "dpx_throughput": alu.chain_bench,
    "dsmem_latency": cluster.dsmem_latency,
    "dsmem_throughput": cluster.dsmem_throughput,
    "cluster_barrier": cluster.cluster_barrier,
    "cp_async_latency": copies.cp_async,
    "cp_async_throughput": copies.cp_async,
    "bulk_latency": copies.bulk,
    "bulk_throughput": copies.bulk,
    "barrier": copies.barrier,
    "dsmem_atomic": atomics.dsmem_atomic,
    "atomic_lines": atomics.atomic_lines,
    "chases": atomics.chases,
    "tma_latency": boxes.tma,
    "tma_throughput": boxes.tma,
}


def build(record: Record) -> Bench:
    """The launch of one record; raises ConfigError for what it does not know."""
    name = record.get("bench")
    if name not in BENCHES:
        raise ConfigError(f"bench must be one of {', '.join(BENCHES)}, not {name!r}")
    defaults = {"warps": 32, "ilp": 4} if name in ("rate", "dpx_throughput") else {}
    try:
        return BENCHES[name]({**defaults, **record})
    except KeyError as error:
        raise ConfigError(f"{name} must know its field or value {error}") from error


def records() -> Iterator[Record]:
    """What the suite ``sm_micro`` measures."""
    yield from _arithmetic()
    yield from _memory()
    yield from _tensor()
    yield from _copies()
    yield from _clusters()


BOXES = ((16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (16, 256), (256, 16), (256, 4),
         (8, 8, 8), (8, 8, 16), (8, 16, 16), (16, 16, 16))  # fmt: skip


def tma_records() -> Iterator[Record]:
    """What the suite ``sm_micro_tma`` measures: boxes of tensors."""
    for box in BOXES:
        yield {"bench": "tma_latency", "box": list(box)}
        for ctas, depth in ((1, 1), (1, 4), (132, 1), (132, 4)):
            if depth * 4 * _product(box) < 200 << 10:
                yield {"bench": "tma_throughput", "box": list(box), "ctas": ctas, "depth": depth}


def atomic_records() -> Iterator[Record]:
    """What the suite ``sm_micro_atomics`` measures: counts, chases, copies beside products."""
    for size in (2, 4, 8, 16):
        for held in (128, 512, 2048):
            for spread in ("peer", "all"):
                yield {"bench": "dsmem_atomic", "cluster": size, "spread": spread, "held": held}
        for lanes in (1, 4, 8, 16):
            yield {"bench": "dsmem_atomic", "cluster": size, "spread": "peer", "lanes": lanes}
        yield {"bench": "dsmem_atomic", "cluster": size, "spread": "peer", "words": "row"}
        for warps in (1, 4, 32):
            yield {"bench": "dsmem_atomic", "cluster": size, "spread": "all", "warps": warps}
    for size in (1, 2, 4, 8):
        for held in (128, 512, 2048):
            for spread in ("own", "all"):
                yield {"bench": "dsmem_atomic", "cluster": size, "spread": spread, "held": held,
                       "resident": 4}  # fmt: skip
    for lines in (1, 32, 256, 4096):
        for lanes in (1, 2, 4, 8, 16, 24, 32):
            yield {"bench": "atomic_lines", "lines": lines, "lanes": lanes}
        for lanes in (8, 16):
            yield {"bench": "atomic_lines", "lines": lines, "lanes": lanes, "which": "first"}
        for what in ("global_add", "global_red_f32"):
            for lanes in (8, 32):
                yield {"bench": "atomic_lines", "what": what, "lines": lines, "lanes": lanes}
        yield {"bench": "atomic_lines", "lines": lines, "lanes": 8, "ctas": 16}
    for order in ("line", "random"):
        for ctas, lanes in ((1, 1), (1, 8), (1, 32), (33, 1), (132, 1), (132, 8), (132, 32)):
            yield {"bench": "chases", "ctas": ctas, "lanes": lanes, "order": order}
    for size in (4, 8, 16):
        for warps in (8, 32):
            for math in (0, 2, 4, 8):
                yield {"bench": "cp_async_throughput", "bytes": size, "warps": warps, "math": math}


def _product(box: tuple[int, ...]) -> int:
    total = 1
    for extent in box:
        total *= extent
    return total


def _arithmetic() -> Iterator[Record]:
    for what in alu.CHAINS:
        yield {"bench": "latency", "what": what}
        yield {"bench": "rate", "what": what, "warps": 32, "ilp": 4}
    for what in ("fp32_fma", "int32_mad", "int32_add_xor", "fp64_fma", "mufu_ex2", "fp16_fma"):
        for warps, ilp in ((1, 2), (1, 4), (1, 8), (4, 1), (4, 4), (8, 1), (8, 4), (16, 2)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
    for what in ("fp32_fma", "int32_mad", "fp32_add"):
        for warps, ilp in ((12, 4), (16, 4), (20, 4), (24, 4), (16, 1), (32, 1), (32, 2), (8, 2)):
            yield {"bench": "rate", "what": what, "warps": warps, "ilp": ilp}
    for instr in alu.DPX:
        yield {"bench": "dpx_latency", "instr": instr}
        yield {"bench": "dpx_throughput", "instr": instr}
    for count in (128, 512, 1024, 2048, 4096, 8192, 16384):
        for which in ("cold", "warm"):
            yield {"bench": "code", "instructions": count, "pass": which}


def _memory() -> Iterator[Record]:
    for what in ("l1", "shared", "l2", "global", "shared_index", "shared_u64", "shared_generic"):
        yield {"bench": "latency", "what": what}
    for ways in (2, 3, 4, 5, 8, 16, 32):
        yield {"bench": "latency", "what": "shared", "ways": ways}
    for size in (64 << 10, 160 << 10, 8 << 20, 24 << 20, 48 << 20):
        yield {"bench": "latency", "what": "l2" if size > (1 << 20) else "l1", "bytes": size}
    yield {"bench": "l2_map"}
    for what in memory.STREAMS:
        yield {"bench": "bandwidth", "what": what}
    for stride in (2, 4, 8, 32):
        yield {"bench": "bandwidth", "what": "shared_u32", "stride": stride, "threads": 256}
        yield {"bench": "bandwidth", "what": "l1_u32", "stride": stride, "threads": 256}
    for threads in (32, 64, 128, 256, 512):
        for what in ("l1_vec4", "shared", "l1_u32"):
            yield {"bench": "bandwidth", "what": what, "threads": threads}
    for ctas in (1, 4, 16, 33, 66, 132):
        for what in ("l2", "dram"):
            yield {"bench": "bandwidth", "what": what, "ctas": ctas}
    for what in atomics.ATOMICS:
        if "red" not in what:
            yield {"bench": "atomic_latency", "what": what}
        for stride in (0, 1, 2):
            for warps, ctas in ((1, 1), (8, 1), (8, 132)):
                yield {"bench": "atomic_rate", "what": what, "stride": stride, "warps": warps,
                       "ctas": ctas}  # fmt: skip
    for warps in (1, 2, 4, 8, 16, 32):
        yield {"bench": "barrier", "warps": warps}


MMA = (
    "m16n8k16.row.col.f32.f16.f16.f32", "m16n8k16.row.col.f16.f16.f16.f16",
    "m16n8k8.row.col.f32.f16.f16.f32", "m16n8k8.row.col.f16.f16.f16.f16",
    "m16n8k16.row.col.f32.bf16.bf16.f32", "m16n8k8.row.col.f32.bf16.bf16.f32",
    "m16n8k4.row.col.f32.tf32.tf32.f32", "m16n8k8.row.col.f32.tf32.tf32.f32",
    "m16n8k16.row.col.s32.s8.s8.s32", "m16n8k32.row.col.s32.s8.s8.s32",
    "m16n8k32.row.col.f32.e4m3.e4m3.f32", "m8n8k4.row.col.f64.f64.f64.f64",
    "m16n8k4.row.col.f64.f64.f64.f64", "m16n8k8.row.col.f64.f64.f64.f64",
    "m16n8k16.row.col.f64.f64.f64.f64",
)  # fmt: skip
MMA_SPARSE = (
    "m16n8k32.row.col.f32.f16.f16.f32", "m16n8k32.row.col.f16.f16.f16.f16",
    "m16n8k16.row.col.f32.f16.f16.f32", "m16n8k16.row.col.f32.tf32.tf32.f32",
    "m16n8k64.row.col.s32.s8.s8.s32", "m16n8k8.row.col.f32.tf32.tf32.f32",
)  # fmt: skip
WARPS_ILP = ((1, 1), (1, 2), (1, 4), (4, 1), (4, 2), (4, 4), (8, 1), (8, 2), (16, 1), (16, 2))


def _tensor() -> Iterator[Record]:
    names = [f"mma.sync.aligned.{shape}" for shape in MMA]
    names += [f"mma.sp::ordered_metadata.sync.aligned.{shape}" for shape in MMA_SPARSE]
    for instr in names:
        for warps, ilp in WARPS_ILP:
            yield {"bench": "mma_latency", "instr": instr, "warps": warps, "ilp": ilp}
            yield {"bench": "mma_throughput", "instr": instr, "warps": warps, "ilp": ilp}
    yield from _wgmma()


def _wgmma() -> Iterator[Record]:
    for n in (8, 16, 24, 32, 48, 64, 96, 128, 192, 256):
        instr = f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.f16.f16"
        for operands in ("ss", "rs"):
            yield {"bench": "wgmma_latency", "instr": instr, "operands": operands}
            for ilp in (1, 2, 4) if n in (8, 64, 128, 256) else ():
                yield {"bench": "wgmma_latency", "instr": instr, "operands": operands, "ilp": ilp}
    kinds = ("k16.f16.f16.f16", "k16.f32.bf16.bf16", "k8.f32.tf32.tf32", "k32.f32.e4m3.e4m3",
             "k32.f16.e5m2.e5m2", "k32.s32.s8.s8", "k16.f32.f16.f16")  # fmt: skip
    for n in (64, 128, 256):
        for kind in kinds:
            instr = f"wgmma.mma_async.sync.aligned.m64n{n}{kind}"
            k, types = kind.split(".", 1)
            sparse = f"wgmma.mma_async.sp.sync.aligned.m64n{n}k{2 * int(k[1:])}.{types}"
            for name in (instr, sparse):
                for operands in ("ss", "rs"):
                    base = {"instr": name, "operands": operands}
                    yield {"bench": "wgmma_latency", **base}
                    for data in ("zero", "random"):
                        yield {"bench": "wgmma_throughput", **base, "data": data}


def _copies() -> Iterator[Record]:
    for size in (4, 8, 16):
        yield {"bench": "cp_async_latency", "bytes": size}
        for warps in (1, 4, 16):
            yield {"bench": "cp_async_throughput", "bytes": size, "warps": warps}
    for size in (16, 64, 256, 1024, 4096, 16384, 65536):
        yield {"bench": "bulk_latency", "bytes": size}
        for ctas in (1, 132):
            if size < 65536:
                yield {"bench": "bulk_throughput", "bytes": size, "ctas": ctas}


def _clusters() -> Iterator[Record]:
    for size in (2, 4, 8, 16):
        yield from ({"bench": "dsmem_latency", "cluster": size, "shift": s} for s in range(size))
        yield {"bench": "cluster_barrier", "cluster": size}
        yield {"bench": "cluster_barrier", "cluster": size, "warps": 8}
        for pattern in ("ring", "pair", "broadcast"):
            for ilp in (1, 2, 4, 8):
                yield {"bench": "dsmem_throughput", "pattern": pattern, "cluster": size, "ilp": ilp}
        for vector in (8, 16):
            yield {"bench": "dsmem_throughput", "pattern": "ring", "cluster": size, "ilp": 2,
                   "vector": vector}  # fmt: skip
        for op, threads in (("store", 1024), ("load", 256), ("load", 512)):
            yield {"bench": "dsmem_throughput", "pattern": "ring", "cluster": size, "op": op,
                   "threads": threads}  # fmt: skip
