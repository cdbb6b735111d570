"""The suite ``cublaslt``: every algorithm that the library's heuristic offers, each one timed.

The C API of the cuBLASLt that PyTorch has loaded is called through ctypes, so that the candidates
and their order are the library's own.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from workloads.measure.counts import Case, counted
from workloads.measure.cublaslt_shapes import batched_shapes, ranked_shapes, shapes
from workloads.measure.device import Nvml
from workloads.measure.operators import Launch, Maker
from workloads.measure.store import Store

REQUESTED, WORKSPACE_BYTES = 48, 32 << 20
METHOD = (
    "candidates of cublasLtMatmulAlgoGetHeuristic in its order (rank 0 is the library's choice), "
    f"at most {REQUESTED}, workspace {WORKSPACE_BYTES >> 20} MiB; ids as the library's "
    "configuration attributes give them; times as in the operator suites, 5 runs"
)
RANKING_METHOD = (
    "candidates of cublasLtMatmulAlgoGetHeuristic in its order for random shapes, not timed; "
    "`ranked` holds one row of `fields` a candidate"
)
RANKING_FIELDS = ["tile", "stages", "cluster", "split_k", "custom"]
GROUP = 6  # shapes whose candidates are timed in one profiler session
CUDA_TYPES = {"fp32": 0, "fp64": 1, "fp16": 2, "int8": 3, "int32": 10, "bf16": 14, "fp8": 28}
COMPUTE = {"fp16": (68, "fp32"), "bf16": (68, "fp32"), "fp8": (68, "fp32"), "tf32": (77, "fp32"),
           "fp32": (68, "fp32"), "fp64": (70, "fp64"), "int8": (72, "int32")}  # fmt: skip
OUT = {"fp8": "bf16", "int8": "int32", "tf32": "fp32"}
TRANSA, EPILOGUE, BIAS_POINTER, A_SCALE, B_SCALE = 3, 7, 8, 17, 18
EPILOGUE_BIAS, BATCH_COUNT, BATCH_STRIDE = 4, 5, 6
PREFERENCE_WORKSPACE = 1
CONFIG: dict[str, tuple[int, Any]] = {
    "algo": (0, ctypes.c_int32), "tile": (1, ctypes.c_uint32), "split_k": (2, ctypes.c_int32),
    "reduction": (3, ctypes.c_uint32), "swizzle": (4, ctypes.c_uint32),
    "custom": (5, ctypes.c_uint32), "stages": (6, ctypes.c_uint32),
    "inner": (7, ctypes.c_uint16), "cluster": (8, ctypes.c_uint16),
}  # fmt: skip


class Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = [
        ("algo", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    ]


class Library:
    """cuBLASLt's handle and calls; RuntimeError with the call's name where one fails."""

    def __init__(self, torch: Any) -> None:
        torch.mm(*(torch.ones(16, 16, device="cuda") for _ in range(2)))  # loads the library
        self._lib = ctypes.CDLL(f"libcublasLt.so.{torch.version.cuda.split('.')[0]}")
        self.handle = ctypes.c_void_p()
        self.call("cublasLtCreate", ctypes.byref(self.handle))

    def call(self, name: str, *args: Any) -> None:
        """Call ``name`` and check its status."""
        status = getattr(self._lib, name)(*args)
        if status:
            raise RuntimeError(f"{name} returned {status}")

    def version(self) -> int:
        """The library's version number."""
        self._lib.cublasLtGetVersion.restype = ctypes.c_size_t
        return int(self._lib.cublasLtGetVersion())


