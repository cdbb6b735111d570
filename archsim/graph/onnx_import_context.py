"""The walk over an ONNX graph: shapes, constants, views and the operators made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from archsim.errors import ConfigError, UnsupportedOperatorError
from archsim.formats import dtype as dtype_of
from archsim.graph.graph import Op, Tensor
from archsim.graph.onnx_import_fold import (
    constant_array,
    evaluate,
    infer_types,
    stored_array,
)
from archsim.graph.onnx_import_values import ONNX_DTYPES, Shape, Typed, Value
from archsim.graph.ops import OpSpec

Handler = Callable[["Importer", onnx.NodeProto, list["Value | None"]], None]


class Importer:
    """Walks the nodes in order and collects operators and tensors."""

    def __init__(
        self,
        path: Path,
        model: onnx.ModelProto,
        inputs: Mapping[str, Shape],
        dtype: str | None,
        handlers: Mapping[tuple[str, str], Handler],
    ) -> None:
        self.path = path
        self.model = model
        self.override = dtype
        self.handlers = handlers
        self.ops: list[Op] = []
        self.tensors: dict[str, Tensor] = {}
        self.folded_batchnorm = 0
        self.done: set[int] = set()
        self.values: dict[str, Value] = {}
        self._names: set[str] = set()
        self._stored: dict[str, Tensor] = {}
        self.opsets = {o.domain: o.version for o in model.opset_import}
        self.outputs = {o.name for o in model.graph.output}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        self._declare(inputs)

    def _declare(self, inputs: Mapping[str, Shape]) -> None:
        """Make values of the inputs and of the stored arrays."""
        graph = self.model.graph
        for tensor in graph.initializer:
            self._store(tensor.name, tuple(tensor.dims), tensor.data_type, stored_array(tensor))
        for sparse in graph.sparse_initializer:
            values = sparse.values
            self._store(values.name, tuple(sparse.dims), values.data_type, None)
        for info in graph.input:
            if info.name in inputs:
                elem = info.type.tensor_type.elem_type
                self._new_value(Value(info.name, inputs[info.name], elem))

    def _store(self, name: str, shape: Shape, elem: int, data: np.ndarray[Any, Any] | None) -> None:
        """A stored array; a parameter if it is floating point and has more than one element."""
        floating = dtype_of(self.dtype_name(name, elem)).kind == "float"
        parameters: tuple[str, ...] = ()
        if (
            shape
            and prod(shape) > 1
            and (floating or elem in (TensorProto.INT8, TensorProto.UINT8))
        ):
            parameters = (name,)
            self._stored[name] = Tensor(name, shape, self.dtype_name(name, elem), parameter=True)
        self.values[name] = Value(name, shape, elem, True, data, parameters)

    def _new_value(self, value: Value) -> Value:
        """A value that lies in an array of its own."""
        self.values[value.name] = value
        dtype = self.dtype_name(value.name, value.elem)
        self.tensors[value.name] = Tensor(value.name, value.shape, dtype)
        return value

    def dtype_name(self, name: str, elem: int) -> str:
        """The data type to count ``elem`` in."""
        if elem not in ONNX_DTYPES:
            kinds = {int(v): str(k) for k, v in TensorProto.DataType.items()}
            raise ConfigError(
                f"{self.path}: tensor {name!r} must hold numbers of a known type, "
                f"not {kinds.get(elem, elem)}"
            )
        own = ONNX_DTYPES[elem]
        if self.override and dtype_of(own).kind == "float" and dtype_of(own).bits >= 16:
            return self.override
        return own

    def dtype(self, value: Value) -> str:
        """The data type to count ``value`` in."""
        return self.dtype_name(value.name, value.elem)

    @property
    def main_dtype(self) -> str:
        """The type of the largest parameter, or of the first tensor."""
        tensors = [t for t in self.tensors.values() if t.parameter] or [*self.tensors.values()]
        return max(tensors, key=lambda t: prod(t.shape)).dtype if tensors else "fp32"

    # The walk

    def run(self) -> None:
        """Handle every node."""
        for node in self.model.graph.node:
            if id(node) not in self.done:
                self._node(node)

    def _node(self, node: onnx.NodeProto) -> None:
        inputs = [self._input(node, name) for name in node.input]
        try:
            self._dispatch(node, inputs)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Libraries and specifications report what is inconsistent in the file by these.
            reason = str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
            raise ConfigError(
                f"{self.path}: {self.label(node)} must be consistent, not: {reason}"
            ) from None

    def _dispatch(self, node: onnx.NodeProto, inputs: list[Value | None]) -> None:
        """Fold a node, or hand it to its handler."""
        present = [v for v in inputs if v is not None]
        if node.op_type in ("Shape", "Size") and present:
            self._shape_of(node, present[0])
        elif node.op_type == "Constant" or (present and all(v.static for v in present)):
            self._fold(node, present)
        else:
            domain = "" if node.domain == "ai.onnx" else node.domain
            handler = self.handlers.get((domain, node.op_type))
            if handler is None:
                raise self.unsupported(node)
            handler(self, node, inputs)

    def _input(self, node: onnx.NodeProto, name: str) -> Value | None:
        if not name:
            return None
        if name not in self.values:
            raise ConfigError(
                f"{self.path}: {self.label(node)} must read tensors made before it, not {name!r}"
            )
        return self.values[name]

    def unsupported(self, node: onnx.NodeProto, detail: str = "") -> UnsupportedOperatorError:
        """The error for a node that cannot be counted."""
        detail = f" {detail}" if detail else ""
        return UnsupportedOperatorError(
            f"{self.path}: {self.label(node)}{detail} is not supported by the import"
        )

    def label(self, node: onnx.NodeProto) -> str:
        """How messages name a node."""
        domain = f"{node.domain}." if node.domain not in ("", "ai.onnx") else ""
        name = node.name or (node.output[0] if node.output else "")
        return f"operator {domain}{node.op_type} of node {name!r}"

    def _shape_of(self, node: onnx.NodeProto, value: Value) -> None:
        start = self.attribute(node, "start", 0)
        end = self.attribute(node, "end", len(value.shape))
        whole = value.size if node.op_type == "Size" else value.shape[start:end]
        data = np.array(whole, dtype=np.int64)
        self.constant(node.output[0], data, TensorProto.INT64)

    def constant(self, name: str, data: np.ndarray[Any, Any], elem: int) -> None:
        """Declare a known constant."""
        self.values[name] = Value(name, tuple(data.shape), elem, True, data)

    def _fold(self, node: onnx.NodeProto, inputs: Sequence[Value]) -> None:
        """Compute a node of constants when the model is loaded."""
        if node.op_type == "Identity":
            self.values[node.output[0]] = inputs[0]
            return
        if node.op_type == "Constant":
            data, elem = constant_array(node)
            self._store(node.output[0], tuple(data.shape), elem, data)
            return
        parameters = tuple(dict.fromkeys(p for v in inputs for p in v.parameters))
        types = self._types(node)
        results = evaluate(node, inputs, types, self.opsets)
        if results is None and types is None:
            raise self._open_shape(node)
        for i, name in enumerate(node.output):
            if results is not None:
                data, elem = results[i]
                self.values[name] = Value(name, tuple(data.shape), elem, True, data, parameters)
            elif name and types is not None:
                shape, elem = types[i]
                self.values[name] = Value(name, shape, elem, True, None, parameters)

    # What handlers use

    def infer(self, node: onnx.NodeProto) -> list[Typed]:
        """Shape and element type of each output, by ONNX's own rules."""
        types = self._types(node)
        if types is None:
            raise self._open_shape(node)
        return types

    def _types(self, node: onnx.NodeProto) -> list[Typed] | None:
        values = {n: self.values[n] for n in node.input if n}
        try:
            return infer_types(node, values, self.opsets, self.model.ir_version)
        except Exception as error:
            reason = str(error).strip().split("\n", maxsplit=1)[0]
            raise ConfigError(
                f"{self.path}: {self.label(node)} must have consistent inputs, not: {reason}"
            ) from None

    def _open_shape(self, node: onnx.NodeProto) -> ConfigError:
        return ConfigError(
            f"{self.path}: {self.label(node)} must have an output shape that follows from the "
            "inputs' shapes, not one that depends on their values"
        )

    @staticmethod
    def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
        """An attribute's value, text decoded."""
        for attribute in node.attribute:
            if attribute.name == name:
                value = onnx.helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

    def sole_consumer(self, name: str, op_type: str) -> onnx.NodeProto | None:
        """The only node that reads ``name``, if it is an ``op_type``."""
        nodes = self.consumers.get(name, [])
        if len(nodes) != 1 or name in self.outputs or nodes[0].op_type != op_type:
            return None
        return nodes[0]

    def view(self, node: onnx.NodeProto, source: Value, shape: Shape, output: int = 0) -> None:
        """An output that is its input with another shape."""
        self.values[node.output[output]] = replace(source, shape=shape)

    def emit(
        self,
        node: onnx.NodeProto,
        spec: OpSpec,
        inputs: Sequence[Value | None],
        shape: Shape,
        elem: int,
        *,
        output: str | None = None,
        step: str = "",
    ) -> Value:
        """Append an operator; ``step`` names one of several that a node makes."""
        made = node.output[0] if output is None else output
        if step:
            made = f"{made}:{step}"
        name = base = (node.name or f"{node.op_type}:{made}") + (f":{step}" if step else "")
        count = 1
        while name in self._names:
            count += 1
            name = f"{base}_{count}"
        self._names.add(name)
        value = self._new_value(Value(made, shape, elem))
        self.ops.append(Op(name, spec, self._reads(inputs), (made,)))
        return value

    def _reads(self, inputs: Sequence[Value | None]) -> tuple[str, ...]:
        """Names of the arrays that an operator reads, parameters declared."""
        names: list[str] = []
        for value in inputs:
            if value is None:
                continue
            for name in value.parameters:
                self.tensors.setdefault(name, self._stored[name])
            names.extend(value.parameters if value.static else (value.name,))
        return tuple(dict.fromkeys(names))
