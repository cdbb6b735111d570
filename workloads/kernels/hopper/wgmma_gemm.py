"""A matrix product on warp-group instructions: bulk copies through a ring of mbarriers.

A CTA of two warp groups computes 128 x 128 elements of C (fp32) = A B (fp16); four stages of 64
along K are in flight. Operands lie in memory as the tensor core reads them, in cores of 8 rows of
16 bytes (`tile_a`, `tile_b`), so that a stage is three contiguous copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from archsim.frontend import Kernel, load_ptx
from workloads.kernels.examples.case import Case

TILE, STEP, STAGES = 128, 64, 4
STAGE_BYTES = 2 * TILE * STEP * 2
DYNAMIC_BYTES = STAGES * STAGE_BYTES + 1024
_DESCRIPTOR = (16 << 32) | (8 << 16)  # cores 128 bytes apart along K, 256 along M and N


@cache
def kernel() -> Kernel:
    """The assembled product; parameters: A, B, C, columns of C, steps along K."""
    d = [f"%f{i}" for i in range(64)]
    lines = [
        ".version 8.6", ".target sm_90a", ".address_size 64",
        ".extern .shared .align 1024 .b8 ring[];",
        ".visible .entry wgmma_gemm(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n,",
        " .param .u32 steps)", "{", ".reg .pred %one, %more, %ok, %refill; .reg .f32 %f<64>;",
        ".reg .b32 %r<40>; .reg .b64 %d<20>; .reg .b64 %a<4>, %b<4>;",
        ".shared .align 8 .b64 full[4];",
        "ld.param.u64 %d1, [a]; ld.param.u64 %d2, [b]; ld.param.u64 %d3, [c];",
        "ld.param.u32 %r1, [n]; ld.param.u32 %r2, [steps];",
        "mov.u32 %r3, %tid.x; shr.u32 %r4, %r3, 7; mov.u32 %r5, ring; mov.u32 %r6, full;",
        "mov.u32 %r7, %ctaid.x; mov.u32 %r8, %ctaid.y; setp.eq.u32 %one, %r3, 0;",
        # operands of this CTA: two blocks of 64 rows of A, one of 128 columns of B, 8 KB a step
        "mul.lo.u32 %r9, %r2, 8192; shl.b32 %r10, %r8, 1; mul.wide.u32 %d4, %r10, %r9;",
        "add.u64 %d4, %d1, %d4; cvt.u64.u32 %d5, %r9; add.u64 %d5, %d4, %d5;",
        "shl.b32 %r11, %r9, 1; mul.wide.u32 %d6, %r7, %r11; add.u64 %d6, %d2, %d6;",
    ]  # fmt: skip
    for n in range(STAGES):
        lines.append(f"@%one mbarrier.init.shared::cta.b64 [%r6+{8 * n}], 1;")
    lines += ["@%one fence.mbarrier_init.release.cluster;", "bar.sync 0;", "@!%one bra READY;"]
    for n in range(STAGES):
        lines += [f"setp.ge.u32 %more, {n}, %r2;", "@%more bra READY;", *_copies(f"{n}", n)]
    lines += ["READY:", *(f"mov.f32 {x}, 0f00000000;" for x in d)]
    lines += [
        "mov.u32 %r12, 0; mov.u32 %r13, 0; mov.u32 %r14, 0;",  # step, stage, phase
        "LOOP:", "shl.b32 %r15, %r13, 3; add.u32 %r15, %r15, %r6;",
        "WAIT: mbarrier.try_wait.parity.shared::cta.b64 %ok, [%r15], %r14;", "@!%ok bra WAIT;",
        f"mad.lo.u32 %r16, %r13, {STAGE_BYTES}, %r5; mad.lo.u32 %r17, %r4, 8192, %r16;",
        "shr.u32 %r17, %r17, 4; and.b32 %r17, %r17, 0x3fff; add.u32 %r16, %r16, 16384;",
        "shr.u32 %r16, %r16, 4; and.b32 %r16, %r16, 0x3fff;",
        f"cvt.u64.u32 %a0, %r17; or.b64 %a0, %a0, {_DESCRIPTOR};",
        f"cvt.u64.u32 %b0, %r16; or.b64 %b0, %b0, {_DESCRIPTOR};",
    ]  # fmt: skip
    for i in range(1, 4):
        lines.append(f"add.u64 %a{i}, %a0, {i * 2048 // 16}; add.u64 %b{i}, %b0, {i * 4096 // 16};")
    lines.append("wgmma.fence.sync.aligned;")
    for i in range(4):
        lines.append(
            f"wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {{{', '.join(d)}}}, %a{i}, %b{i},"
            " 1, 1, 1, 0, 0;"
        )
    lines += [
        "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 1;", "bar.sync 0;",
        # the stage of the step before is free: its next operands
        f"add.u32 %r18, %r12, {STAGES - 1}; setp.lt.u32 %more, %r18, %r2;",
        "setp.ne.u32 %refill, %r12, 0; and.pred %more, %more, %refill;",
        "and.pred %more, %more, %one; @!%more bra NEXT;",
        f"add.u32 %r19, %r13, {STAGES - 1}; and.b32 %r19, %r19, {STAGES - 1};",
        *_copies("%r18", None), "NEXT:", "add.u32 %r12, %r12, 1; add.u32 %r13, %r13, 1;",
        f"setp.eq.u32 %ok, %r13, {STAGES}; @%ok xor.b32 %r14, %r14, 1; @%ok mov.u32 %r13, 0;",
        "setp.lt.u32 %more, %r12, %r2; @%more bra LOOP;", "wgmma.wait_group.sync.aligned 0;",
        # row: 64 a warp group, 16 a warp, a quarter of the lane; two columns a lane
        "and.b32 %r20, %r3, 31; shr.u32 %r21, %r3, 5; shl.b32 %r21, %r21, 4;",
        "shr.u32 %r22, %r20, 2; add.u32 %r21, %r21, %r22; mad.lo.u32 %r21, %r8, 128, %r21;",
        "and.b32 %r23, %r20, 3; shl.b32 %r23, %r23, 1; mad.lo.u32 %r23, %r7, 128, %r23;",
        "mad.lo.u32 %r24, %r21, %r1, %r23; mul.wide.u32 %d10, %r24, 4; add.u64 %d10, %d3, %d10;",
        "mul.wide.u32 %d11, %r1, 32; add.u64 %d11, %d10, %d11;",
    ]  # fmt: skip
    for j in range(16):
        lines.append(f"st.global.v2.f32 [%d10+{32 * j}], {{{d[4 * j]}, {d[4 * j + 1]}}};")
        lines.append(f"st.global.v2.f32 [%d11+{32 * j}], {{{d[4 * j + 2]}, {d[4 * j + 3]}}};")
    return load_ptx("\n".join([*lines, "ret; }"]), "wgmma_gemm", "sm_90a")


def _copies(step: str, stage: int | None) -> list[str]:
    """The three copies of one step into its stage (None: the one in %r19)."""
    lines = [f"mov.u32 %r25, {step};", f"mov.u32 %r26, {'%r19' if stage is None else stage};"]
    lines += [
        "shl.b32 %r27, %r26, 3; add.u32 %r27, %r27, %r6;",
        f"mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r27], {STAGE_BYTES};",
        f"mad.lo.u32 %r28, %r26, {STAGE_BYTES}, %r5; mul.wide.u32 %d7, %r25, 8192;",
        "add.u64 %d8, %d4, %d7;", "add.u32 %r29, %r28, 8192; add.u64 %d9, %d5, %d7;",
        "add.u32 %r30, %r28, 16384; shl.b64 %d7, %d7, 1; add.u64 %d12, %d6, %d7;",
    ]  # fmt: skip
    for target, source, size in (
        ("%r28", "%d8", 8192),
        ("%r29", "%d9", 8192),
        ("%r30", "%d12", 16384),
    ):
        lines.append(
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
            f"[{target}], [{source}], {size}, [%r27];"
        )
    return lines


def tile_a(a: np.ndarray) -> np.ndarray:
    """A (float16[m, k]) in blocks of 64 rows and 16 columns of cores, one after another."""
    return _tiled(a, 64)


def tile_b(b: np.ndarray) -> np.ndarray:
    """B (float16[k, n]) in blocks of 128 columns and 16 rows of cores."""
    return _tiled(b.T, TILE)


def _tiled(x: np.ndarray, rows: int) -> np.ndarray:
    m, k = x.shape
    cores = x.reshape(m // rows, rows // 8, 8, k // 16, 2, 8).transpose(0, 3, 1, 4, 2, 5)
    return np.ascontiguousarray(cores).ravel()


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """One wave of CTAs with a short and a long K, and more than one wave."""
    for m, n, k in ((1408, 1536, 512), (1408, 1536, 4096), (4096, 4096, 1024)):
        a = rng.integers(-4, 5, (m, k)).astype(np.float16)
        b = rng.integers(-4, 5, (k, n)).astype(np.float16)
        args = (tile_a(a), tile_b(b), np.zeros((m, n), np.float32), np.uint32(n),
                np.uint32(k // STEP))  # fmt: skip
        yield Case(
            f"wgmma_gemm_{m}x{n}x{k}", kernel(), (n // TILE, m // TILE), (256,), args,
            {"dynamic_smem_bytes": DYNAMIC_BYTES, "expect": _product(a, b)},
        )  # fmt: skip


def _product(a: np.ndarray, b: np.ndarray):
    def expect(args: tuple) -> None:
        np.testing.assert_array_equal(args[2], a.astype(np.float32) @ b.astype(np.float32))

    return expect
