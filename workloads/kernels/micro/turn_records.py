"""Records that show who issues when, what clock wgmma runs at, and how few SMs share L2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]
_F32 = "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
_F16 = "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16"
_K8 = "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32"
_SPARSE = "mma.sp::ordered_metadata.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
_S8 = "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32"


def turn_records() -> Iterator[Record]:
    """What the suite ``sm_micro_turns`` measures."""
    yield from _orders()
    yield from _wgmma()
    yield from _few_sms()


def _orders() -> Iterator[Record]:
    for warps in (8, 12, 16, 20, 24, 32):
        for what in ("mufu_ex2", "mufu_rcp", "fp32_add", "int32_mad", "int32_shift", "fp64_fma"):
            for rounds in (1, 4):
                yield {"bench": "turns", "what": what, "warps": warps, "steps": 24,
                       "rounds": rounds}  # fmt: skip
        for instr in (_F32, _F16, _K8, _SPARSE, _S8):
            for rounds in (1, 4):
                yield {"bench": "turns", "instr": instr, "warps": warps, "steps": 24,
                       "rounds": rounds, "data": "random"}  # fmt: skip
    for instr in (_F32, _F16, _K8, _SPARSE):
        for warps, ilp in ((8, 2), (12, 2), (16, 2), (32, 2), (8, 4), (12, 4), (16, 4)):
            for rounds in (1, 4):
                yield {"bench": "turns", "instr": instr, "warps": warps, "ilp": ilp, "steps": 16,
                       "rounds": rounds, "data": "random"}  # fmt: skip
    for what in ("fp64_fma", "fp32_fma", "fp16_fma", "int32_lop3", "bar_warp", "cvt_f32_f16"):
        for warps, ilp in ((8, 2), (16, 2), (16, 4), (32, 1)):
            yield {"bench": "turns", "what": what, "warps": warps, "ilp": ilp, "steps": 24,
                   "rounds": 4}  # fmt: skip
    for what in ("int32_mad", "int32_shift", "fp32_add"):
        for warps in (8, 16, 32):
            yield {"bench": "turns", "what": what, "warps": warps, "steps": 24, "every": 4,
                   "rounds": 4}  # fmt: skip


def _wgmma() -> Iterator[Record]:
    for n in (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256):
        for operands in ("ss", "rs"):
            yield {"bench": "wgmma_clocks", "operands": operands, "count": 20000,
                   "instr": f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.f16.f16"}  # fmt: skip
    for kind, sparse in (("k32.f32.e4m3.e4m3", "k64.f32.e4m3.e4m3"),
                         ("k32.s32.s8.s8", "k64.s32.s8.s8"),
                         ("k16.f16.f16.f16", "k32.f16.f16.f16"),
                         ("k8.f32.tf32.tf32", "k16.f32.tf32.tf32")):  # fmt: skip
        for n in (48, 64, 96, 128, 192, 256):
            for operands in ("ss", "rs"):
                common = {"bench": "wgmma_clocks", "operands": operands, "count": 20000}
                yield {**common, "instr": f"wgmma.mma_async.sync.aligned.m64n{n}{kind}"}
                yield {**common, "instr": f"wgmma.mma_async.sp.sync.aligned.m64n{n}{sparse}"}
    for repeat in range(4):  # the same launches again: what the clock alone does
        for data in ("zero", "random"):
            for n in (40, 64, 128, 256):
                for operands in ("ss", "rs"):
                    yield {"bench": "wgmma_clocks", "operands": operands, "data": data,
                           "repeat": repeat,
                           "instr": f"wgmma.mma_async.sync.aligned.m64n{n}k16.f32.f16.f16",
                           }  # fmt: skip


def _few_sms() -> Iterator[Record]:
    for size in (1 << 17, 1 << 19, 1 << 20, 1 << 22, 1 << 24):
        for ctas in (1, 2, 8, 32):
            for what, threads in (("l2", 256), ("l2", 1024), ("l2_u32", 1024)):
                yield {"bench": "bandwidth", "what": what, "ctas": ctas, "threads": threads,
                       "bytes": size}  # fmt: skip
