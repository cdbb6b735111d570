"""Inline PTX for Numba kernels, and cluster launches: the only home of both.

``asm`` turns PTX text into a function that kernels call; LLVM's operand letters name the types::

    mad24 = asm("mad24.lo.s32 $0, $1, $2, $3;", "r", "rrr")

`Module` loads a compiled kernel through ``cuda.core``, which knows clusters, and launches it with
arrays as Numba's ABI lays them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.extending import intrinsic
from numba.core.typing import signature

_NUMBA = {
    "h": types.uint16, "r": types.uint32, "l": types.uint64, "f": types.float32,
    "d": types.float64,
}  # fmt: skip
_LLVM = {
    "h": ir.IntType(16), "r": ir.IntType(32), "l": ir.IntType(64), "f": ir.FloatType(),
    "d": ir.DoubleType(),
}  # fmt: skip


def asm(template: str, results: str = "", operands: str = "") -> Callable[..., Any]:
    """A function for kernels that runs the PTX ``template`` (volatile, clobbers memory).

    ``results`` and ``operands`` have one letter each: h, r, l for 16, 32 and 64 bits, f and d for
    floats. In the text ``$0`` is the first result; operands follow. Several results come as a
    tuple, none as None. Takes up to eight operands.
    """
    many = tuple(_NUMBA[letter] for letter in results)
    result = types.void if not many else many[0] if len(many) == 1 else types.Tuple(many)
    sig = signature(result, *(_NUMBA[letter] for letter in operands))
    constraints = ",".join([*(f"={letter}" for letter in results), *operands, "~{memory}"])
    outputs = [_LLVM[letter] for letter in results]
    returned = ir.VoidType() if not outputs else outputs[0] if len(outputs) == 1 else None
    function = ir.FunctionType(
        returned or ir.LiteralStructType(outputs), [_LLVM[letter] for letter in operands]
    )

    def codegen(context: Any, builder: Any, sig: Any, args: Sequence[Any]) -> Any:
        code = ir.InlineAsm(function, template, constraints, side_effect=True)
        value = builder.call(code, args)
        if not outputs:
            return context.get_dummy_value()
        if len(outputs) == 1:
            return value
        parts = [builder.extract_value(value, i) for i in range(len(outputs))]
        return context.make_tuple(builder, sig.return_type, parts)

    return _with_arity(len(operands), lambda: (sig, codegen))


def _with_arity(count: int, build: Callable[[], Any]) -> Callable[..., Any]:
    """``build`` as an intrinsic of ``count`` arguments (Numba reads the parameter list)."""
    wrappers: list[Callable[..., Any]] = [
        lambda typingctx: build(),
        lambda typingctx, a: build(),
        lambda typingctx, a, b: build(),
        lambda typingctx, a, b, c: build(),
        lambda typingctx, a, b, c, d: build(),
        lambda typingctx, a, b, c, d, e: build(),
        lambda typingctx, a, b, c, d, e, f: build(),
        lambda typingctx, a, b, c, d, e, f, g: build(),
        lambda typingctx, a, b, c, d, e, f, g, h: build(),
    ]
    if count >= len(wrappers):
        raise ValueError(f"operands must be at most {len(wrappers) - 1}, not {count}")
    found: Callable[..., Any] = intrinsic(wrappers[count])
    return found


@intrinsic
def address_of(typingctx: Any, array: Any) -> Any:
    """Generic address of an array's first element, uint64."""

    def codegen(context: Any, builder: Any, sig: Any, args: Sequence[Any]) -> Any:
        struct = context.make_array(sig.args[0])(context, builder, args[0])
        return builder.ptrtoint(struct.data, cgutils.intp_t)

    return signature(types.uint64, array), codegen


clock64 = asm("mov.u64 $0, %clock64;", "l")
smid = asm("mov.u32 $0, %smid;", "r")
cluster_rank = asm("mov.u32 $0, %cluster_ctarank;", "r")
cluster_size = asm("mov.u32 $0, %cluster_nctarank;", "r")
shared_address = asm("{.reg .u64 t; cvta.to.shared.u64 t, $1; cvt.u32.u64 $0, t;}", "r", "l")
map_shared = asm("mapa.shared::cluster.u32 $0, $1, $2;", "r", "rr")
load_cluster_u32 = asm("ld.shared::cluster.u32 $0, [$1];", "r", "r")
store_cluster_u32 = asm("st.shared::cluster.u32 [$0], $1;", "", "rr")
add_cluster_u32 = asm("red.shared::cluster.add.u32 [$0], $1;", "", "rr")
cluster_arrive = asm("barrier.cluster.arrive.release.aligned;")
cluster_wait = asm("barrier.cluster.wait.acquire.aligned;")
async_copy_16 = asm("cp.async.cg.shared.global [$0], [$1], 16;", "", "rl")
async_copy_4 = asm("cp.async.ca.shared.global [$0], [$1], 4;", "", "rl")
async_commit = asm("cp.async.commit_group;")
async_wait_all = asm("cp.async.wait_group 0;")
async_wait_1 = asm("cp.async.wait_group 1;")


class Module:
    """One kernel of a cubin on the current device, ready to launch (needs a GPU)."""

    def __init__(self, cubin: bytes, entry: str) -> None:
        from cuda.core import Device, ObjectCode

        Device(0).set_current()
        self.kernel: Any = ObjectCode.from_cubin(cubin).get_kernel(entry)

    def allow(self, dynamic_smem_bytes: int, cluster: int) -> None:
        """Permit more than 48 KB of dynamic shared memory and clusters above 8."""
        from cuda.bindings import driver

        names = driver.CUfunction_attribute
        wanted = {
            names.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: dynamic_smem_bytes,
            names.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED: int(cluster > 8),
        }
        for name, value in wanted.items():
            if value:
                answer = driver.cuKernelSetAttribute(name, value, self.kernel.handle, 0)
                if int(answer[0]) != 0:
                    raise RuntimeError(f"the driver answered {answer[0]} to {name.name}={value}")

    def launch(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        args: Sequence[Any],
        *,
        cluster: int = 1,
        dynamic_smem_bytes: int = 0,
    ) -> None:
        """Queue one launch on the default stream; ``args`` are flat (arrays: `flat_array`).

        ``grid`` counts CTAs; clusters lie along its first dimension.
        """
        from cuda.core import LEGACY_DEFAULT_STREAM, LaunchConfig, launch

        more: dict[str, Any] = {"cluster": (cluster, 1, 1)} if cluster > 1 else {}
        config = LaunchConfig(
            grid=(grid[0] // cluster, *grid[1:]), block=tuple(block),
            shmem_size=dynamic_smem_bytes, **more,
        )  # fmt: skip
        launch(LEGACY_DEFAULT_STREAM, config, self.kernel, *args)


def flat_array(
    address: int, shape: Sequence[int], strides: Sequence[int], itemsize: int
) -> list[Any]:
    """Numba's ABI of an array argument: two null pointers, items, item bytes, address, shape,
    strides in bytes; every word has 64 bits."""
    words = [0, 0, int(np.prod(shape)), itemsize, address, *shape, *strides]
    return [np.int64(word) for word in words]
