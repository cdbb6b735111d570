"""Measured cases become the operators they measured; malformed ones are refused by name."""

import json
from collections import Counter

import pytest

from archsim.errors import ConfigError
from archsim.graph import ops
from archsim.validate import load_dataset, spec_from_case
from archsim.validate.cases import CLASSES, LARGEST
from workloads import measured

KERNELS = load_dataset(measured.path("h200_kernels"))

# Accepted differences between a case's useful work and ours, each with its rule.
# layernorm: we also read scale and shift. transpose: the data counts five operations an element
# where there are none. scatter_add: the data reads and writes each touched entry, we write it.
# Causal attention: the data halves the square, we keep the whole diagonal.
FLOPS_DIFFER = {"transpose", "attention"}
BYTES_DIFFER = {"layernorm", "scatter_add"}


@pytest.mark.parametrize("op", sorted({c["op"] for c in KERNELS.cases}))
def test_flops_and_bytes_agree_with_the_dataset(op):
    cases = [c for c in KERNELS.cases if c["op"] == op]
    assert cases
    for case in cases:
        spec = spec_from_case(case)
        if op not in FLOPS_DIFFER:
            assert spec.flops == case["flops"], case
        if op not in BYTES_DIFFER:
            assert spec.bytes == case["bytes"], case


def test_accepted_differences_are_exactly_these():
    for case in KERNELS.cases:
        spec = spec_from_case(case)
        if case["op"] == "transpose":
            assert spec.flops == 0
            assert case["flops"] == 5 * spec.rows * spec.cols
        if case["op"] == "attention" and case["causal"]:
            diagonal = 4 * spec.b * spec.h * spec.d * spec.sq // 2
            assert spec.flops - case["flops"] == diagonal
        elif case["op"] == "attention":
            assert spec.flops == case["flops"]
        if case["op"] == "layernorm":
            size = ops.size_bytes(spec.dtype, 1)
            assert spec.bytes - case["bytes"] == 2 * spec.cols * size
        if case["op"] == "scatter_add":
            assert case["bytes"] - spec.bytes == 4 * min(spec.table, spec.n)


def test_the_shipped_dataset_holds_what_its_readme_says():
    counts = Counter(c["op"] for c in KERNELS.cases)
    assert counts["gemm"] == 120
    assert sum(counts.values()) == 242
    assert set(counts) <= set(CLASSES)


def test_convolution_is_channels_last_and_padded_by_half_the_filter():
    case = next(c for c in KERNELS.cases if c["op"] == "conv2d" and c["r"] == 5)
    spec = spec_from_case(case)
    assert (spec.layout, spec.padding, spec.s, spec.h, spec.w) == ("nhwc", 2, 5, 28, 28)


def test_convolution_takes_stated_padding_layout_and_bias():
    case = {"op": "conv2d", "n": 1, "cin": 3, "cout": 8, "hw": 32, "r": 16, "stride": 16,
            "dtype": "fp16", "pad": 0, "layout": "nchw", "bias": True}  # fmt: skip
    spec = spec_from_case(case)
    assert (spec.padding, spec.layout, spec.bias, spec.groups) == (0, "nchw", True, 1)
    with pytest.raises(ConfigError, match="pad must be an integer from 0 to 16, not -1"):
        spec_from_case({**case, "pad": -1})
    with pytest.raises(ConfigError, match="layout must be one of nhwc, nchw"):
        spec_from_case({**case, "layout": "chwn"})


def test_further_classes():
    linear = spec_from_case({"op": "linear", "m": 1, "n": 1000, "k": 2048, "dtype": "fp16"})
    assert (linear.bytes, linear.parameters) == (4_102_096 + 2000, 2048 * 1000 + 1000)
    cast = spec_from_case({"op": "cast", "n": 262144, "dtype": "fp16", "to": "fp32"})
    assert (cast.bytes, cast.flops) == (1_572_864, 0)
    silu = spec_from_case({"op": "silu", "n": 10, "dtype": "bf16"})
    assert (silu.function, silu.bytes) == ("silu", 40)