class Problem:
    """One product A[b,m,k] B[b,n,k]^T: its descriptors and candidate algorithms.

    ``b`` is 1 unless the case has it; ``op: linear`` adds a bias in the epilogue.
    """

    def __init__(self, lib: Library, case: Case, torch: Any) -> None:
        self.lib, self.torch, self.case, dtype = lib, torch, case, case["dtype"]
        m, n, k = case["m"], case["n"], case["k"]
        self.batch = case.get("b", 1)
        out: str = OUT.get(dtype) or dtype
        compute, scale = COMPUTE[dtype]
        self.desc = self._describe(compute, CUDA_TYPES[scale], dtype)
        scalars: dict[str, Any] = {
            "fp32": ctypes.c_float, "fp64": ctypes.c_double, "int32": ctypes.c_int32,
        }  # fmt: skip
        self.alpha, self.beta = scalars[scale](1), scalars[scale](0)
        kind = CUDA_TYPES["fp32" if dtype == "tf32" else dtype]
        self.layouts = [
            self._layout(kind, k, n, k), self._layout(kind, k, m, k),
            self._layout(CUDA_TYPES[out], n, m, n),
        ]  # fmt: skip

    @cached_property
    def operands(self) -> tuple[Any, Any, Any, Any]:
        """B, A, the output and the workspace."""
        make, c, torch = Maker("cuda", self.case), self.case, self.torch
        out: str = OUT.get(c["dtype"]) or c["dtype"]
        real = torch.int32 if out == "int32" else make.dtype(out)
        shape, cols, rows = (self.batch, c["m"], c["n"]), c["k"], (c["n"], c["m"])
        b, a = (make.tensor((self.batch, size, cols), c["dtype"]) for size in rows)
        workspace = torch.empty(WORKSPACE_BYTES, dtype=torch.uint8, device="cuda")
        return b, a, torch.empty(shape, dtype=real, device="cuda"), workspace

    def _describe(self, compute: int, scale: int, dtype: str) -> ctypes.c_void_p:
        desc, transposed = ctypes.c_void_p(), ctypes.c_int32(1)
        self.lib.call("cublasLtMatmulDescCreate", ctypes.byref(desc), compute, scale)
        self._set(desc, TRANSA, transposed)
        if dtype == "fp8":
            self.one = self.torch.ones((), device="cuda")
            for attribute in (A_SCALE, B_SCALE):
                self._set(desc, attribute, ctypes.c_void_p(self.one.data_ptr()))
        if self.case.get("op") == "linear":
            self.bias = Maker("cuda", self.case).tensor((self.case["n"],), dtype)
            self._set(desc, EPILOGUE, ctypes.c_uint32(EPILOGUE_BIAS))
            self._set(desc, BIAS_POINTER, ctypes.c_void_p(self.bias.data_ptr()))
        return desc

    def _set(self, desc: ctypes.c_void_p, attribute: int, value: Any) -> None:
        self.lib.call("cublasLtMatmulDescSetAttribute", desc, attribute, ctypes.byref(value),
                      ctypes.c_size_t(ctypes.sizeof(value)))  # fmt: skip

    def _layout(self, kind: int, rows: int, cols: int, stride: int) -> ctypes.c_void_p:
        layout = ctypes.c_void_p()
        sizes = (ctypes.c_uint64(rows), ctypes.c_uint64(cols), ctypes.c_int64(stride))
        self.lib.call("cublasLtMatrixLayoutCreate", ctypes.byref(layout), kind, *sizes)
        if self.batch > 1:
            batches = (BATCH_COUNT, ctypes.c_int32(self.batch)), (
                BATCH_STRIDE, ctypes.c_int64(rows * cols),
            )  # fmt: skip
            for attribute, value in batches:
                size = ctypes.c_size_t(ctypes.sizeof(value))
                self.lib.call(
                    "cublasLtMatrixLayoutSetAttribute", layout, attribute, ctypes.byref(value), size
                )
        return layout

    def candidates(self, workspace: int | None = None) -> list[Heuristic]:
        """The algorithms in the order of the library's heuristic, given ``workspace`` bytes."""
        bytes_ = WORKSPACE_BYTES if workspace is None else workspace
        preference, limit = ctypes.c_void_p(), ctypes.c_size_t(bytes_)
        self.lib.call("cublasLtMatmulPreferenceCreate", ctypes.byref(preference))
        self.lib.call("cublasLtMatmulPreferenceSetAttribute", preference, PREFERENCE_WORKSPACE,
                      ctypes.byref(limit), ctypes.c_size_t(8))  # fmt: skip
        results, found = (Heuristic * REQUESTED)(), ctypes.c_int()
        b, a, d = self.layouts
        self.lib.call("cublasLtMatmulAlgoGetHeuristic", self.lib.handle, self.desc, b, a, d, d,
                      preference, REQUESTED, results, ctypes.byref(found))  # fmt: skip
        return [r for r in results[: found.value] if r.state == 0]

    def attributes(self, result: Heuristic) -> Case:
        """Configuration of one candidate by name (see CONFIG), workspace and waves."""
        found: Case = {}
        for name, (attribute, kind) in CONFIG.items():
            value, written = kind(), ctypes.c_size_t()
            self.lib.call("cublasLtMatmulAlgoConfigGetAttribute", result.algo, attribute,
                          ctypes.byref(value), ctypes.c_size_t(ctypes.sizeof(value)),
                          ctypes.byref(written))  # fmt: skip
            found[name] = value.value
        return {**found, "workspace": result.workspace, "waves": round(result.waves, 4)}

    def launcher(self, result: Heuristic) -> Launch:
        """The call that runs one candidate on the current stream."""
        b, a, d = self.layouts
        *pointers, workspace = (ctypes.c_void_p(t.data_ptr()) for t in self.operands)
        stream = ctypes.c_void_p(self.torch.cuda.current_stream().cuda_stream)

        def run() -> None:
            self.lib.call(
                "cublasLtMatmul", self.lib.handle, self.desc, ctypes.byref(self.alpha),
                pointers[0], b, pointers[1], a, ctypes.byref(self.beta), pointers[2], d,
                pointers[2], d, result.algo, workspace, ctypes.c_size_t(WORKSPACE_BYTES), stream,
            )  # fmt: skip

        return run


