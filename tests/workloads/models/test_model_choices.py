"""Choices of the builders: rules, hints and what they change."""

import pytest

from archsim.graph import Graph
from workloads.models import build, choices, describe, names


def test_every_model_builds_and_describes_itself():
    for name in names():
        graph = build(name)
        assert isinstance(graph, Graph)
        assert graph.name == name
        assert graph.ops
        assert describe(name)
        assert all(choice.doc for choice in choices(name).values())


def test_equal_choices_give_the_same_graph_and_digest():
    assert build("resnet18", batch=2) is build("resnet18", batch=2)
    assert build("resnet18") is build("resnet18", batch=1)


@pytest.mark.parametrize(
    ("model", "given", "text"),
    [
        ("vit_bas", {}, "not 'vit_bas'; did you mean 'vit_base"),
        ("lama2_7b", {}, "did you mean 'llama2_7b'"),
        ("resnet50", {"bach": 1}, "not 'bach'; did you mean 'batch'"),
        ("resnet50", {"seq": 1}, "takes the choices batch, dtype,"),
        ("resnet50", {"batch": 0}, "batch must be an integer from 1 to 16777216, not 0"),
        ("resnet50", {"batch": -1}, "batch must be an integer from 1"),
        ("resnet50", {"batch": 1.0}, "batch must be an integer from 1"),
        ("resnet50", {"batch": True}, "batch must be an integer from 1"),
        ("resnet50", {"batch": "8"}, "batch must be an integer from 1"),
        ("resnet50", {"batch": None}, "batch must be an integer from 1"),
        ("resnet50", {"batch": 1 << 25}, "batch must be an integer from 1"),
        ("resnet50", {"dtype": "fp17"}, "not 'fp17'; did you mean 'fp16'"),
        ("resnet50", {"dtype": "fp8"}, "dtype must be one of fp16, bf16, fp32, tf32, not 'fp8'"),
        ("resnet50", {"dtype": ["fp16"]}, "dtype must be one of"),
        ("resnet50", {"fold_batchnorm": 1}, "fold_batchnorm must be true or false, not 1"),
        ("resnet50", {"image_size": 16}, "image_size must be an integer from 32 to 8192, not 16"),
        ("vit_base_patch16_224", {"image_size": 225}, r"a multiple of patch \(16\)"),
        ("swin_tiny_patch4_window7_224", {"image_size": 256}, "a multiple of 224"),
        ("gpt2", {"seq": 1025}, "seq . kv_len must be at most 1024 for gpt2, not 1025"),
        ("gpt2", {"phase": "decode"}, "seq . kv_len must be at most 1024"),
        ("llama3_8b", {"phase": "decoding"}, "did you mean 'decode'"),
        ("llama3_8b", {"kv_heads": 5}, r"heads must be a multiple of kv_heads \(5\), not 32"),
        ("llama3_8b", {"heads": 7}, r"hidden must be a multiple of 2 \* heads \(14\), not 4096"),
        ("llama3_8b", {"kv_len": -1}, "kv_len must be an integer from 0"),
        ("m3vit", {"top_k": 17}, r"top_k must be at most experts \(16\), not 17"),
        ("nerf", {"encoding": "hash"}, "encoding must be one of hashgrid, densegrid, lowres"),
    ],
)  # fmt: skip
def test_bad_choices_name_the_rule(model, given, text):
    with pytest.raises(ValueError, match=text) as caught:
        build(model, **given)
    assert "\n" not in str(caught.value)


def test_choices_of_an_unknown_model():
    with pytest.raises(ValueError, match="model must be one of"):
        choices("alexnet")


def test_dtype_halves_bytes_and_keeps_work():
    half, single = build("resnet50"), build("resnet50", dtype="fp32")
    assert single.bytes == 2 * half.bytes
    assert single.flops == half.flops


@pytest.mark.parametrize(("dtype", "rest"), [("fp8", "bf16"), ("int8", "fp16")])
def test_quantised_models_cast_each_operand_once(dtype, rest):
    graph = build("llama3_8b", layers=1, dtype=dtype, framework="eager", seq=16)
    gemms = [op.spec for op in graph if op.spec.kind == "gemm"]
    assert {(g.dtype, g.result_dtype) for g in gemms} == {(dtype, rest)}
    made = [op for op in graph if op.name.endswith("quantise") or "quantise_" in op.name]
    assert len(made) == 5  # attention input, its output, perceptron input, down's input, head
    assert {op.spec.dtype for op in graph if op.spec.kind == "attention"} == {rest}
    assert graph.macs == build("llama3_8b", layers=1, framework="eager", seq=16).macs


