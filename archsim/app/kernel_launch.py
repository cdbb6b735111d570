"""From a launch file and a kernel to the arguments that the simulator takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.launch import Argument, Launch, load_launch
from archsim.config.yaml_strict import Document, show
from archsim.frontend import Kernel
from archsim.frontend.instruction import Kind


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A launch file made ready: the launch, its arguments, the check of its outputs."""

    launch: Launch
    document: Document
    args: tuple[Any, ...]
    expect: Callable[[tuple[Any, ...]], None] | None

    def options(self) -> dict[str, Any]:
        """Options of a kernel case."""
        found: dict[str, Any] = {"cluster": self.launch.cluster}
        found["dynamic_smem_bytes"] = self.launch.dynamic_smem_bytes
        return found | ({"expect": self.expect} if self.expect else {})


def prepare(file: Path) -> Prepared:
    """Read ``file`` and make the arguments; ConfigError names line, field, rule and value."""
    launch, document = load_launch(file)
    base = file.parent
    made = [_argument(document, base, n, item) for n, item in enumerate(launch.args)]
    return Prepared(launch, document, tuple(made), _expectation(document, base, launch, made))


def shape_of(value: int | list[int]) -> tuple[int, ...]:
    """Extents as a tuple."""
    return (value,) if isinstance(value, int) else tuple(value)


def fitted(kernel: Kernel, found: Prepared) -> tuple[Kernel, tuple[Any, ...]]:
    """The kernel with the launch file's resources, and arguments that fit its parameters.

    Arrays are passed by address, or with ``arrays: numba`` as Numba's structs; a scalar must have
    as many bytes as its parameter.
    """
    launch, document = found.launch, found.document
    by_address = launch.arrays == "pointer"
    if kernel.parameters:
        _refuse_resources(launch, document)
    else:
        kernel = dataclasses.replace(
            kernel, registers=launch.registers or used_registers(kernel),
            shared_bytes=launch.static_smem_bytes or 0, stack_bytes=launch.stack_bytes or 0,
        )  # fmt: skip
    if by_address:
        _check_count(kernel, found)
    args = [_passed(document, kernel, n, v, by_address) for n, v in enumerate(found.args)]
    return kernel, tuple(args)


def used_registers(kernel: Kernel) -> int:
    """Registers of a thread, counted in the code: the highest one named, with its pair."""
    named = [
        max(o.index, o.base) + 1 + ("64" in o.suffixes or "64" in item.modifiers)
        for item in kernel.instructions
        for o in item.operands
        if o.kind in (Kind.REGISTER, Kind.MEMORY) and max(o.index * (o.index < 255), o.base) >= 0
        and max(o.index, o.base) < 255
    ]  # fmt: skip
    return max([16, *named])


def _refuse_resources(launch: Launch, document: Document) -> None:
    for name in ("registers", "static_smem_bytes", "stack_bytes"):
        if getattr(launch, name) is not None:
            sentence = f"{name} must be given for SASS text only: this kernel's file says it"
            raise document.error((name,), sentence, key=True)


def _check_count(kernel: Kernel, found: Prepared) -> None:
    wanted = len(kernel.parameters)
    if kernel.parameters and len(found.args) != wanted:
        raise found.document.error(
            ("args",),
            f"args must hold one argument for each of the {wanted} parameters of {kernel.name}, "
            f"not {len(found.args)}",
        )


def _passed(document: Document, kernel: Kernel, number: int, value: Any, by_address: bool) -> Any:
    """The argument as the simulator takes it, checked against its parameter."""
    from archsim.models.gpu.sm.memory import Address, Raw, TensorMap

    array = isinstance(value, np.ndarray | TensorMap)
    if array and not by_address:
        return value
    parameter = kernel.parameters[number] if by_address and kernel.parameters else None
    size = 8 if array else len(value.data) if isinstance(value, Raw) else value.nbytes
    if parameter is not None and parameter.size_bytes != size:
        raise document.error(
            ("args", number),
            f"args[{number}] must have the {parameter.size_bytes} bytes of parameter {number} of "
            f"{kernel.name}, not {size}",
        )
    return Address(value) if isinstance(value, np.ndarray) else value


