"""From a Numba kernel, PTX, a cubin or SASS text to a `Kernel`."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from archsim.frontend.blocks import basic_blocks
from archsim.frontend.cubin import globals_image, kernel_attributes, read_cubin, relocations
from archsim.frontend.instruction import Instruction, Kernel
from archsim.frontend.linked import (
    calls_external_code,
    synchronises_grid,
    with_external_code,
    with_grid_barrier,
)
from archsim.frontend.sass_text import parse_sass
from archsim.frontend.toolchain import (
    KernelCompileError,
    ToolchainMissingError,
    assemble,
    disassemble,
)

_ARCHES = {"sm_90": (9, 0), "sm_90a": (9, 0, "a")}
_PARAMETER_BASE = 0x210
_ENTRY = re.compile(r"Entry function '\S+' ")  # whose name is mangled
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r'File "(.+?)", line (\d+)')


def load_numba(kernel: Any, signature: tuple[Any, ...], arch: str = "sm_90") -> Kernel:
    """Compile a ``@cuda.jit`` kernel for Numba types ``signature`` and ``arch``.

    Raises KernelCompileError when Numba or ptxas refuses it and ToolchainMissingError when a
    wheel is absent. No GPU is needed.
    """
    function = getattr(kernel, "py_func", kernel)
    ptx = numba_ptx(kernel, signature, arch)
    try:
        return load_ptx(ptx, arch=arch, source=function.__code__.co_filename)
    except KernelCompileError as error:
        told = _ENTRY.sub("", str(error))
        raise KernelCompileError(f"kernel {function.__name__} does not compile: {told}") from error


def numba_cubin(kernel: Any, signature: tuple[Any, ...], arch: str = "sm_90") -> bytes:
    """The machine code of a ``@cuda.jit`` kernel, compiled with its decorator's options."""
    return assemble(numba_ptx(kernel, signature, arch), arch)


def numba_ptx(kernel: Any, signature: tuple[Any, ...], arch: str = "sm_90") -> str:
    """The PTX of a ``@cuda.jit`` kernel, with the C++ functions that it calls."""
    if arch not in _ARCHES:
        raise ValueError(f"arch must be one of {sorted(_ARCHES)}, not {arch!r}")
    if importlib.util.find_spec("numba_cuda") is None:  # Numba's own old CUDA target is another
        raise ToolchainMissingError(
            "numba-cuda must be installed to compile kernels: run pip install 'archsim[gpu,sm]'"
        )
    from numba import cuda  # optional and slow
    from numba.core.errors import NumbaError

    function = getattr(kernel, "py_func", kernel)
    compile_ptx: Any = getattr(cuda, "compile", None)
    if compile_ptx is None:
        raise KernelCompileError("kernels must be compiled outside Numba's CUDA simulator")
    with _device_of(_ARCHES[arch]):
        return _compile(compile_ptx, kernel, function, signature, arch, NumbaError)


def _compile(
    compile_ptx: Any, kernel: Any, function: Any, signature: tuple[Any, ...], arch: str,
    numba_error: type[Exception],
) -> str:  # fmt: skip
    try:
        ptx, _ = compile_ptx(
            function, signature, cc=_ARCHES[arch], device=False, abi="numba", output="ptx",
            lineinfo=True, **_options(kernel),
        )  # fmt: skip
    except numba_error as error:
        raise KernelCompileError(
            f"kernel {function.__name__} does not compile: {numba_reason(str(error))}"
        ) from error
    if calls_external_code(ptx):
        ptx = with_external_code(ptx, function, signature, _ARCHES[arch], _options(kernel))
    return str(ptx)


def numba_reason(text: str) -> str:
    """What Numba complains about and where, in one line, out of its explanation of many."""
    lines = [line.strip() for line in _COLOUR.sub("", text).splitlines()]
    place = next((found for line in lines if (found := _PLACE.match(line))), None)
    told = [line for line in lines if line and not line.startswith(("Failed in", "File "))]
    reason = told[0] if told else lines[0]
    call = next((line for line in told if line.startswith(">>>")), "")
    if reason.endswith(":") and call:
        reason = f"{reason} {call.removeprefix('>>>').strip()}"
    return f"{Path(place[1]).name}:{place[2]}: {reason}" if place else reason


@contextmanager
def _device_of(cc: tuple[Any, ...]) -> Iterator[None]:
    """Device functions compile for ``cc``: Numba asks the current GPU, of which there is none."""
    dispatcher: Any = importlib.import_module("numba.cuda.dispatcher")
    kept = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=cc)
    try:
        yield
    finally:
        dispatcher.get_current_device = kept


def _options(kernel: Any) -> dict[str, Any]:
    """Options of the decorator that change the code."""
    options = getattr(kernel, "targetoptions", {})
    return {key: options[key] for key in ("fastmath", "opt") if options.get(key) is not None}


def load_ptx(ptx: str, entry: str = "", arch: str = "sm_90", source: str = "") -> Kernel:
    """Assemble ``ptx`` and read its kernel ``entry`` (the only one when not named)."""
    if not synchronises_grid(ptx):
        return load_cubin(assemble(ptx, arch), entry, source)
    kernel = load_cubin(assemble(with_grid_barrier(ptx), arch), entry, source)
    return replace(kernel, cooperative=any(i.opcode == "UCGABAR_ARV" for i in kernel.instructions))


def load_cubin(data: bytes, entry: str = "", source: str = "") -> Kernel:
    """The kernel ``entry`` of a cubin (the only one when not named)."""
    cubin = read_cubin(data)
    name = _choose(cubin.entries(), entry)
    functions = parse_sass(disassemble(data))
    if name not in functions:
        raise KernelCompileError(f"cubin must hold machine code of {name}")
    attributes = kernel_attributes(cubin, name)
    constants = {
        int(section.name.removeprefix(".nv.constant").split(".")[0]): section.data
        for section in cubin.sections
        if section.name.startswith(".nv.constant")
        and section.name.partition("t")[2]
        and (section.name.count(".") == 2 or section.name.endswith(f".{name}"))
    }
    shared = cubin.section(f".nv.shared.{name}")
    return Kernel(
        name=name,
        instructions=functions[name],
        blocks=basic_blocks(functions[name]),
        registers=attributes.registers,
        shared_bytes=shared.size if shared else 0,
        stack_bytes=attributes.stack_bytes,
        parameters=attributes.parameters,
        parameter_base=attributes.parameter_base,
        constants=constants,
        globals_image=globals_image(cubin),
        relocations=relocations(cubin),
        source=source,
    )


def load_sass(text: str, entry: str = "") -> Kernel:
    """A kernel of ``nvdisasm -hex -c`` text: code only, parameters at 0x210 of bank 0."""
    functions = parse_sass(text)
    name = _choose(tuple(functions), entry)
    code: tuple[Instruction, ...] = functions[name]
    return Kernel(name, code, basic_blocks(code), 255, 0, 0, (), _PARAMETER_BASE)


def _choose(names: tuple[str, ...], entry: str) -> str:
    """The entry asked for: exact, or the one name that holds it."""
    named = [name for name in names if name]
    if not entry and len(names) >= 1 and len(named) <= 1:
        return named[0] if named else names[0]
    fits = [name for name in names if name == entry] or [n for n in named if entry and entry in n]
    if len(fits) != 1:
        raise KernelCompileError(f"entry must name one kernel of {sorted(named)}, not {entry!r}")
    return fits[0]
