"""Hand-written PTX whose machine code Numba alone does not produce, one entry ``k`` each.

Every kernel takes the addresses of an input and an output array of 32-bit words, 4 words a thread.
"""

from __future__ import annotations

from functools import cache

from archsim.frontend import Kernel, load_ptx

_HEAD = """.version 8.6
.target sm_90a
.address_size 64
.visible .entry k(.param .u64 p, .param .u64 q) {
 .shared .align 1024 .b8 sm[16384];
 .reg .pred %p<9>; .reg .b16 %h<20>; .reg .b32 %r<200>; .reg .b64 %d<60>;
 .reg .f32 %f<200>; .reg .f64 %g<20>;
 ld.param.u64 %d1, [p]; ld.param.u64 %d2, [q];
 cvta.to.global.u64 %d1, %d1; cvta.to.global.u64 %d2, %d2;
 mov.u32 %r1, %tid.x; mul.wide.u32 %d3, %r1, 16;
 add.u64 %d4, %d1, %d3; add.u64 %d5, %d2, %d3;
 mov.u32 %r2, sm; shl.b32 %r3, %r1, 4; add.u32 %r3, %r3, %r2;
"""
_LOAD = " ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%d4];"
_TAIL = """
 st.global.v4.u32 [%d5], {%r20, %r21, %r22, %r23};
 ret;
}
"""

BULK = """
 setp.eq.u32 %p1, %r1, 0;
 @!%p1 bra SKIP;
 mbarrier.init.shared::cta.b64 [%r2], 1;
 fence.mbarrier_init.release.cluster;
 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 512;
 add.u32 %r8, %r2, 1024;
 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r8], [%d1], 512, [%r2];
SKIP:
 bar.sync 0;
W: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra W;
 xor.b32 %r9, %r1, 1; shl.b32 %r9, %r9, 4; add.u32 %r9, %r9, %r2;
 ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r9 + 1024];
"""

CP_ASYNC = """
 cp.async.ca.shared.global [%r3], [%d4], 4;
 mov.u32 %r30, 4;
 cp.async.ca.shared.global [%r3 + 8], [%d4 + 8], 8, %r30;
 mov.u32 %r31, 7; st.shared.u32 [%r3 + 4], %r31;
 cp.async.commit_group; cp.async.wait_group 0; bar.sync 0;
 ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r3];
"""

CLUSTER = """
 mov.u32 %r30, %cluster_ctarank; mov.u32 %r31, %cluster_nctarank;
 st.shared.v4.u32 [%r3], {%r4, %r5, %r6, %r7};
 add.u32 %r32, %r30, 1; rem.u32 %r32, %r32, %r31;
 mapa.shared::cluster.u32 %r33, %r3, %r32;
 barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
 ld.shared::cluster.u32 %r20, [%r33];
 atom.shared::cluster.add.u32 %r21, [%r33 + 4], 100;
 barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
 ld.shared.u32 %r22, [%r3 + 4];
 mov.u32 %r23, %r30;
 mov.u32 %r40, %clusterid.x; mov.u32 %r41, %cluster_nctaid.x; mad.lo.u32 %r42, %r40, %r41, %r30;
 mul.wide.u32 %d6, %r42, 512; add.u64 %d5, %d5, %d6;
"""

REMOTE = """
 mov.u32 %r30, %cluster_ctarank; xor.b32 %r32, %r30, 1;
 setp.eq.u32 %p1, %r1, 0;
 @%p1 mbarrier.init.shared::cta.b64 [%r2], 1;
 @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 128;
 barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
 mapa.shared::cluster.u32 %r33, %r3, %r32; mapa.shared::cluster.u32 %r34, %r2, %r32;
 add.u32 %r35, %r4, %r30;
 st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r33 + 1024], %r35, [%r34];
W: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra W;
 ld.shared.u32 %r20, [%r3 + 1024]; mov.u32 %r21, %r30; mov.u32 %r22, 0; mov.u32 %r23, 0;
 mul.wide.u32 %d6, %r30, 512; add.u64 %d5, %d5, %d6;
"""

