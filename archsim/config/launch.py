"""The launch file: grid, block and arguments of a kernel that comes as machine code or PTX."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from archsim.config.constant import Group
from archsim.config.explain import explain
from archsim.config.yaml_strict import Document, read_document, show

Dtype = Literal[
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Axis = Annotated[int, Field(ge=1, le=2**32)]
MAX_ELEMENTS = 2**31

_FORMS = ("value", "file", "shape")
_WITH = {  # keys that a form of argument may have
    "value": {"dtype", "value"},
    "file": {"file", "box", "swizzle"},
    "shape": {"dtype", "shape", "seed", "fill", "low", "high", "box", "swizzle"},
}


class Argument(Group):
    """One kernel argument: a scalar (or struct) passed by value, or an array in global memory."""

    dtype: Dtype | None = Field(default=None, description="type of the value or of the elements")
    value: Any = Field(default=None, description="a number, or a list of them passed as a struct")
    file: str | None = Field(default=None, description="a .npy file beside the launch file")
    shape: Annotated[tuple[Axis, ...], Field(min_length=1, max_length=8)] | None = Field(
        default=None, description="extents of an array"
    )
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = Field(
        default=None, description="random elements: normal (floats) or uniform (integers)"
    )
    low: int | None = Field(default=None, description="smallest random integer (0)")
    high: int | None = Field(default=None, description="first integer above the random ones (100)")
    fill: int | float | None = Field(default=None, description="every element (0)")
    box: Annotated[tuple[Count, ...], Field(min_length=1, max_length=5)] | None = Field(
        default=None, description="a tensor map of the array with this tile, instead of its address"
    )
    swizzle: Literal[0, 32, 64, 128] = Field(default=0, description="of a tensor map, bytes")


class Expected(Group):
    """What an array argument must hold after the launch (with ``--check``)."""

    arg: Annotated[int, Field(ge=0)] = Field(description="number of the argument, from 0")
    file: str = Field(min_length=1, description="a .npy file beside the launch file")
    rtol: Annotated[float, Field(ge=0)] = Field(default=0.0, description="relative tolerance")
    atol: Annotated[float, Field(ge=0)] = Field(default=0.0, description="absolute tolerance")


class Launch(Group):
    """A launch: shape, arguments and, for SASS text, what the text does not say."""

    # The parts typed ``Any`` have their own checks.
    grid: Any = Field(description="CTAs in x, y, z")
    block: Any = Field(description="threads of a CTA in x, y, z")
    args: tuple[Argument, ...] = Field(default=(), description="arguments in order")
    cluster: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="CTAs of a cluster")
    dynamic_smem_bytes: Annotated[int, Field(ge=0, le=232448)] = 0
    arrays: Literal["pointer", "numba"] = Field(
        default="pointer", description="an array is its address, or Numba's seven and more words"
    )
    registers: Annotated[int, Field(ge=1, le=255)] | None = Field(
        default=None, description="registers of a thread (SASS text; else counted in the code)"
    )
    static_smem_bytes: Annotated[int, Field(ge=0, le=232448)] | None = Field(
        default=None, description="shared memory that the code reserves (SASS text)"
    )
    stack_bytes: Annotated[int, Field(ge=0, le=1 << 19)] | None = Field(
        default=None, description="local memory of a thread (SASS text)"
    )
    expect: tuple[Expected, ...] = Field(default=(), description="outputs to compare")


def load_launch(file: str | FilePath) -> tuple[Launch, Document]:
    """The validated launch file and its document, whose ``error`` names places in it."""
    document = read_document(FilePath(file), str(file))
    try:
        launch = Launch.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise explain(error, document, Launch) from None
    for name in ("grid", "block"):
        value = getattr(launch, name)
        extents = value if isinstance(value, list) else [value]
        if not 1 <= len(extents) <= 3 or not all(type(n) is int and 0 < n < 2**31 for n in extents):
            sentence = f"{name} must be 1 to 3 positive integers, not {show(value)}"
            raise document.error((name,), sentence)
    for number, data in enumerate(document.data.get("args", ())):
        _check_argument(document, number, data)
    return launch, document


def _check_argument(document: Document, number: int, data: dict[str, Any]) -> None:
    at, path = ("args", number), f"args[{number}]"
    forms = [form for form in _FORMS if form in data]
    if len(forms) != 1:
        given = f"not {' and '.join(forms)}" if forms else "but it has none"
        raise document.error(at, f"{path} must have one of {', '.join(_FORMS)}, {given}")
    for key in data:
        if key not in _WITH[forms[0]]:
            sentence = f"{path}.{key} must not stand beside {path}.{forms[0]}"
            raise document.error((*at, key), sentence, key=True)
    if forms[0] != "file" and "dtype" not in data:
        raise document.error(at, f"{path}.dtype must be given, not left out")
    if forms[0] == "shape":
        _check_array(document, number, data)
        return
    values = data.get("value")
    for value in values if isinstance(values, list) else [values]:
        if forms[0] == "value" and not isinstance(value, int | float):
            rule = "a number or a list of numbers"
            raise document.error((*at, "value"), f"{path}.value must be {rule}, not {show(values)}")


def _check_array(document: Document, number: int, data: dict[str, Any]) -> None:
    at, path, elements = ("args", number), f"args[{number}]", 1
    for extent in data["shape"]:
        elements *= extent
    if elements > MAX_ELEMENTS:
        sentence = f"{path}.shape must hold at most {MAX_ELEMENTS} elements, not {elements}"
        raise document.error((*at, "shape"), sentence)
    if "seed" in data and "fill" in data:
        raise document.error((*at, "fill"), f"{path}.fill must not stand beside {path}.seed")
    if data.get("low", 0) >= data.get("high", 100):
        sentence = f"{path}.low must be below {path}.high ({data.get('high', 100)})"
        raise document.error(at, f"{sentence}, not {data.get('low', 0)}")
