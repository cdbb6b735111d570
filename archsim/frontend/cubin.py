"""What a launch needs from a cubin (an ELF64 file): constants, symbols, kernel attributes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from archsim.frontend.instruction import Parameter
from archsim.frontend.toolchain import KernelCompileError

_REGISTER_COUNT, _PARAMETER, _PARAMETER_AREA = 0x2F, 0x17, 0x0A
_MINIMUM_STACK, _FRAME = 0x12, 0x11
_NOBITS, _RELA, _SIZED = 8, 4, 4


@dataclass(frozen=True, slots=True)
class Section:
    """One ELF section: ``link`` and ``info`` as in the file, ``size`` in bytes."""

    name: str
    kind: int
    link: int
    info: int
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol: its section's index, its value in bytes and its size in bytes."""

    name: str
    section: int
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class Cubin:
    """Sections and symbols of a cubin."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    def section(self, name: str) -> Section | None:
        """The section of that name, or None."""
        return next((item for item in self.sections if item.name == name), None)

    def entries(self) -> tuple[str, ...]:
        """Names of the kernels."""
        prefix = ".nv.info."
        return tuple(s.name[len(prefix) :] for s in self.sections if s.name.startswith(prefix))


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def read_cubin(data: bytes) -> Cubin:
    """Read sections and symbols; raises KernelCompileError if ``data`` is not a cubin."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise KernelCompileError("cubin must be a little-endian ELF64 file")
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError) as error:
        raise KernelCompileError("cubin must be a whole ELF64 file, not a damaged one") from error


def _read(data: bytes) -> Cubin:
    (start,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names_index = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQIIQQ", data, start + i * size) for i in range(count)]
    bodies = [b"" if h[1] == _NOBITS else data[h[4] : h[4] + h[5]] for h in heads]
    sections = tuple(
        Section(_text(bodies[names_index], h[0]), h[1], h[6], h[7], h[5], body)
        for h, body in zip(heads, bodies, strict=True)
    )
    symbols: list[Symbol] = []
    for section in sections:
        if section.name == ".symtab":
            strings = sections[section.link].data
            for name, _, _, index, value, length in struct.iter_unpack("<IBBHQQ", section.data):
                symbols.append(Symbol(_text(strings, name), index, value, length))
    return Cubin(sections, tuple(symbols))


def _attributes(section: Section | None) -> list[tuple[int, bytes | int]]:
    """Attributes (number, payload) of an ``.nv.info`` section."""
    found: list[tuple[int, bytes | int]] = []
    data = section.data if section else b""
    place = 0
    while place + 4 <= len(data):
        form, number, value = struct.unpack_from("<BBH", data, place)
        place += 4
        if form == _SIZED:
            found.append((number, data[place : place + value]))
            place += value
        else:
            found.append((number, value))
    return found


@dataclass(frozen=True, slots=True)
class Attributes:
    """A kernel's registers, stack bytes, parameters and the parameters' offset in bank 0."""

    registers: int
    stack_bytes: int
    parameters: tuple[Parameter, ...]
    parameter_base: int


def kernel_attributes(cubin: Cubin, entry: str) -> Attributes:
    """Read the attributes of ``entry`` from the ``.nv.info`` sections."""
    registers, stack = 255, 0
    names = [symbol.name for symbol in cubin.symbols]
    for number, payload in _attributes(cubin.section(".nv.info")):
        if isinstance(payload, bytes) and number in (_REGISTER_COUNT, _MINIMUM_STACK, _FRAME):
            index, value = struct.unpack("<II", payload)
            if number == _REGISTER_COUNT and names[index] == entry:
                registers = value
            elif number in (_MINIMUM_STACK, _FRAME) and names[index] == entry:
                stack = max(stack, value)
    parameters, base = [], 0x210
    for number, payload in _attributes(cubin.section(f".nv.info.{entry}")):
        if number == _PARAMETER and isinstance(payload, bytes):
            _, ordinal, offset, packed = struct.unpack("<IHHI", payload)
            parameters.append(Parameter(ordinal, offset, packed >> 18))
        elif number == _PARAMETER_AREA and isinstance(payload, bytes):
            _, base, _ = struct.unpack("<IHH", payload)
    parameters.sort(key=lambda item: item.ordinal)
    return Attributes(registers, stack, tuple(parameters), base)


def relocations(cubin: Cubin) -> tuple[tuple[int, int, int], ...]:
    """Words of constant banks that hold addresses of global data: (bank, offset, addend).

    The addend counts from the start of the image that `globals_image` gives.
    """
    found: list[tuple[int, int, int]] = []
    starts = _global_starts(cubin)[0]
    for section in cubin.sections:
        if section.kind != _RELA or not section.name.startswith(".rela.nv.constant"):
            continue
        bank = int(section.name.removeprefix(".rela.nv.constant").split(".")[0])
        for offset, packed, addend in struct.iter_unpack("<QQq", section.data):
            symbol = cubin.symbols[packed >> 32]
            if symbol.section in starts:
                found.append((bank, offset, starts[symbol.section] + symbol.value + addend))
    return tuple(found)


def _global_starts(cubin: Cubin) -> tuple[dict[int, int], bytes]:
    starts: dict[int, int] = {}
    image = b""
    for index, section in enumerate(cubin.sections):
        if section.name in (".nv.global.init", ".nv.global"):
            image += bytes(-len(image) % 256)
            starts[index] = len(image)
            image += section.data or bytes(section.size)
    return starts, image


def globals_image(cubin: Cubin) -> bytes:
    """Initial bytes of the module's global variables."""
    return _global_starts(cubin)[1]
