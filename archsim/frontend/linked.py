"""Kernels that call CUDA C++ functions, as Numba's fp16 and bf16 operators do.

Numba declares such functions in PTX and hands their C++ source to its launcher. Here NVRTC compiles
the source to PTX, which needs neither a GPU nor a driver, and its functions replace the
declarations: one module, which ptxas compiles with the kernel's line information.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

from archsim.frontend.toolchain import KernelCompileError, ToolchainMissingError

_DECLARATION = re.compile(r"\.extern \.func\b[^;]*_nbst\b[^;]*;", re.DOTALL)
_GRID_BARRIER = re.compile(
    r"\.extern \.func\s*\([^)]*\)\s*(cudaCGGetIntrinsicHandle|cudaCGSynchronize)\b[^;]*;", re.DOTALL
)
_HEADER = re.compile(r"^\.(version|target|address_size)\b.*$", re.MULTILINE)


def calls_external_code(ptx: str) -> bool:
    """Whether ``ptx`` declares functions of Numba's C++ bindings."""
    return _DECLARATION.search(ptx) is not None


def synchronises_grid(ptx: str) -> bool:
    """Whether ``ptx`` calls the driver's barrier of a whole grid."""
    return _GRID_BARRIER.search(ptx) is not None


def with_grid_barrier(ptx: str) -> str:
    """``ptx`` with the driver's two functions of a grid's barrier, whose code is not public: here a
    barrier that the simulator holds for all CTAs, in the instructions of a cluster's."""
    return _GRID_BARRIER.sub(lambda found: _BARRIER_CODE[found[1]], ptx)


_BARRIER_CODE = {
    "cudaCGGetIntrinsicHandle": """.func (.param .b64 func_retval0) cudaCGGetIntrinsicHandle(
 .param .b32 scope) { .reg .b64 %rd1; mov.u64 %rd1, 1; st.param.b64 [func_retval0+0], %rd1; ret; }
""",
    "cudaCGSynchronize": """.func (.param .b32 func_retval0) cudaCGSynchronize(
 .param .b64 handle, .param .b32 flags) { .reg .b32 %r1; barrier.cluster.arrive;
 barrier.cluster.wait; mov.u32 %r1, 0; st.param.b32 [func_retval0+0], %r1; ret; }
""",
}


def with_external_code(ptx: str, function: Any, signature: tuple[Any, ...], cc: tuple[Any, ...],
                       options: dict[str, Any]) -> str:  # fmt: skip
    """``ptx`` of the kernel ``function`` with the C++ functions that it calls in place."""
    try:
        compiler: Any = importlib.import_module("numba.cuda.compiler")  # optional and slow
    except ImportError as error:  # pragma: no cover - part of the gpu extra
        raise ToolchainMissingError("numba-cuda[cu13] must be installed to link kernels") from error
    library, _ = compiler._compile_pyfunc_with_fixup(
        function, signature, cc=cc, device=False, abi="numba", **options
    )
    parts = [_HEADER.sub("", _compile_cpp(item.data, cc)) for item in library._linking_files]
    head, _, body = ptx.partition(".address_size 64")  # definitions must come before their calls
    return f"{head}.address_size 64\n{chr(10).join(parts)}\n{_DECLARATION.sub('', body)}"


def _compile_cpp(source: str | bytes, cc: tuple[Any, ...]) -> str:
    """PTX of C++ device functions."""
    nvrtc: Any = importlib.import_module("cuda.bindings.nvrtc")
    numba_cuda = Path(str(importlib.import_module("numba.cuda").__file__)).parent
    text = source if isinstance(source, bytes) else source.encode()
    include = numba_cuda / "include" / "13"
    major, minor, *variant = cc
    options = [f"--gpu-architecture=compute_{major}{minor}{''.join(variant)}", "-rdc=true"]
    options += [f"--include-path={folder}" for folder in (include, *_cuda_headers())]
    encoded = [option.encode() for option in options]
    error, program = nvrtc.nvrtcCreateProgram(text, b"functions.cu", 0, [], [])
    (error,) = nvrtc.nvrtcCompileProgram(program, len(encoded), encoded)
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        log = b" " * nvrtc.nvrtcGetProgramLogSize(program)[1]
        nvrtc.nvrtcGetProgramLog(program, log)
        first = log.decode().strip("\0 \n").split("\n")[0]
        raise KernelCompileError(f"C++ functions of a kernel do not compile: {first}")
    image = b" " * nvrtc.nvrtcGetPTXSize(program)[1]
    nvrtc.nvrtcGetPTX(program, image)
    nvrtc.nvrtcDestroyProgram(program)
    return str(image.decode().rstrip("\0"))


def _cuda_headers() -> list[str]:
    """Folders of the CUDA headers in the compiler wheels."""
    pathfinder: Any = importlib.import_module("cuda.pathfinder")
    found = (pathfinder.locate_nvidia_header_directory(name) for name in ("cudart", "cccl"))
    return [str(folder.abs_path) for folder in found if folder]
