"""ONNX's own shape inference for one node, and the folding of small constants."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from archsim.graph.onnx_import_values import Typed, Value

MAX_FOLDED = 1 << 16  # elements of a constant whose content is kept
_GROWING = {"Range", "Expand", "Tile", "ConstantOfShape", "Pad", "Resize", "OneHot"}
_DEFAULT_OPSET = 17


def stored_array(tensor: TensorProto) -> np.ndarray[Any, Any] | None:
    """The content of a stored tensor, if it is small and lies in the file."""
    external = tensor.data_location == TensorProto.EXTERNAL
    if external or prod(tensor.dims) > MAX_FOLDED or tensor.data_type == TensorProto.STRING:
        return None
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (LookupError, ValueError, TypeError, NotImplementedError):
        return None


def infer_types(
    node: onnx.NodeProto, values: Mapping[str, Value], opsets: Mapping[str, int], ir_version: int
) -> list[Typed] | None:
    """Shape and element type of each output, or None where a shape stays open."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    version = opsets.get(domain, opsets.get("ai.onnx", _DEFAULT_OPSET))
    schema = defs.get_schema(node.op_type, version, domain)
    types = {n: helper.make_tensor_type_proto(v.elem, v.shape) for n, v in values.items()}
    data = {
        n: numpy_helper.from_array(v.data, n)
        for n, v in values.items()
        if v.data is not None and v.data.size <= 1024
    }
    inferred = shape_inference.infer_node_outputs(
        schema, node, types, data, None, [helper.make_opsetid(domain, version)], ir_version
    )
    out: list[Typed] = []
    for name in node.output:
        if not name:
            out.append(((), TensorProto.UNDEFINED))
            continue
        if name not in inferred or not inferred[name].HasField("tensor_type"):
            return None
        kind = inferred[name].tensor_type
        if not kind.HasField("shape") or any(not d.HasField("dim_value") for d in kind.shape.dim):
            return None
        out.append((tuple(d.dim_value for d in kind.shape.dim), kind.elem_type))
    return out


def evaluate(
    node: onnx.NodeProto,
    inputs: Sequence[Value],
    types: Sequence[Typed] | None,
    opsets: Mapping[str, int],
) -> list[tuple[np.ndarray[Any, Any], int]] | None:
    """The outputs of a node of known constants, or None where they are large or unknown."""
    if any(v.data is None for v in inputs) or (types is None and node.op_type in _GROWING):
        return None
    if any(prod(shape) > MAX_FOLDED for shape, _ in types or ()):
        return None
    feeds = {n: v.data for n, v in zip((n for n in node.input if n), inputs, strict=True)}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(node, opsets=dict(opsets) or None).run(None, feeds)
    except Exception:
        return None
    arrays = [np.asarray(r) for r in results]
    if types is None:
        return [(a, helper.np_dtype_to_tensor_dtype(a.dtype)) for a in arrays]
    return [(a, t[1]) for a, t in zip(arrays, types, strict=True)]


def constant_array(node: onnx.NodeProto) -> tuple[np.ndarray[Any, Any], int]:
    """The content and element type of a Constant node."""
    attribute = node.attribute[0]
    if attribute.name == "value":
        return np.asarray(numpy_helper.to_array(attribute.t)), attribute.t.data_type
    value = helper.get_attribute_value(attribute)
    integer = attribute.name in ("value_int", "value_ints")
    array = np.asarray(value, dtype=np.int64 if integer else np.float32)
    return array, TensorProto.INT64 if integer else TensorProto.FLOAT
