"""Reading an ONNX file safely, and fixing the shapes of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path, PurePosixPath

import onnx

from archsim.errors import ConfigError

MAX_FILE_BYTES = 2 << 30
MAX_DIMENSION = 1 << 40
_BATCH_NAMES = ("batch", "batch_size", "N")


def read_model(path: Path) -> onnx.ModelProto:
    """Parse ``path`` and check that it is a whole ONNX model; weights are not loaded."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ConfigError(
                f"{path}: an ONNX file must be at most {MAX_FILE_BYTES} bytes, with larger "
                f"weights stored as external data, not {size}"
            )
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{path}: the ONNX file must be readable, not: {reason}") from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # protobuf's errors have no common base of their own
        raise ConfigError(f"{path}: must be an ONNX file, not broken or of another kind") from None
    if not model.ir_version or not model.opset_import or not model.graph.node:
        raise ConfigError(
            f"{path}: must be an ONNX model with a version and at least one node, not without"
        )
    for tensor in _tensors(model.graph):
        _check_data(path, tensor)
    return _inlined(path, model)


def _inlined(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without local functions."""
    if not model.functions:
        return model
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except Exception as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise ConfigError(f"{path}: local functions must be consistent, not: {reason}") from None


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t


def _check_data(path: Path, tensor: onnx.TensorProto) -> None:
    """Data outside the file must lie beside it, whole; data inside must fill the shape."""
    if any(d < 0 for d in tensor.dims):
        raise ConfigError(f"{path}: tensor {tensor.name!r} must have no negative dimension")
    needed = _packed_bytes(tensor)
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        if tensor.HasField("raw_data") and needed is not None and len(tensor.raw_data) != needed:
            raise ConfigError(
                f"{path}: tensor {tensor.name!r} must hold {needed} bytes, "
                f"not {len(tensor.raw_data)}"
            )
        return
    entries = {e.key: e.value for e in tensor.external_data}
    location = PurePosixPath(entries.get("location", ""))
    if not location.name or location.is_absolute() or ".." in location.parts:
        raise ConfigError(
            f"{path}: tensor {tensor.name!r} must store its data beside the file, "
            f"not in {str(location)!r}"
        )
    try:
        end = int(entries.get("offset", "0")) + int(entries.get("length", str(needed or 0)))
    except ValueError:
        raise ConfigError(
            f"{path}: tensor {tensor.name!r} must have a whole offset and length"
        ) from None
    beside = path.parent / location
    if not beside.is_file() or beside.stat().st_size < end:
        raise ConfigError(
            f"{path}: external data of tensor {tensor.name!r} must be whole in "
            f"{str(location)!r} beside the file, not missing or short"
        )


def _packed_bytes(tensor: onnx.TensorProto) -> int | None:
    """Bytes that raw data must have; None where the type has no fixed width."""
    try:
        item = int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)
    except (KeyError, TypeError, ValueError):
        return None
    packed = {"INT4": 2, "UINT4": 2, "FLOAT4E2M1": 2, "INT2": 4, "UINT2": 4}
    per_byte = packed.get(onnx.TensorProto.DataType.Name(tensor.data_type), 1)
    return -(-int(prod(tensor.dims)) * item // per_byte)


def fix_inputs(
    path: Path, model: onnx.ModelProto, batch: int | None, dims: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """The shape of every input, with the batch and named dimensions filled in."""
    graph = model.graph
    stored = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
    inputs = [i for i in graph.input if i.name not in stored]
    for info in inputs:
        if not info.type.HasField("tensor_type"):
            raise ConfigError(f"{path}: input {info.name!r} must be a tensor, not another type")
        if not info.type.tensor_type.HasField("shape"):
            raise ConfigError(
                f"{path}: input {info.name!r} must have a known rank, not an open one"
            )
    named = {**dict.fromkeys(_BATCH_NAMES, batch or 1), **dims}
    for info in inputs:
        shape = info.type.tensor_type.shape.dim
        if shape and shape[0].dim_param:
            named.setdefault(shape[0].dim_param, batch or 1)
    return {info.name: _shape(path, info, batch, named) for info in inputs}


def _shape(
    path: Path, info: onnx.ValueInfoProto, batch: int | None, named: Mapping[str, int]
) -> tuple[int, ...]:
    shape = []
    for axis, dim in enumerate(info.type.tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value:
            size = dim.dim_value
            if axis == 0 and batch is not None and size != batch and _is_batch(info):
                raise ConfigError(
                    f"{path}: workload.batch must be {size}, which the file fixes for input "
                    f"{info.name!r}, not {batch}; export the model with an open batch dimension"
                )
        elif dim.dim_param in named:
            size = named[dim.dim_param]
        elif axis == 0:
            size = batch or 1
        else:
            what = repr(dim.dim_param) if dim.dim_param else f"number {axis}"
            raise ConfigError(
                f"{path}: dimension {what} of input {info.name!r} must have a size; export the "
                "model with it fixed, or give it as load_onnx(dims={name: size})"
            )
        if not 0 < size <= MAX_DIMENSION:
            raise ConfigError(
                f"{path}: dimensions of input {info.name!r} must be from 1 to {MAX_DIMENSION}, "
                f"not {size}"
            )
        shape.append(size)
    return tuple(shape)


def _is_batch(info: onnx.ValueInfoProto) -> bool:
    """Whether the first dimension of an input can be a batch: the input has another one."""
    return len(info.type.tensor_type.shape.dim) > 1