HMMA = """
 ld.global.v2.u32 {%r8, %r9}, [%d4 + 512];
 mov.f32 %f4, 0f3F800000; mov.f32 %f5, 0f40000000;
 mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f20, %f21, %f22, %f23},
   {%r4, %r5, %r6, %r7}, {%r8, %r9}, {%f4, %f5, %f4, %f5};
 mov.b32 %r20, %f20; mov.b32 %r21, %f21; mov.b32 %r22, %f22; mov.b32 %r23, %f23;
"""
SPARSE = """
 ld.global.v4.u32 {%r8, %r9, %r10, %r11}, [%d4 + 512]; ld.global.u32 %r12, [%d4 + 1024];
 mov.f32 %f4, 0f00000000;
 mma.sp.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32 {%f20, %f21, %f22, %f23},
   {%r4, %r5, %r6, %r7}, {%r8, %r9, %r10, %r11}, {%f4, %f4, %f4, %f4}, %r12, 0;
 mov.b32 %r20, %f20; mov.b32 %r21, %f21; mov.b32 %r22, %f22; mov.b32 %r23, %f23;
"""
BMMA = """
 ld.global.v2.u32 {%r8, %r9}, [%d4 + 512]; mov.u32 %r10, 0;
 mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc {%r20, %r21, %r22, %r23},
   {%r4, %r5, %r6, %r7}, {%r8, %r9}, {%r10, %r10, %r10, %r10};
"""
IMMA = """
 ld.global.v2.u32 {%r8, %r9}, [%d4 + 512];
 mov.u32 %r10, 5;
 mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%r20, %r21, %r22, %r23},
   {%r4, %r5, %r6, %r7}, {%r8, %r9}, {%r10, %r1, %r10, %r1};
"""
DMMA = """
 ld.global.v2.f64 {%g1, %g2}, [%d4]; ld.global.f64 %g3, [%d4 + 512];
 mov.f64 %g4, 0d3FF0000000000000;
 mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%g5, %g6}, {%g1}, {%g3}, {%g4, %g4};
 mov.b64 {%r20, %r21}, %g5; mov.b64 {%r22, %r23}, %g6;
"""
LDMATRIX = """
 st.shared.v4.u32 [%r3], {%r4, %r5, %r6, %r7}; bar.warp.sync 0xffffffff;
 ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r20, %r21}, [%r3];
 ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r22}, [%r3];
 movmatrix.sync.aligned.m8n8.trans.b16 %r23, %r20;
"""
DPX = """
 add.s32 %r20, %r4, %r5; max.s32 %r20, %r20, %r6;
 max.s32 %r21, %r4, %r5; max.s32 %r21, %r21, %r6; max.s32 %r21, %r21, 0;
 add.s16x2 %r22, %r4, %r5; max.s16x2.relu %r22, %r22, %r6;
 min.u16x2 %r23, %r4, %r5; min.u16x2 %r23, %r23, %r6;
"""
BITS = """
 prmt.b32 %r20, %r4, %r5, %r6; bfe.s32 %r30, %r4, 3, 7; bfi.b32 %r31, %r4, %r5, 5, 9;
 add.u32 %r21, %r30, %r31; dp4a.s32.u32 %r22, %r4, %r5, %r6;
 shf.l.wrap.b32 %r23, %r4, %r5, %r6;
"""
REDUCE = """
 redux.sync.add.s32 %r20, %r4, 0xffffffff; redux.sync.min.u32 %r21, %r4, 0xffffffff;
 and.b32 %r30, %r4, 3; match.any.sync.b32 %r22, %r30, 0xffffffff;
 setp.lt.s32 %p1, %r4, 0; barrier.red.popc.u32 %r23, 0, %p1;
"""
HALVES = """
 fma.rn.f16x2 %r20, %r4, %r5, %r6; add.f16x2 %r21, %r4, %r5; max.f16x2 %r22, %r4, %r5;
 mov.b32 %f4, %r7; cvt.rn.f16x2.f32 %r23, %f4, %f4;
"""
SUFFIXES = """
 mov.b32 %f4, %r4; mov.b32 %f5, %r5; mov.b32 %f6, %r6;
 fma.rz.f32 %f7, %f4, %f5, %f6; add.rp.f32 %f8, %f4, %f5; mul.rm.f32 %f9, %f4, %f5;
 cvt.rni.s32.f32 %r23, %f4;
 mov.b32 %r20, %f7; mov.b32 %r21, %f8; mov.b32 %r22, %f9;
"""
WGMMA = """
 st.shared.v4.u32 [%r3], {%r4, %r5, %r6, %r7};
 ld.global.v4.u32 {%r8, %r9, %r10, %r11}, [%d4 + 2048];
 st.shared.v4.u32 [%r3 + 4096], {%r8, %r9, %r10, %r11};
 fence.proxy.async; bar.sync 0;
 shr.u32 %r12, %r2, 4; and.b32 %r12, %r12, 0x3fff; add.u32 %r13, %r12, 256;
 cvt.u64.u32 %d10, %r12; or.b64 %d10, %d10, {high};
 cvt.u64.u32 %d11, %r13; or.b64 %d11, %d11, {high};
 wgmma.fence.sync.aligned;
 wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f20, %f21, %f22, %f23}, %d10, %d11,
   0, 1, 1, 0, 0;
 wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
 mov.b32 %r20, %f20; mov.b32 %r21, %f21; mov.b32 %r22, %f22; mov.b32 %r23, %f23;
"""
TENSOR = """
 setp.eq.u32 %p1, %r1, 0;
 @!%p1 bra SKIP;
 mbarrier.init.shared::cta.b64 [%r2], 1;
 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 512;
 add.u32 %r8, %r2, 1024; mov.u32 %r9, 3; mov.s32 %r10, -1;
 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
   [%r8], [%d1, {%r9, %r10}], [%r2];
SKIP:
 bar.sync 0;
W: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
 @!%p2 bra W;
 ld.shared.v4.u32 {%r20, %r21, %r22, %r23}, [%r3 + 1024];
"""


@cache
def kernel(body: str, loads: bool = True) -> Kernel:
    """The assembled kernel around ``body``."""
    return load_ptx(_HEAD + _LOAD * loads + body + _TAIL, "k", "sm_90a")
