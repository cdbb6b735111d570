"""The device's memory: allocations for the arguments, the parameter bank, shared and local memory.

NumPy arguments are copied to allocations at multiples of 512 bytes, as the driver places them, with
at least 512 bytes that belong to nothing between two of them. Every array parameter of a Numba
kernel is passed as Numba's struct (0, 0, size, itemsize, address, shape, strides); a kernel that
takes one 8-byte parameter per array (hand-written PTX) gets the address alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.frontend import Kernel
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.faults import plain_name

_GRANULE = 1 << st.GRANULE_BITS
_WINDOW_WORD, _STACK_WORD, _DYNAMIC_WORD = 0x20, 0x28, 0x2C


@dataclass(slots=True)
class Allocation:
    """``size`` bytes at byte ``place`` of global memory, for argument ``argument`` (-1: none)."""

    place: int
    size: int
    argument: int


@dataclass(slots=True)
class Arguments:
    """Arguments laid out: their allocations, the bytes to copy in, and the parameter words."""

    allocations: list[Allocation] = field(default_factory=list)
    contents: list[NDArray[Any] | None] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    end: int = _GRANULE

    def allocate(self, size: int, argument: int, content: NDArray[Any] | None) -> int:
        """Reserve ``size`` bytes; returns the device address."""
        place = self.end
        self.allocations.append(Allocation(place, size, argument))
        self.contents.append(content)
        self.end = (place + max(size, 1) + 2 * _GRANULE - 1) // _GRANULE * _GRANULE
        return st.DEVICE_BASE + place


@dataclass(frozen=True)
class TensorMap:
    """A tiled view of ``array`` in global memory for tensor copies: a kernel argument.

    ``box`` gives the tile's extents, slowest dimension first like the array's shape; ``swizzle`` is
    0, 32, 64 or 128 bytes. The parameter it becomes is the address of the map in global memory; its
    layout is this simulator's own, as the hardware's is not public.
    """

    array: NDArray[Any]
    box: tuple[int, ...]
    swizzle: int = 0


@dataclass(frozen=True)
class Address:
    """An array passed as its device address, as CUDA C++ kernels take pointers."""

    array: NDArray[Any]


@dataclass(frozen=True)
class Raw:
    """A parameter's bytes: a struct passed by value."""

    data: bytes


