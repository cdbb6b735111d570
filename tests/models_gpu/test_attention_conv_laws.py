"""Laws of attention and convolution kernels: grids as recorded, identities, monotony."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.graph.ops import Attention, Conv2d
from archsim.models.gpu.attention import A_SPLITS
from archsim.models.gpu.attention_lower import lower_attention
from archsim.models.gpu.attention_queue import shared_sms
from archsim.models.gpu.conv import C_CTAS
from archsim.models.gpu.conv_lower import lower_conv
from archsim.models.gpu.vector import variants


@pytest.fixture(scope="module")
def record(h200):
    return variants(h200).rows[0]


def attention(**fields):
    base = {"b": 1, "h": 32, "h_kv": 32, "sq": 1, "skv": 1024, "d": 128, "dtype": "bf16"}
    return Attention(**(base | fields))


@pytest.mark.parametrize(
    ("fields", "splits"),
    [({"b": 5}, 3), ({"b": 10, "skv": 3776}, 1), ({"b": 1, "skv": 2048}, 8),
     ({"b": 6, "skv": 1280}, 4), ({"b": 3, "skv": 1792}, 5), ({"b": 16, "h_kv": 8}, 2),
     ({"b": 64, "h_kv": 1, "skv": 8192}, 4)],
)  # fmt: skip
def test_flash_splits_as_recorded(fields, splits, record):
    kernels = lower_attention(attention(impl="flash", **fields), record)
    assert kernels[0].params[A_SPLITS] == splits
    assert len(kernels) == (2 if splits > 1 else 1)


@pytest.mark.parametrize(
    ("fields", "splits"),
    [({"skv": 512}, 1), ({"skv": 2048}, 8), ({"skv": 2048, "h_kv": 8}, 16),
     ({"b": 4, "skv": 2048}, 1), ({"b": 4, "skv": 2048, "h_kv": 8}, 8),
     ({"skv": 8192, "h_kv": 1}, 64), ({"b": 64, "skv": 8192, "h_kv": 1}, 1)],
)  # fmt: skip
def test_cudnn_decode_splits_as_recorded(fields, splits, record):
    kernels = lower_attention(attention(impl="cudnn", **fields), record)
    assert kernels[0].params[A_SPLITS] == splits


def test_auto_takes_cudnn_on_hopper(record):
    names = [p.name for p in lower_attention(attention(sq=512, skv=512), record)]
    assert names[0] == "Memset (Device)"
    assert names[1].startswith("cudnn_generated")


def test_two_ctas_share_an_sm_and_the_third_waits():
    p = np.zeros(18)
    p[4], p[8], p[9], p[10], p[15], p[16] = 128, 128, 128, 1, 1, 2
    one = shared_sms(p, 1.0, 0.0, 10.0, 16.0, 1)
    two = shared_sms(p, 2.0, 0.0, 10.0, 16.0, 1)
    three = shared_sms(p, 3.0, 0.0, 10.0, 16.0, 1)
    assert (one, two, three) == (10.0, 16.0, 26.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 8), st.sampled_from([1, 4, 16]), st.integers(1, 3000), st.integers(1, 3000),
    st.sampled_from([64, 96, 128, 192, 256]), st.booleans(), st.sampled_from(["auto", "flash"]),
)  # fmt: skip
def test_attention_keeps_its_bounds(h200_model, b, h_kv, sq, skv, d, causal, impl):
    spec = attention(b=b, h=16, h_kv=h_kv, sq=sq, skv=skv, d=d, causal=causal, impl=impl)
    result = h200_model.price(spec)
    for kernel in result.kernels:
        assert min(kernel.terms_us) >= 0
        assert kernel.us == pytest.approx(sum(kernel.terms_us))
        assert all(kernel.us >= bound * (1 - 1e-9) for bound in kernel.bound_us.values())
    assert sum(kernel.flops for kernel in result.kernels) == spec.flops


def test_causal_attention_is_cheaper_and_grouped_heads_read_less(h200_model):
    full = h200_model.price(attention(sq=4096, skv=4096, h=16, h_kv=16))
    half = h200_model.price(attention(sq=4096, skv=4096, h=16, h_kv=16, causal=True))
    assert 0.5 * full.us < half.us < 0.8 * full.us
    many = h200_model.price(attention(b=16, skv=8192))
    few = h200_model.price(attention(b=16, skv=8192, h_kv=8))
    assert few.us < 0.5 * many.us


def conv(**fields):
    base = {"n": 8, "cin": 64, "cout": 64, "h": 56, "w": 56, "r": 3, "s": 3, "padding": 1}
    return Conv2d(**(base | fields))


@pytest.mark.parametrize(
    ("fields", "ctas"),
    [({"h": 7, "w": 7}, 6), ({"h": 14, "w": 14, "cin": 256}, 80), ({}, 266),
     ({"h": 112, "w": 112, "cin": 96}, 1596), ({"stride": 2}, 112),
     ({"n": 1, "cin": 192, "h": 28, "w": 28}, 147)],
)  # fmt: skip
def test_depthwise_grids_as_recorded(fields, ctas, record):
    channels = fields.get("cin", 64)
    spec = conv(**{**fields, "cin": channels, "cout": channels, "groups": channels})
    assert lower_conv(spec, record)[0].params[C_CTAS] == ctas


def test_pointwise_convolution_is_a_matrix_product(record):
    kernels = lower_conv(conv(r=1, s=1, padding=0), record)
    assert "nvjet" in kernels[-1].name


def test_groups_of_equal_width_run_on_slices(record):
    names = [p.name for p in lower_conv(conv(groups=4), record)]
    assert names.count("nhwcSliceCKernel") == 8
    assert len([n for n in names if "fprop" in n]) == 4


def test_groups_of_other_widths_are_packed(record):
    spec = conv(n=64, h=14, w=14, groups=4, cout=192)
    names = [p.name for p in lower_conv(spec, record)]
    assert names.count("tensorTransformGeneric") == 3


def test_channels_first_tensors_are_transposed(record):
    names = [p.name.split("::")[-1] for p in lower_conv(conv(layout="nchw"), record)]
    assert names[:2] == ["nchwToNhwcKernel"] * 2
    assert names[-1] == "nhwcToNchwKernel"


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 64), st.sampled_from([3, 8, 32, 96]), st.sampled_from([8, 64, 96]),
    st.integers(4, 60), st.sampled_from([1, 3, 5, 7]), st.sampled_from([1, 2]),
)  # fmt: skip
def test_convolution_keeps_its_bounds(h200_model, n, cin, cout, size, r, stride):
    spec = Conv2d(
        n=n, cin=cin, cout=cout, h=size, w=size + 1, r=r, s=r, stride=stride, padding=r // 2
    )
    result = h200_model.price(spec)
    for kernel in result.kernels:
        assert kernel.us == pytest.approx(sum(kernel.terms_us))
        assert all(kernel.us >= bound * (1 - 1e-9) for bound in kernel.bound_us.values())
    assert sum(kernel.flops for kernel in result.kernels) >= spec.flops * (1 - 1e-9)


def test_groups_that_double_in_width_stay_apart(record):
    names = [p.name for p in lower_conv(conv(groups=4, cout=128), record)]
    assert names.count("tensorTransformGeneric") == 2


def test_narrow_equal_groups_share_tiles(record):
    kernels = lower_conv(conv(cin=256, cout=256, groups=32), record)
    assert len(kernels) == 1
    assert kernels[0].name.endswith("_g8")


def test_groups_side_by_side_crowd_each_other(h200_model):
    alone = h200_model.price(conv(cin=16, cout=16)).us
    kernels = h200_model.price(conv(groups=4)).kernels
    assert max(k.us for k in kernels if "fprop" in k.name) > alone
