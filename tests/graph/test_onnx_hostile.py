"""Files that are broken, foreign or hostile: one sentence, no traceback, no other file touched."""

import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from archsim.errors import ArchsimError, ConfigError
from archsim.graph import onnx_import_file
from archsim.graph.onnx_import import load_onnx

DATA = Path(__file__).parents[1] / "data" / "onnx"


def refused(path, text=None, **options):
    with pytest.raises(ConfigError, match=text) as caught:
        load_onnx(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty", b""),
        ("text", b"workload: {model: vit_base_patch16_224}\n"),
        ("zeros", bytes(1000)),
        ("png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("zip", b"PK\x03\x04" + bytes(500)),
        ("deep", b"\x3a\x7f" * 5000),
    ],
)
def test_other_files(tmp_path, name, content):
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(content)
    refused(path, "must be an ONNX")


def test_missing_file_and_folder(tmp_path):
    refused(tmp_path / "none.onnx", "must be readable, not: no such file")
    refused(tmp_path, "must be readable")


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated(tmp_path, share):
    whole = (DATA / "vit_tiny_2blocks.dynamo.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path)


def test_flipped_bytes_never_end_in_a_traceback(tmp_path):
    whole = bytearray((DATA / "resnet18.dynamo.onnx").read_bytes())
    rng = random.Random(1)
    path = tmp_path / "flipped.onnx"
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(rng.choice((1, 3, 20))):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        path.write_bytes(broken)
        try:
            load_onnx(path)
        except ArchsimError as error:
            assert "\n" not in str(error)


def test_size_limit(tmp_path, monkeypatch):
    path = tmp_path / "huge.onnx"
    path.write_bytes(b"x" * 101)
    monkeypatch.setattr(onnx_import_file, "MAX_FILE_BYTES", 100)
    refused(path, "must be at most 100 bytes, with larger weights stored as external data, not 101")


def save(path, weight, nodes=None, shape=(6, 8)):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_empty_tensor_value_info("y")]
    nodes = nodes or [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [weight])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    path.write_bytes(model.SerializeToString())
    return path


def external(**entries):
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[8, 5])
    weight.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    return weight


def test_external_data_is_checked_and_not_read(tmp_path):
    path = save(tmp_path / "m.onnx", external(location="weights.bin", length="160"))
    refused(path, "external data of tensor 'w' must be whole in 'weights.bin' beside the file")
    (tmp_path / "weights.bin").write_bytes(bytes(159))
    refused(path, "missing or short")
    (tmp_path / "weights.bin").write_bytes(bytes(160))
    assert load_onnx(path).parameters == 40


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "a/../../w.bin", ""])
def test_external_data_may_not_lie_elsewhere(tmp_path, location):
    path = save(tmp_path / "m.onnx", external(location=location))
    refused(path, "must store its data beside the file")


def test_external_offset_must_be_a_number(tmp_path):
    path = save(tmp_path / "m.onnx", external(location="w.bin", offset="ten"))
    refused(path, "must have a whole offset and length")


def test_short_and_negative_tensors(tmp_path):
    weight = numpy_helper.from_array(np.zeros((8, 5), np.float32), "w")
    weight.raw_data = bytes(10)
    refused(save(tmp_path / "m.onnx", weight), "tensor 'w' must hold 160 bytes, not 10")
    weight.dims[0] = -8
    refused(save(tmp_path / "m.onnx", weight), "tensor 'w' must have no negative dimension")


def test_huge_constants_are_not_made(tmp_path):
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20], np.int64), "w")
    nodes = [
        helper.make_node("ConstantOfShape", ["w"], ["c"]),
        helper.make_node("MatMul", ["x", "c"], ["y"]),
    ]
    graph = load_onnx(save(tmp_path / "m.onnx", shape, nodes, (4, 1 << 20)))
    assert graph.macs == 4 << 40
    limit = numpy_helper.from_array(np.array(1 << 40, np.int64), "w")
    nodes = [helper.make_node("Range", ["w", "w", "w"], ["c"]), *nodes[1:]]
    refused(save(tmp_path / "m.onnx", limit, nodes))


def test_huge_dimension_of_an_input(tmp_path):
    weight = numpy_helper.from_array(np.zeros((8, 5), np.float32), "w")
    path = save(tmp_path / "m.onnx", weight, shape=(1 << 41, 8))
    refused(path, "dimensions of input 'x' must be from 1 to")


def test_input_without_rank_or_of_another_kind(tmp_path):
    weight = numpy_helper.from_array(np.zeros((8, 5), np.float32), "w")
    path = save(tmp_path / "m.onnx", weight, shape=None)
    refused(path, "input 'x' must have a known rank")
    model = onnx.load(path)
    model.graph.input[0].CopyFrom(
        helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, (6, 8))
    )
    path.write_bytes(model.SerializeToString())
    refused(path, "input 'x' must be a tensor, not another type")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch": 0}, "workload.batch must be an integer of at least 1, not 0"),
        ({"batch": 1.5}, "workload.batch must be an integer"),
        ({"batch": True}, "workload.batch must be an integer"),
        ({"dtype": "fp17"}, "did you mean 'fp16'"),
        ({"dtype": "int8"}, "workload.dtype of an ONNX file must be one of"),
    ],
)
def test_bad_choices(options, text):
    refused(DATA / "resnet18.dynamo.onnx", text, **options)
