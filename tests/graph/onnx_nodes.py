"""Short ways to make ONNX nodes and stored arrays."""

import numpy as np
from onnx import helper

F32 = "fp32"


def node(op, inputs="x", outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=f"the_{op}", **attributes)


def ms(op, inputs, outputs="y", **attributes):
    return node(op, inputs, outputs, domain="com.microsoft", **attributes)


def specs(graph):
    return [op.spec for op in graph]


def zeros(*shape):
    return np.zeros(shape, np.float32)


def ints(*values):
    return np.array(values, np.int64)