def test_attention_keeps_its_backend_and_mask():
    spec = spec_from_case(
        {"op": "attention", "b": 1, "h": 8, "h_kv": 2, "sq": 4, "skv": 9, "d": 64,
         "causal": True, "impl": "flash", "dtype": "bf16"}
    )  # fmt: skip
    assert (spec.impl, spec.causal, spec.h_kv, spec.dtype) == ("flash", True, 2, "bf16")


def test_int8_and_fp8_results_have_the_types_of_the_library():
    case = {"op": "gemm", "m": 8, "n": 8, "k": 8, "dtype": "int8"}
    assert spec_from_case(case).result_dtype == "int32"
    assert spec_from_case({**case, "dtype": "fp8"}).result_dtype == "bf16"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"op": "gemmm"}, "d.json: cases[3].op must be one of .* did you mean 'gemm'"),
        ({"op": None}, r"cases\[3\].op must be one of .*, not nothing"),
        ({"m": 0}, f"cases\\[3\\].m must be an integer from 1 to {LARGEST}, not 0"),
        ({"m": 1.5}, r"cases\[3\].m must be an integer .*, not 1.5"),
        ({"m": True}, r"cases\[3\].m must be an integer .*, not true"),
        ({"m": 10**30}, r"cases\[3\].m must be an integer"),
        ({"m": "128"}, r'cases\[3\].m must be an integer .*, not "128"'),
        ({"dtype": "fp17"}, r"cases\[3\].dtype must be one of .* did you mean 'fp1"),
        ({"dtype": ["fp16"]}, r"cases\[3\].dtype must be one of"),
    ],
)
def test_a_wrong_field_is_named_with_its_case(gemm_case, change, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("d.json: cases[3]", r"cases\[3\]")):
        spec_from_case({**gemm_case, **change}, "d.json: cases[3]")


def test_a_missing_field_is_named(gemm_case):
    del gemm_case["k"]
    with pytest.raises(ConfigError, match=r"d: cases\[0\].k must be .*, not missing"):
        spec_from_case(gemm_case, "d: cases[0]")


def test_fields_that_contradict_each_other_are_refused():
    conv = {"op": "conv2d", "n": 1, "cin": 6, "cout": 8, "hw": 7, "r": 3, "stride": 1}
    with pytest.raises(ConfigError, match=r"conv2d.cin must be a multiple of groups"):
        spec_from_case({**conv, "groups": 4, "dtype": "fp16"})
    attention = {"op": "attention", "b": 1, "h": 8, "sq": 1, "skv": 1, "d": 64, "dtype": "fp16"}
    with pytest.raises(ConfigError, match=r"h_kv must divide h \(8\), not 3"):
        spec_from_case({**attention, "h_kv": 3})
    with pytest.raises(ConfigError, match=r"causal must be true or false, not \"no\""):
        spec_from_case({**attention, "causal": "no"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", r"data.json:1:2: the file must be valid JSON"),
        ('{"cases": [}', r"data.json:1:12: the file must be valid JSON"),
        ("[]", "cases must be a list of at least one case, not nothing"),
        ('{"cases": []}', "cases must be a list of at least one case"),
        ('{"cases": [3]}', r"cases\[0\] must be an object, not 3"),
        ('{"cases": [{"us": NaN}]}', "numbers must be finite, not NaN"),
        ("[" * 100_000, "the file must be"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "data.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_dataset(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_dataset(tmp_path / "none.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="must be"):
        load_dataset(tmp_path / "b.json")


def test_shipped_datasets_are_found_by_name():
    assert {"h200_kernels", "h200_models", "h200_sustained"} <= set(measured.names())
    for name in ("h200_kernels", "h200_models", "h200_sustained"):
        assert json.loads(measured.path(name).read_text())["cases"]
    assert measured.path("h200_models.json") == measured.path("h200_models")
    with pytest.raises(ValueError, match=r"dataset must be one of .*h200_kernels, .*not '../x'"):
        measured.path("../x")
