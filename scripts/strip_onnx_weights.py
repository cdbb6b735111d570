"""Replace the weights of ONNX files by empty sparse tensors of the same shape and type.

    python scripts/strip_onnx_weights.py model.onnx stripped.onnx

The result is valid ONNX: a sparse initializer without values is a tensor of zeros. Names, shapes
and types stay, so that a graph imports the same from a file of some kilobytes.
"""

import sys
from pathlib import Path

import onnx

KEEP_INTEGERS = 4096  # shapes and indices, which imports fold
KEEP_FLOATS = 16  # scales and limits
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


def _elements(dims: list[int]) -> int:
    count = 1
    for d in dims:
        count *= d
    return count


def strip(model: onnx.ModelProto) -> onnx.ModelProto:
    """Empty every large initializer, and drop what only documents."""
    graph = model.graph
    kept = []
    for tensor in graph.initializer:
        keep = KEEP_FLOATS if tensor.data_type in FLOATS else KEEP_INTEGERS
        if _elements(list(tensor.dims)) <= keep:
            kept.append(tensor)
            continue
        empty = graph.sparse_initializer.add()
        empty.dims.extend(tensor.dims)
        empty.values.name = tensor.name
        empty.values.data_type = tensor.data_type
        empty.values.dims.append(0)
        empty.indices.data_type = onnx.TensorProto.INT64
        empty.indices.dims.append(0)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del graph.value_info[:]
    graph.doc_string = ""
    del graph.metadata_props[:]
    for value in (*graph.input, *graph.output):
        del value.metadata_props[:]
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    return model


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = map(Path, arguments)
    onnx.save(strip(onnx.load(source)), target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
