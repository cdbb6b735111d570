"""The matrix engine's products on a GPU: which kernel, its arguments, PTX and launch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import cuda

from workloads.kernels.matmul_int import TILE, requantised_product

Array = np.ndarray[Any, Any]

ROUNDING_CODES = {"floor": 0, "half_up": 1, "half_even": 2, "half_away": 3}
ACTIVATION_CODES = {"none": 0, "relu": 1, "gelu": 2}
ENTRY = "matrix_product"
"""Name of the kernel in PTX and cubin."""


class Arithmetic(NamedTuple):
    """An engine format's operands: NumPy and Numba names of A's and B's type, and output bits."""

    a: str
    b: str
    out_bits: int

    @property
    def signature(self) -> str:
        """Numba types of the kernel's arguments."""
        return (
            f"void({self.a}[:,::1], {self.b}[:,::1], int64[::1], int32[::1], int32[::1], "
            "int32[::1], int32, int32, int32, int32[:,::1])"
        )


ARITHMETIC = {
    "int8": Arithmetic("int8", "int8", 8),
    "int16": Arithmetic("int16", "int16", 16),
    "w16a32": Arithmetic("int32", "int16", 32),
}
"""By engine format."""


def ptx(engine_format: str, cc: tuple[int, int] = (9, 0)) -> str:
    """Return the kernel's PTX for compute capability ``cc``, the same text in every process.

    Needs no GPU, but does not work in the simulator. Comments are left out, the kernel is called
    ``ENTRY``, and shared arrays, which are numbered through the life of a process, are renumbered.
    """
    signature = ARITHMETIC[engine_format].signature
    text, _ = cuda.compile(
        requantised_product, signature, cc=cc, device=False, abi="numba", output="ptx"
    )
    lines = (re.sub(r"//.*", "", line).rstrip() for line in text.splitlines())
    text = "\n".join(line for line in lines if line.strip())
    (entry,) = re.findall(r"\.entry\s+([\w$]+)", text)
    text = re.sub(rf"{re.escape(entry)}(?!\w)", ENTRY, text)
    text = re.sub(rf"{re.escape(entry)}(?=_param_)", ENTRY, text)
    for name, kind in ((r"_cudapy_smem\w*", "shared_array"), (r"_ZN[\w$]+", "symbol")):
        for index, found in enumerate(dict.fromkeys(re.findall(name, text))):
            text = re.sub(rf"{re.escape(found)}(?![\w$])", f"{kind}_{index}", text)
    return text + "\n"


def arguments(
    product: Any, engine_format: str, rounding: str, activation: str, table: tuple[int, ...]
) -> list[Any]:
    """Return the kernel's arguments but the output, arrays on the device; see `host_arguments`."""
    arrays, codes = host_arguments(product, engine_format, rounding, activation, table)
    return [*(cuda.to_device(array) for array in arrays), *codes]


def host_arguments(
    product: Any, engine_format: str, rounding: str, activation: str, table: tuple[int, ...]
) -> tuple[list[Array], list[Any]]:
    """Return the kernel's arrays but the output, and its scalars.

    ``product`` is an ``archsim.numeric.drawing.Product``; ``table`` the activation's table by raw
    result, any one entry where there is none.
    """
    kernel = ARITHMETIC.get(engine_format)
    if kernel is None:
        raise ValueError(f"format must be one of {', '.join(ARITHMETIC)}, not {engine_format!r}")
    arrays = (
        product.a.astype(kernel.a), product.b.astype(kernel.b), product.bias.astype(np.int64),
        product.multiplier.astype(np.int32), product.shift.astype(np.int32),
        np.array(table, dtype=np.int32),
    )  # fmt: skip
    codes = (ROUNDING_CODES[rounding], ACTIVATION_CODES[activation], kernel.out_bits)
    return [np.ascontiguousarray(array) for array in arrays], [np.int32(code) for code in codes]


def output(product: Any) -> Any:
    """Return a zeroed device array for the result."""
    return cuda.to_device(np.zeros((product.a.shape[0], product.b.shape[1]), dtype=np.int32))


def grid(product: Any) -> tuple[int, int]:
    """Return the blocks of a launch, columns of the result first."""
    return -(-product.b.shape[1] // TILE), -(-product.a.shape[0] // TILE)


def run(
    product: Any, engine_format: str, rounding: str, activation: str, table: tuple[int, ...]
) -> Array:
    """Return the result as int32, compiled where it runs (or in the CUDA simulator)."""
    given = arguments(product, engine_format, rounding, activation, table)
    out = output(product)
    kernel = cuda.jit(requantised_product)
    kernel[grid(product), (TILE, TILE)](*given, out)
    return np.asarray(out.copy_to_host())


class Cubin:
    """A kernel from machine code made elsewhere, launched without compiling anything."""

    def __init__(self, code: bytes) -> None:
        from cuda.core import Device, ObjectCode

        cuda.current_context()  # Numba's context is the device's primary one, as is cuda.core's
        self.device = Device()
        self.device.set_current()
        self.stream = self.device.create_stream()
        self.kernel = ObjectCode.from_cubin(code).get_kernel(ENTRY)

    def launcher(self, product: Any, given: list[Any], out: Any) -> Callable[[], None]:
        """Return a function that launches the kernel once and returns at once."""
        from cuda.core import LaunchConfig, launch

        config = LaunchConfig(grid=(*grid(product), 1), block=(TILE, TILE, 1))
        flat = [value for argument in (*given, out) for value in _flat(argument)]
        return lambda: launch(self.stream, config, self.kernel, *flat)

    def wait(self) -> None:
        """Wait for all launches."""
        self.stream.sync()


def _flat(argument: Any) -> list[Any]:
    """Return an argument as Numba's kernels take it: arrays as their descriptor's fields."""
    if not hasattr(argument, "device_ctypes_pointer"):
        return [argument]
    fields = [0, 0, argument.size, argument.dtype.itemsize]
    fields += [argument.device_ctypes_pointer.value, *argument.shape, *argument.strides]
    return [np.int64(field) for field in fields]