def suite(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Time every candidate of every shape into ``store`` until ``deadline``."""
    import torch

    from workloads.measure.runner import run_cases
    from workloads.measure.timing import Timer

    lib, timer = Library(torch), Timer(5, 5)
    todo = list(batched_shapes(11, 14)) if name == "cublaslt_batched" else list(shapes())
    store.meta.update(method=METHOD, cublaslt=lib.version())
    for start in range(0, len(todo), GROUP):
        launches: dict[tuple[int, int], tuple[Problem, Heuristic]] = {}
        ranked: list[Case] = []
        for i, shape in enumerate(todo[start : start + GROUP], start):
            try:
                problem, results = _offered(lib, shape, torch)
            except RuntimeError:  # the library has no kernel for it
                continue
            for rank, result in enumerate(results):
                launches[i, rank] = problem, result
                case = {**counted({"op": "gemm", **shape}), "op": "cublaslt", "shape": i}
                if "op" in shape:
                    case["kind"] = shape["op"]
                ranked.append({**case, "rank": rank, **problem.attributes(result)})
        run_cases(store, ranked, timer, deadline, _launcher(launches))


def _offered(lib: Library, shape: Case, torch: Any) -> tuple[Problem, list[Heuristic]]:
    problem = Problem(lib, shape, torch)
    return problem, problem.candidates()


def _launcher(
    launches: dict[tuple[int, int], tuple[Problem, Heuristic]],
) -> Callable[[Case], Launch]:
    def build(case: Case) -> Launch:
        problem, result = launches[case["shape"], case["rank"]]
        return problem.launcher(result)

    return build


def rankings(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """The heuristic's ranked candidates of many shapes, nothing timed."""
    import torch

    lib = Library(torch)
    store.meta.update(method=RANKING_METHOD, cublaslt=lib.version(), fields=RANKING_FIELDS)
    todo = batched_shapes(13) if name == "rankings_batched" else ranked_shapes()
    for shape in todo:
        if time.monotonic() > deadline:
            break
        try:
            problem, results = _offered(lib, shape, torch)
        except RuntimeError as error:
            store.add([{**shape, "error": str(error)[:160]}])
            continue
        found = [problem.attributes(r) for r in results]
        store.add([{**shape, "ranked": [[f[x] for x in RANKING_FIELDS] for f in found]}])
