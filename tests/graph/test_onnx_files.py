"""Import of files that real libraries exported (tests/data/onnx/README.md)."""

from pathlib import Path

import pytest

from archsim.errors import UnsupportedOperatorError
from archsim.graph.onnx_import import load_onnx
from workloads.models import build

DATA = Path(__file__).parents[1] / "data" / "onnx"
FILES = sorted(p for p in DATA.glob("*.onnx") if not p.name.startswith("lstm"))

# From the libraries themselves: parameters of the module, and half of what
# torch.utils.flop_counter of torch 2.15 counts for one image or one sequence of 16 tokens.
PYTORCH = {
    "vit_tiny_2blocks": (1_268_776, 233_191_680),
    "resnet18": (11_689_512, 1_814_073_344),
    "mobilenetv2_100": (3_504_872, 300_774_272),
    "mobilenetv3_small_100": (2_542_856, 56_510_400),
    "efficientnet_b0": (5_288_548, 385_814_752),
    "convnext_atto": (3_695_520, 547_332_480),
    "swin_tiny_2_2_2_2": (21_182_386, 3_073_797_120),
    "lraspp_mobilenet_v3": (3_221_538, 379_281_312),
    "gpt2_2layers": (53_561_088, 844_836_864),
    "bert_2layers": (38_603_520, 227_868_672),
    "llama_2layers": (17_499_392, 149_159_936),
}

# Batch norm's scale and shift fold into a bias: channels fewer in the file than in the module.
FOLDED = {
    "resnet18": 4800,
    "mobilenetv2_100": 17_056,
    "mobilenetv3_small_100": 6056,
    "efficientnet_b0": 21_008,
    "lraspp_mobilenet_v3": 12_328,
}
POOLER = 768 * 768 + 768  # of BERT, not on the way to the exported output
ROTARY = 2 * 16 * 32  # cosines and sines that the file stores as weights
# Swin's file stores the bias of each pair of tokens, not its table, and the shift's masks.
SWIN = 2 * 45 * (49 * 49 - 169) + 84 * 49 * 49


def stem(path):
    return path.name.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_products_and_parameters_are_those_of_the_library(path):
    parameters, macs = PYTORCH[stem(path)]
    graph = load_onnx(path)
    name = stem(path)
    pooled = name == "bert_2layers"
    assert graph.macs == macs - 768 * 768 * pooled
    stored = parameters - FOLDED.get(name, 0) - POOLER * pooled
    stored += {"llama_2layers": ROTARY, "swin_tiny_2_2_2_2": SWIN}.get(name, 0)
    assert graph.parameters == stored


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_batch_and_type_scale(path):
    one, three = load_onnx(path, batch=1), load_onnx(path, batch=3)
    assert three.macs == 3 * one.macs
    assert three.parameters == one.parameters
    assert three.digest != one.digest
    half = load_onnx(path, batch=1, dtype="fp16")
    assert half.macs == one.macs
    assert {op.spec.dtype for op in half if op.spec.kind in ("gemm", "conv2d")} == {"fp16"}
    assert 0.45 * one.bytes < half.bytes < 0.6 * one.bytes
    assert half.parameter_bytes * 2 == one.parameter_bytes


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_operators_write_the_tensors_they_name(path):
    graph = load_onnx(path, batch=2)
    tensors = {t.name: t for t in graph.tensors}
    for op in graph:
        assert sum(tensors[o].bytes for o in op.outputs) == op.spec.bytes_written, op
        if op.spec.kind in ("gemm", "bmm", "conv2d", "softmax", "layernorm"):
            read = sum(tensors[i].bytes for i in op.inputs)
            shared = op.spec.kind == "bmm" and len(op.inputs) == 1
            assert read >= op.spec.bytes_read or shared, op


def products(graph):
    """Matrix products by size, attention taken apart."""
    found = []
    for op in graph:
        s = op.spec
        if s.kind == "gemm":
            found.append((1, *sorted((s.m, s.n, s.k)), s.bias))
        elif s.kind == "bmm":
            found.append((s.b, *sorted((s.m, s.n, s.k)), False))
        elif s.kind == "attention":
            found += 2 * [(s.b * s.h, *sorted((s.sq, s.skv, s.d)), False)]
        elif s.kind == "conv2d":
            found.append((s.n, s.cin, s.cout, s.h, s.r, s.stride, s.groups, s.bias))
    return sorted(found)


@pytest.mark.parametrize(
    ("file", "model", "given"),
    [
        ("vit_tiny_2blocks.legacy", "vit_tiny_patch16_224", {"depth": 2}),
        ("vit_tiny_2blocks.dynamo", "vit_tiny_patch16_224", {"depth": 2}),
        ("resnet18.legacy", "resnet18", {}),
        ("resnet18.dynamo", "resnet18", {}),
        ("mobilenetv2_100.legacy", "mobilenet_v2", {}),
        ("mobilenetv2_100.dynamo", "mobilenet_v2", {}),
        ("gpt2_2layers.dynamo", "gpt2", {"layers": 2, "seq": 16}),
        (
            "llama_2layers.dynamo",
            "llama2_7b",
            {
                "hidden": 256, "intermediate": 512, "heads": 8, "kv_heads": 2, "layers": 2,
                "seq": 16, "framework": "eager",
            },
        ),
    ],
)  # fmt: skip
def test_file_and_builder_hold_the_same_products(file, model, given):
    imported = load_onnx(DATA / f"{file}.onnx", batch=2, dtype="fp16")
    built = build(model, batch=2, **given)
    rotary = (1, *sorted((16, 1, 16)), False)  # the builder's rotary angles
    assert products(imported) == [p for p in products(built) if p != rotary]


@pytest.mark.parametrize("exporter", ["legacy", "dynamo"])
def test_unknown_operator_is_named(exporter):
    with pytest.raises(UnsupportedOperatorError, match=r"operator LSTM of node '.*lstm.*' is not"):
        load_onnx(DATA / f"lstm.{exporter}.onnx")


def test_fused_operators_of_onnxruntime():
    graph = load_onnx(DATA / "bert_2layers.onnxruntime.onnx")
    kinds = [getattr(op.spec, "function", op.spec.kind) for op in graph]
    assert kinds.count("gelu") == 2
    assert kinds.count("layernorm") == 5


def test_meta_says_where_it_came_from():
    graph = load_onnx(DATA / "resnet18.dynamo.onnx", batch=4, dtype="bf16")
    assert graph.name == "resnet18.dynamo"
    assert graph.meta["batch"] == 4
    assert graph.meta["dtype"] == "bf16"
    assert "pytorch" in str(graph.meta["producer"])
    assert load_onnx(DATA / "resnet18.dynamo.onnx").meta["dtype"] == "fp32"


def test_every_file_is_tried_and_small():
    assert {stem(p) for p in FILES} == set(PYTORCH)
    assert sum(p.stat().st_size for p in DATA.iterdir()) < 1_000_000