def test_tied_head_stays_in_the_type_of_the_embedding():
    graph = build("gpt2", layers=1, dtype="fp8", seq=8)
    assert graph.ops[-1].name == "lm_head"
    assert graph.ops[-1].spec.dtype == "bf16"


def test_decode_reads_the_cache():
    prefill = build("llama3_8b", layers=1, seq=1, kv_len=0)
    decode = build("llama3_8b", layers=1, phase="decode", kv_len=1000, batch=4)
    [one] = [op.spec for op in prefill if op.spec.kind == "attention"]
    [many] = [op.spec for op in decode if op.spec.kind == "attention"]
    assert (one.sq, one.skv, one.pairs) == (1, 1, 1)
    assert (many.b, many.sq, many.skv, many.pairs, many.h_kv) == (4, 1, 1001, 1001, 8)
    assert not many.causal
    copies = [op.spec.n for op in decode if op.spec.kind == "copy"]
    assert copies == [4 * 1024, 4 * 1024]  # the new keys and values, written in place


def test_eager_decode_copies_the_whole_cache():
    graph = build("llama3_8b", layers=1, phase="decode", kv_len=1000, framework="eager")
    copies = [op.spec.n for op in graph if op.spec.kind == "copy" and op.spec.n >= 1001 * 1024]
    assert copies == [1001 * 1024, 1001 * 1024]


def test_a_chunk_of_prefill_sees_what_was_cached():
    graph = build("llama3_8b", layers=1, seq=4, kv_len=100)
    [spec] = [op.spec for op in graph if op.spec.kind == "attention"]
    assert spec.pairs == 101 + 102 + 103 + 104


@pytest.mark.parametrize(("head", "rows"), [("all", 2 * 64), ("last", 2)])
def test_head_positions(head, rows):
    graph = build("llama2_7b", layers=1, batch=2, seq=64, head=head)
    assert graph.ops[-1].spec.m == rows


def test_bare_model_has_no_head():
    full, bare = (build("llama2_7b", layers=2, head=h) for h in ("all", "none"))
    assert full.parameters - bare.parameters == 32000 * 4096
    assert all("lm_head" not in op.name for op in bare)


def test_fused_and_eager_llama_do_the_same_products():
    fused, eager = (build("llama2_7b", layers=2, seq=128, framework=f) for f in ("fused", "eager"))
    assert fused.parameters == eager.parameters
    assert eager.macs - fused.macs == 128 * 64  # the outer product of the rotary angles
    assert len(eager.ops) > 2 * len(fused.ops)


@pytest.mark.parametrize("experts", [1, 3, 16, 300])
def test_experts_share_the_tokens(experts):
    graph = build("m3vit", experts=experts, top_k=1)
    rows = [op.spec.m for op in graph if "blocks.1.experts" in op.name and op.name.endswith("fc1")]
    assert sum(rows) == 129
    assert max(rows) - min(rows) <= 1
    used = build("m3vit", experts=experts, top_k=1).parameters
    assert used == build("m3vit", experts=1, top_k=1).parameters + (experts - 1) * 6 * (
        2 * 192 * 384 + 384 + 192 + 192
    )


def test_windows_add_the_bias_of_their_pairs_and_the_mask_of_a_shift():
    graph = build("swin_tiny_patch4_window7_224", batch=4)
    masks = [op.spec.mask_elements for op in graph if op.spec.kind == "attention"]
    pairs = 49 * 49
    assert masks[:4] == [3 * pairs, 64 * 3 * pairs, 6 * pairs, 16 * 6 * pairs]
    assert masks[-2:] == [24 * pairs, 24 * pairs]  # one window: nothing to shift


def test_batchnorm_reads_four_vectors():
    graph = build("resnet18", fold_batchnorm=False)
    norm = next(op.spec for op in graph if getattr(op.spec, "function", "") == "scale_shift")
    assert norm.bytes_read == 2 * (norm.n + 4 * 64)
    assert norm.parameters == 2 * 64
