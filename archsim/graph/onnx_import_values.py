"""Values of the walk over an ONNX graph, and the data types they are counted in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from onnx import TensorProto

Shape = tuple[int, ...]
Typed = tuple[Shape, int]

ONNX_DTYPES: dict[int, str] = {
    TensorProto.FLOAT: "fp32", TensorProto.DOUBLE: "fp64", TensorProto.FLOAT16: "fp16",
    TensorProto.BFLOAT16: "bf16", TensorProto.FLOAT8E4M3FN: "fp8",
    TensorProto.FLOAT8E5M2: "fp8_e5m2", TensorProto.INT64: "int64", TensorProto.UINT64: "int64",
    TensorProto.INT32: "int32", TensorProto.UINT32: "int32", TensorProto.INT16: "int16",
    TensorProto.UINT16: "int16", TensorProto.INT8: "int8", TensorProto.UINT8: "int8",
    TensorProto.BOOL: "int8", TensorProto.INT4: "int4", TensorProto.UINT4: "int4",
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A tensor in the walk: the array ``name`` it lies in, its shape and ONNX element type.

    ``static`` values do not depend on an input; ``data`` is their content where it is small and
    known, ``parameters`` the stored arrays they come from.
    """

    name: str
    shape: Shape
    elem: int
    static: bool = False
    data: np.ndarray[Any, Any] | None = None
    parameters: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)
