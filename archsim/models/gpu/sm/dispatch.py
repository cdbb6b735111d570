"""Which function executes an opcode (compiled): arithmetic, memory and asynchronous groups."""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import inlined
from archsim.models.gpu.sm import checks, control
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import lanes_async as asyn
from archsim.models.gpu.sm import lanes_bits as bit
from archsim.models.gpu.sm import lanes_double as dbl
from archsim.models.gpu.sm import lanes_float as flt
from archsim.models.gpu.sm import lanes_half as hlf
from archsim.models.gpu.sm import lanes_integer as integer
from archsim.models.gpu.sm import lanes_memory as mem
from archsim.models.gpu.sm import lanes_tensor as tensor
from archsim.models.gpu.sm import lanes_warp as warp
from archsim.models.gpu.sm import lanes_wgmma as group
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.lanes_atomic import atomic

# How an instruction ends: at the next one, elsewhere, to be tried again, with a fault.
FALLS, JUMPED, WAITED, FAILED = 0, 1, 2, 3


@inlined
def integers(op: Any, R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """Integer instructions."""
    if op == col.MOV:
        integer.mov(R, P, code, pc, wb, pb, mask)
    elif op == col.IADD3:
        integer.iadd3(R, P, code, pc, wb, pb, mask)
    elif op == col.IMAD:
        integer.imad(R, P, code, pc, wb, pb, mask)
    elif op == col.IMADW:
        integer.imad_wide(R, P, code, pc, wb, pb, mask)
    elif op == col.LOP3:
        integer.lop3(R, P, code, pc, wb, pb, mask)
    elif op == col.SHF:
        integer.shf(R, P, code, pc, wb, pb, mask)
    elif op == col.LEA:
        integer.lea(R, P, code, pc, wb, pb, mask)
    elif op == col.ISETP:
        integer.isetp(R, P, code, pc, wb, pb, mask)
    elif op == col.SEL:
        bit.sel(R, P, code, pc, wb, pb, mask)
    elif op == col.VMNMX:
        bit.vmnmx(R, P, code, pc, wb, pb, mask)
    elif op == col.PRMT:
        bit.prmt(R, P, code, pc, wb, pb, mask)
    elif op == col.BITOP:
        bit.bitop(R, P, code, pc, wb, pb, mask)
    elif op == col.DOT:
        bit.dot(R, P, code, pc, wb, pb, mask)


@inlined
def floats(op: Any, R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """Floating-point instructions."""
    if op == col.FARITH:
        flt.farith(R, P, code, pc, wb, pb, mask)
    elif op == col.FSETP:
        flt.fsetp(R, P, code, pc, wb, pb, mask)
    elif op == col.FMNMX:
        flt.fmnmx(R, P, code, pc, wb, pb, mask)
    elif op == col.FCHK:
        flt.fchk(R, P, code, pc, wb, pb, mask)
    elif op == col.MUFU:
        flt.mufu(R, P, code, pc, wb, pb, mask)
    elif op == col.DARITH:
        dbl.darith(R, P, code, pc, wb, pb, mask)
    elif op == col.DSETP:
        dbl.dsetp(R, P, code, pc, wb, pb, mask)
    elif op == col.CONV:
        dbl.conv(R, P, code, pc, wb, pb, mask)
    elif op == col.HARITH:
        hlf.harith(R, P, code, pc, wb, pb, mask)
    elif op == col.HSETP:
        hlf.hsetp(R, P, code, pc, wb, pb, mask)
    elif op == col.HMNMX:
        hlf.hmnmx(R, P, code, pc, wb, pb, mask)
    elif op == col.PACK:
        hlf.pack(R, P, code, pc, wb, pb, mask)


@inlined
def warp_wide(op: Any, R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, W: Any, w: Any,
               T: Any, mask: Any, active: Any) -> None:  # fmt: skip
    """Instructions that look across lanes, and special registers."""
    if op == col.PLOP3:
        bit.plop3(R, P, code, pc, wb, pb, mask)
    elif op == col.VOTE:
        warp.vote(R, P, code, pc, wb, pb, mask, active)
    elif op == col.SHFL:
        warp.shfl(R, P, code, pc, wb, pb, mask)
    elif op == col.S2R:
        warp.s2r(R, code, pc, wb, W, w, T, mask)
    elif op == col.R2UR:
        warp.r2ur(R, P, code, pc, wb, pb, mask)
    elif op == col.P2R:
        warp.p2r(R, P, code, pc, wb, pb, mask)
    elif op == col.R2P:
        warp.r2p(R, P, code, pc, wb, pb, mask)
    elif op == col.MATCH:
        warp.match(R, P, code, pc, wb, pb, mask)
    elif op == col.REDUX:
        warp.redux(R, P, code, pc, wb, pb, mask)
    elif op == col.ELECT:
        warp.elect(R, P, code, pc, wb, pb, mask)
    elif op == col.B2R:
        control.barrier_result(R, P, code, pc, wb, pb, W, w, mask)


@inlined
def matrices(op: Any, g: Any, pc: Any, wb: Any, pb: Any, w: Any) -> bool:
    """Matrix instructions; False after a fault."""
    if op == col.HMMA:
        tensor.hmma(g.R, g.code, pc, wb, g.X)
    elif op == col.IMMA:
        tensor.imma(g.R, g.code, pc, wb, g.X)
    elif op == col.DMMA:
        tensor.dmma(g.R, g.code, pc, wb, g.X)
    elif op == col.MOVM:
        tensor.movm(g.R, g.code, pc, wb)
    else:
        return group.wgmma(g.R, g.P, g.code, pc, wb, pb, g.M8, g.L, g.W, w, g.X, g.F)
    return True


@inlined
def memory(op: Any, g: Any, pc: Any, wb: Any, pb: Any, w: Any, mask: Any) -> bool:
    """Loads, stores, atomics and copies to shared memory; False after a fault."""
    mem.addresses(g.R, g.code, pc, wb, mask, g.A)
    if op == col.LDC:
        mem.load_constant(g.R, g.code, pc, wb, g.constants, g.starts, g.A, mask)
        return True
    if op == col.LDGSTS:
        done = mem.global_to_shared(g.R, g.P, g.code, pc, wb, pb, g.L, g.W, w, g.ends, g.M8, g.A,
                                    g.Q, mask, g.X, g.F)  # fmt: skip
        if done and g.L[st.CHECK]:
            checks.mark_copied(g.R, g.code, pc, wb, g.L, g.W, w, g.ready, mask)
        return done
    if not mem.places(g.code, pc, g.L, g.W, w, g.ends, g.A, g.Q, mask, g.F):
        return False
    if g.L[st.CHECK] and not checks.access(g.R, g.code, pc, wb, g.L, g.W, w, g.B, g.M32, g.A, g.Q,
                                           mask, g.ready, g.race, g.F):  # fmt: skip
        return False
    if op == col.LOAD:
        mem.load(g.R, g.code, pc, wb, g.M8, g.M32, g.Q, mask)
    elif op == col.STORE:
        mem.store(g.R, g.code, pc, wb, g.M8, g.M32, g.Q, mask)
    elif op == col.ATOM:
        atomic(g.R, g.code, pc, wb, g.M32, g.Q, mask)
    elif op == col.LDSM:
        mem.load_matrices(g.R, g.code, pc, wb, g.M32, g.Q)
    else:
        mem.store_matrices(g.R, g.code, pc, wb, g.M8, g.M32, g.Q)
    return True


@inlined
def asynchronous(op: Any, g: Any, pc: Any, wb: Any, pb: Any, w: Any, mask: Any,
                  force: Any) -> int:  # fmt: skip
    """mbarriers and copies; ``force`` lets a try that would wait forever come back false."""
    R, code, L, W, M32, A, F = g.R, g.code, g.L, g.W, g.M32, g.A, g.F
    done = True
    if op == col.SYNCS:
        mem.addresses(R, code, pc, wb, mask, A)
        kind = code[pc, col.SUB]
        if kind == 2 or kind == 3:
            complete = asyn.test_phases(R, g.P, code, pc, wb, pb, L, W, w, M32, A, mask, F)
            if complete < 0:
                return FAILED
            if complete == 1:
                g.B[W[w, st.CTA], st.EPOCH_ROW, 0] += 1
            return WAITED if complete == 0 and kind == 3 and not force else FALLS
        if kind < 2:
            done = asyn.arrive(R, code, pc, wb, L, W, w, M32, A, mask, F)
    elif op == col.ARRIVES:
        mem.addresses(R, code, pc, wb, mask, A)
        done = asyn.arrive_copies(code, pc, L, W, w, M32, A, mask, F)
    elif op == col.BULK:
        done = asyn.bulk(R, code, pc, wb, L, W, w, g.ends, M32, A, F)
    elif op == col.TMA:
        done = asyn.tensor_copy(R, code, pc, wb, L, W, w, g.ends, g.M8, M32, A, F)
    else:
        A[:] = -1
        done = asyn.remote(R, code, pc, wb, L, W, w, M32, A, mask, F)
    if done and L[st.CHECK]:
        checks.mark_asynchronous(op, code, pc, L, W, w, A, g.ready, mask)
    return FALLS if done else FAILED
