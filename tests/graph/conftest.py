"""Fixtures of the ONNX tests; ``onnx_nodes`` beside this file makes nodes."""

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from archsim.graph.onnx_import import load_onnx

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def load(tmp_path):
    """Import a model of ``nodes``; inputs and stored arrays by name."""

    def make(nodes, inputs, stored=None, opset=20, outputs=("y",), microsoft=False, **options):
        infos = []
        for name, shape in inputs.items():
            elem = TensorProto.FLOAT
            if isinstance(shape, tuple) and shape and isinstance(shape[-1], str):
                elem = getattr(TensorProto, shape[-1])
                shape = shape[:-1]
            infos.append(helper.make_tensor_value_info(name, elem, shape))
        arrays = [numpy_helper.from_array(np.asarray(a), n) for n, a in (stored or {}).items()]
        outs = [helper.make_empty_tensor_value_info(o) for o in outputs]
        graph = helper.make_graph(nodes, "g", infos, outs, arrays)
        opsets = [helper.make_opsetid("", opset)]
        if microsoft:
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return load_onnx(path, **options)

    return make