def _argument(document: Document, base: Path, number: int, item: Argument) -> Any:
    from archsim.models.gpu.sm.memory import TensorMap, encode_map

    if item.file is None and item.shape is None:
        return _scalar(document, number, item)
    if item.file is not None:
        array = _read(document, ("args", number, "file"), base, item.file)
    else:
        array = _generate(document, number, item)
    if item.box is None:
        return array
    tensor = TensorMap(array, item.box, item.swizzle)
    try:
        encode_map(tensor, 0)
    except ValueError as error:
        raise document.error(("args", number, "box"), f"args[{number}].{error}") from None
    return tensor


def _scalar(document: Document, number: int, item: Argument) -> Any:
    """A NumPy scalar, or the bytes of a struct."""
    from archsim.models.gpu.sm.memory import Raw

    kind = np.dtype(item.dtype)
    try:
        with np.errstate(over="raise"):
            made = np.array(item.value, dtype=kind)
    except (OverflowError, FloatingPointError, ValueError, TypeError):
        made = None
    whole = kind.kind not in "iu" or not _fractional(item.value)
    if made is None or not whole:
        raise document.error(
            ("args", number, "value"),
            f"args[{number}].value must fit {item.dtype}, not {show(item.value)}",
        )
    return Raw(made.tobytes()) if made.ndim else made[()]


def _fractional(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(isinstance(v, float) and not v.is_integer() for v in values)


def _generate(document: Document, number: int, item: Argument) -> Any:
    kind, shape = np.dtype(item.dtype), item.shape or ()
    if item.seed is None:
        try:
            return np.full(shape, item.fill or 0, kind)
        except (OverflowError, ValueError):
            sentence = f"args[{number}].fill must fit {item.dtype}, not {show(item.fill)}"
            raise document.error(("args", number, "fill"), sentence) from None
    rng = np.random.default_rng(item.seed)
    if kind.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(kind)
    if kind.kind == "f":
        return rng.standard_normal(shape).astype(kind)
    low, high = item.low or 0, 100 if item.high is None else item.high
    if kind.kind == "b":
        low, high = 0, 2
    try:
        return rng.integers(low, high, shape, np.uint8 if kind.kind == "b" else kind).astype(kind)
    except ValueError:
        sentence = f"args[{number}] must have low and high that fit {item.dtype}"
        raise document.error(("args", number), f"{sentence}, not {low} and {high}") from None


def _read(document: Document, place: tuple[Any, ...], base: Path, name: str) -> Any:
    path = base / name
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        sentence = f"file must be a .npy file that can be read, not {name}: {reason}"
        raise document.error(place, sentence) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc":
        kind = getattr(array, "dtype", type(array).__name__)
        raise document.error(place, f"file must hold an array of numbers, not {kind}")
    return np.ascontiguousarray(array) if array.ndim else array.reshape(1)


def _expectation(
    document: Document, base: Path, launch: Launch, args: list[Any]
) -> Callable[[tuple[Any, ...]], None] | None:
    if not launch.expect:
        return None
    from archsim.models.gpu.sm.memory import TensorMap

    rows = []
    for n, item in enumerate(launch.expect):
        place = ("expect", n, "arg")
        value = args[item.arg] if item.arg < len(args) else None
        array = value.array if isinstance(value, TensorMap) else value
        if not isinstance(array, np.ndarray):
            raise document.error(
                place, f"expect[{n}].arg must be the number of an array, not {item.arg}"
            )
        wanted = _read(document, ("expect", n, "file"), base, item.file)
        if wanted.shape != array.shape:
            raise document.error(
                ("expect", n, "file"),
                f"expect[{n}].file must have the shape {array.shape}, not {wanted.shape}",
            )
        rows.append((item, array, wanted))

    def compare(_: tuple[Any, ...]) -> None:
        for item, array, wanted in rows:
            np.testing.assert_allclose(
                array, wanted, rtol=item.rtol, atol=item.atol, err_msg=f"argument {item.arg}"
            )

    return compare