def encode_map(tensor: TensorMap, address: int) -> NDArray[np.uint64]:
    """The 16 words of a tensor map; raises ValueError for a view that the hardware refuses."""
    array = tensor.array
    if len(tensor.box) != array.ndim or not 1 <= array.ndim <= 5:
        raise ValueError(f"box must have the array's 1 to 5 dimensions, not {tensor.box!r}")
    if tensor.swizzle not in (0, 32, 64, 128):
        raise ValueError(f"swizzle must be 0, 32, 64 or 128 bytes, not {tensor.swizzle!r}")
    if any(not 1 <= extent <= 256 for extent in tensor.box):
        raise ValueError(f"box must have extents of 1 to 256, not {tensor.box!r}")
    words = np.zeros(16, np.uint64)
    swizzle = (0, 32, 64, 128).index(tensor.swizzle)
    words[0] = address
    words[1] = array.ndim | array.itemsize << 8 | swizzle << 16
    for n in range(array.ndim):
        words[2 + n] = array.shape[-1 - n]
        if n:
            words[6 + n] = array.strides[-1 - n]
        words[11 + n // 4] |= np.uint64(tensor.box[-1 - n] << (16 * (n % 4)))
    return words


def raw_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of a contiguous array, in memory order, as a view; ValueError for other arrays."""
    if not _contiguous(array):
        raise ValueError("array arguments must be contiguous, or views of an array that is")
    ordered = array if array.flags.c_contiguous else array.T
    return ordered.reshape(-1).view(np.uint8)


def _array_words(array: NDArray[Any], address: int) -> list[bytes]:
    words = [0, 0, array.size, array.itemsize, address, *array.shape, *array.strides]
    return [struct.pack("<q", word) for word in words]


def scalar_bytes(value: Any) -> bytes:
    """A scalar as Numba passes it: Python integers are int64, floats fp64, bool one byte."""
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, bool | np.bool_):
        return struct.pack("<?", value)
    if isinstance(value, int):
        return struct.pack("<q", value) if value < 2**63 else struct.pack("<Q", value)
    if isinstance(value, float) and not isinstance(value, np.floating):
        return struct.pack("<d", value)
    if isinstance(value, complex) and not isinstance(value, np.complexfloating):
        return struct.pack("<dd", value.real, value.imag)
    if isinstance(value, np.generic):
        return value.tobytes()
    raise TypeError(f"kernel argument must be an array or a number, not {type(value).__name__}")


def _items(args: tuple[Any, ...]) -> Iterator[Any]:
    for value in args:
        if isinstance(value, tuple):
            yield from _items(value)
        else:
            yield value


def _contiguous(array: NDArray[Any]) -> bool:
    return array.flags.c_contiguous or array.flags.f_contiguous


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    """The array that a view was taken from, or the array itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _place_arrays(laid: Arguments, args: tuple[Any, ...]) -> dict[int, int]:
    """Allocate the arrays and records of ``args``; returns device addresses by identity.

    One array is one allocation. A view with gaps lies, as a view of a device array does, in its
    owner, and so do other views of that owner.
    """
    arrays: dict[int, tuple[int, NDArray[Any]]] = {}
    for number, value in enumerate(args):
        array = value.array if isinstance(value, TensorMap | Address) else value
        if isinstance(array, np.void):  # a record, which Numba passes as the address of a copy
            arrays[id(array)] = number, np.asarray(array)
        elif isinstance(array, np.ndarray) and id(array) not in arrays:
            arrays[id(array)] = number, array
    owners = {id(_owner(a)) for _, a in arrays.values() if not _contiguous(a)}
    places: dict[int, int] = {}
    addresses = {}
    for key, (number, array) in arrays.items():
        holder = _owner(array) if id(_owner(array)) in owners else array
        if id(holder) not in places:
            content = raw_bytes(holder)
            places[id(holder)] = laid.allocate(len(content), number, content)
        addresses[key] = places[id(holder)] + array.ctypes.data - holder.ctypes.data
    return addresses


def lay_out(kernel: Kernel, args: tuple[Any, ...]) -> Arguments:
    """Allocate the arguments and make the parameter words of ``kernel``; tuples are their items."""
    laid, args = Arguments(), tuple(_items(args))
    if kernel.globals_image:
        laid.allocate(len(kernel.globals_image), -1, np.frombuffer(kernel.globals_image, np.uint8))
    simple = len(kernel.parameters) == len(args)
    addresses = _place_arrays(laid, args)
    for value in args:
        if isinstance(value, TensorMap):
            words = encode_map(value, addresses[id(value.array)])
            laid.values.append(struct.pack("<q", laid.allocate(128, -1, words.view(np.uint8))))
        elif isinstance(value, Address):
            laid.values.append(struct.pack("<q", addresses[id(value.array)]))
        elif isinstance(value, np.void):
            laid.values.append(struct.pack("<q", addresses[id(value)]))
        elif isinstance(value, complex | np.complexfloating) and not simple:
            laid.values += [scalar_bytes(value.real), scalar_bytes(value.imag)]
        elif isinstance(value, np.ndarray):
            address = addresses[id(value)]
            laid.values += [struct.pack("<q", address)] if simple else _array_words(value, address)
        else:
            laid.values.append(scalar_bytes(value))
    if kernel.parameters and len(laid.values) != len(kernel.parameters):
        raise ValueError(
            f"kernel {plain_name(kernel.name)} must get arguments for {len(kernel.parameters)} "
            f"parameters, not {len(laid.values)}"
        )
    return laid


def parameter_bank(
    kernel: Kernel, laid: Arguments, grid: tuple[int, int, int], block: tuple[int, int, int],
    cluster: int, local_bytes: int, dynamic_bytes: int = 0,
) -> bytes:  # fmt: skip
    """Constant bank 0: launch shape, windows, stack top and parameters."""
    end = max((p.offset_bytes + p.size_bytes for p in kernel.parameters), default=0)
    end = max(end, sum(8 for _ in laid.values))
    bank = bytearray(max(kernel.parameter_base + end + 16, len(kernel.constants.get(0, b""))))
    bank[: len(kernel.constants.get(0, b""))] = kernel.constants.get(0, b"")
    struct.pack_into("<6I", bank, 0, *block, *grid)
    struct.pack_into("<Q", bank, _WINDOW_WORD, st.LOCAL_WINDOW << 32)
    struct.pack_into("<I", bank, _STACK_WORD, local_bytes)
    struct.pack_into("<I", bank, _DYNAMIC_WORD, dynamic_bytes)
    struct.pack_into("<4I", bank, 0x140, int(cluster > 1 or kernel.cooperative), cluster, 1, 1)
    struct.pack_into("<I", bank, 0x188, cluster)
    place = 0
    for number, value in enumerate(laid.values):
        if kernel.parameters:
            place = kernel.parameters[number].offset_bytes
            if len(value) > kernel.parameters[number].size_bytes:
                value = value[: kernel.parameters[number].size_bytes]
        else:
            place = -(-place // len(value)) * len(value)
        at = kernel.parameter_base + place
        bank[at : at + len(value)] = value
        place += len(value)
    return bytes(bank)


def constant_banks(
    kernel: Kernel, bank0: bytes, globals_address: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All constant banks one after another, with the starts of banks 0 to 15 and the end."""
    banks = {n: bytearray(data) for n, data in kernel.constants.items() if n}
    banks[0] = bytearray(bank0)
    for bank, offset, addend in kernel.relocations:
        struct.pack_into("<Q", banks[bank], offset, globals_address + addend)
    starts, data = [0], b""
    for number in range(16):
        data += bytes(banks.get(number, b""))
        starts.append(len(data))
    return np.frombuffer(data or b"\0", np.uint8).copy(), np.array(starts, np.int64)
