"""Operators against counters that loop over every element, and laws between operators."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.graph.ops import (
    Attention,
    BatchedGemm,
    Conv2d,
    Copy,
    Elementwise,
    Embedding,
    Gather,
    Gemm,
    HashGridEncoding,
    LayerNorm,
    MoeRouting,
    Pool2d,
    Reduce,
    RmsNorm,
    ScatterAdd,
    Softmax,
    SparseGemm,
    Transpose,
)

small = st.integers(1, 6)
width = {"fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "fp8": 1, "int8": 1, "int64": 8}
dtypes = st.sampled_from(["fp32", "fp16", "bf16", "fp64"])


def product_count(rows, columns, inner):
    """Multiply-adds and distinct elements read and written by three nested loops."""
    macs, a, b, c = 0, set(), set(), set()
    for i, j, k in itertools.product(range(rows), range(columns), range(inner)):
        macs += 1
        a.add((i, k))
        b.add((j, k))
        c.add((i, j))
    return macs, len(a), len(b), len(c)


@given(m=small, n=small, k=small, dtype=dtypes, bias=st.booleans())
def test_gemm_counts_what_three_loops_do(m, n, k, dtype, bias):
    macs, a, b, c = product_count(m, n, k)
    op = Gemm(m=m, n=n, k=k, dtype=dtype, bias=bias)
    assert (op.macs, op.flops) == (macs, 2 * macs)
    assert op.bytes_read == (a + b + n * bias) * width[dtype]
    assert op.bytes_written == c * width[dtype]
    assert op.parameters == 0
    assert Gemm(m=m, n=n, k=k, bias=bias, weight=True).parameters == b + n * bias


@pytest.mark.parametrize(
    ("dtype", "result"), [("fp8", "bf16"), ("int8", "int32"), ("fp16", "fp16"), ("fp32", "fp32")]
)
def test_gemm_result_type(dtype, result):
    assert Gemm(m=4, n=4, k=4, dtype=dtype).result_dtype == result
    assert Gemm(m=4, n=4, k=4, dtype=dtype, out_dtype="fp32").result_dtype == "fp32"


def test_int4_operands_are_packed():
    assert Gemm(m=3, n=1, k=1, dtype="int4").bytes_read == 2 + 1  # 12 bits and 4 bits


def test_sparse_gemm_reads_half_of_a_and_its_metadata():
    dense, op = Gemm(m=64, n=8, k=32), SparseGemm(m=64, n=8, k=32)
    assert op.macs == dense.macs
    kept = 64 * 32 // 2
    assert op.bytes_read == dense.bytes_read - kept * 2 + kept * 2 // 8
    assert op.bytes_written == dense.bytes_written


@given(b=small, m=small, n=small, k=small)
def test_batched_gemm_is_that_many_gemms(b, m, n, k):
    one, all_ = Gemm(m=m, n=n, k=k), BatchedGemm(b=b, m=m, n=n, k=k)
    for name in ("macs", "flops", "bytes_read", "bytes_written", "bytes"):
        assert getattr(all_, name) == b * getattr(one, name)


@given(
    b=small, groups=st.integers(1, 3), h_kv=small, sq=small, skv=small, d=small,
    causal=st.booleans(), cached=st.integers(0, 5),
)  # fmt: skip
def test_attention_counts_every_visible_pair(b, groups, h_kv, sq, skv, d, causal, cached):
    cached = min(cached, skv - 1) if causal else 0
    op = Attention(
        b=b, h=groups * h_kv, h_kv=h_kv, sq=sq, skv=skv, d=d, causal=causal, cached=cached
    )
    pairs = sum(not causal or key <= query + cached for query in range(sq) for key in range(skv))
    assert op.pairs == pairs
    assert op.macs == 2 * b * groups * h_kv * pairs * d
    q, kv = b * groups * h_kv * sq * d, b * h_kv * skv * d
    assert op.bytes_read == 2 * (q + 2 * kv)
    assert op.bytes_written == 2 * q


def test_attention_reads_its_mask():
    plain = Attention(b=2, h=3, h_kv=3, sq=7, skv=7, d=8)
    masked = Attention(b=2, h=3, h_kv=3, sq=7, skv=7, d=8, mask_elements=3 * 49)
    assert masked.bytes_read - plain.bytes_read == 2 * 3 * 49
    assert masked.macs == plain.macs


def window_positions(size, window, stride, before, after, dilation):
    """Starts of a window that lies within the padded axis, found by trying each."""
    span = dilation * (window - 1) + 1
    return list(range(0, before + size + after - span + 1, stride))


@given(
    n=st.integers(1, 2), cin=st.integers(1, 3), cout=st.integers(1, 3), groups=st.integers(1, 3),
    h=st.integers(3, 7), w=st.integers(3, 7), r=st.integers(1, 3), s=st.integers(1, 3),
    stride=st.integers(1, 3), stride_w=st.none() | st.integers(1, 3), padding=st.integers(0, 2),
    padding_w=st.none() | st.integers(0, 2), extra=st.integers(0, 1),
    dilation=st.integers(1, 2), bias=st.booleans(),
)  # fmt: skip
def test_conv_counts_what_seven_loops_do(
    n, cin, cout, groups, h, w, r, s, stride, stride_w, padding, padding_w, extra, dilation, bias
):
    pw, sw = (padding if padding_w is None else padding_w), stride_w or stride
    rows = window_positions(h, r, stride, padding, padding + extra, dilation)
    columns = window_positions(w, s, sw, pw, pw, dilation)
    make = {
        "n": n, "cin": cin * groups, "cout": cout * groups, "h": h, "w": w, "r": r, "s": s,
        "stride": stride, "stride_w": stride_w, "padding": padding, "padding_w": padding_w,
        "extra_h": extra, "groups": groups, "dilation": dilation, "bias": bias, "dtype": "fp32",
    }  # fmt: skip
    if not rows or not columns:
        with pytest.raises(ValueError, match="conv2d filter must fit the padded input"):
            Conv2d(**make)
        return
    macs, filters, outputs = 0, set(), set()
    for _, g, o, y, x in itertools.product(
        range(n), range(groups), range(cout), range(len(rows)), range(len(columns))
    ):
        outputs.add((_, g, o, y, x))
        for c, i, j in itertools.product(range(cin), range(r), range(s)):
            macs += 1
            filters.add((g, o, c, i, j))
    op = Conv2d(**make)
    assert (op.p, op.q) == (len(rows), len(columns))
    assert op.macs == macs
    assert op.parameters == len(filters) + cout * groups * bias
    assert op.bytes_read == 4 * (n * cin * groups * h * w + op.parameters)
    assert op.bytes_written == 4 * len(outputs)


@given(n=small, cin=small, cout=small, h=small, w=small, bias=st.booleans())
def test_pointwise_convolution_is_a_gemm(n, cin, cout, h, w, bias):
    conv = Conv2d(n=n, cin=cin, cout=cout, h=h, w=w, r=1, s=1, bias=bias)
    gemm = Gemm(m=n * h * w, n=cout, k=cin, bias=bias, weight=True)
    for name in ("macs", "flops", "bytes_read", "bytes_written", "parameters"):
        assert getattr(conv, name) == getattr(gemm, name)


@given(n=small, c=small, size=st.integers(2, 8), r=st.integers(1, 3))
def test_depthwise_convolution_is_a_grouped_one_of_single_channels(n, c, size, r):
    depthwise = Conv2d(n=n, cin=c, cout=c, h=size, w=size, r=r, s=r, padding=r // 2, groups=c)
    single = Conv2d(n=n, cin=1, cout=1, h=size, w=size, r=r, s=r, padding=r // 2)
    assert depthwise.macs == c * single.macs
    assert depthwise.bytes == c * single.bytes


@given(
    n=st.integers(1, 2), c=small, h=st.integers(3, 8), w=st.integers(3, 8), r=st.integers(1, 3),
    stride=st.integers(1, 3), padding=st.integers(0, 1),
)  # fmt: skip
def test_pool_counts_its_windows(n, c, h, w, r, stride, padding):
    rows = window_positions(h, r, stride, padding, padding, 1)
    columns = window_positions(w, r, stride, padding, padding, 1)
    op = Pool2d(function="max", n=n, c=c, h=h, w=w, r=r, stride=stride, padding=padding)
    assert op.outputs == n * c * len(rows) * len(columns)
    assert op.flops == op.outputs * r * r
    assert (op.bytes_read, op.bytes_written) == (2 * n * c * h * w, 2 * op.outputs)


def test_pool_with_ceil_keeps_the_last_partly_filled_window():
    floor = Pool2d(function="max", n=1, c=1, h=6, w=6, r=3, stride=2)
    ceil = Pool2d(function="max", n=1, c=1, h=6, w=6, r=3, stride=2, ceil=True)
    assert (floor.p, ceil.p) == (2, 3)


@given(rows=small, cols=small, dtype=dtypes)
def test_row_operators(rows, cols, dtype):
    size = rows * cols * width[dtype]
    for kind, flops, held in (
        (Softmax, 5, 0), (LayerNorm, 5, 2), (RmsNorm, 4, 1), (Transpose, 0, 0), (Reduce, 1, 0),
    ):  # fmt: skip
        op = kind(rows=rows, cols=cols, dtype=dtype)
        assert op.flops == flops * rows * cols
        assert op.parameters == held * cols
        assert op.bytes_read == size + held * cols * width[dtype]
        assert op.bytes_written == (rows * width[dtype] if kind is Reduce else size)


@given(n=st.integers(1, 100), arity=st.integers(1, 3), dtype=dtypes)
def test_elementwise_reads_each_operand_once(n, arity, dtype):
    op = Elementwise(function="add", n=n, arity=arity, dtype=dtype)
    assert (op.bytes_read, op.bytes_written) == (arity * n * width[dtype], n * width[dtype])


def test_elementwise_broadcast_takes_one_place():
    op = Elementwise(function="add", n=1000, arity=2, broadcast=10, held_parameters=10)
    assert (op.bytes_read, op.bytes_written) == (2 * 1010, 2000)
    assert (op.flops, op.parameters) == (1000, 10)


def test_cast_writes_the_other_type():
    op = Elementwise(function="cast", n=10, dtype="fp32", out_dtype="fp16")
    assert (op.bytes_read, op.bytes_written, op.flops) == (40, 20, 0)


def test_indexed_operators():
    gather = Gather(table=100, width=8, n=5)
    assert (gather.bytes_read, gather.bytes_written) == (5 * 8 * 2 + 5 * 8, 5 * 8 * 2)
    assert (gather.parameters, gather.flops) == (0, 0)
    assert Embedding(table=100, width=8, n=5).parameters == 800
    scatter = ScatterAdd(table=4, n=10, width=2)
    assert scatter.flops == 20
    assert scatter.bytes_read == 10 * 2 * 4 + 10 * 8
    assert scatter.bytes_written == 4 * 2 * 4
    assert Copy(n=7).bytes == 28


def test_routing_writes_a_weight_and_an_index_for_each_chosen_expert():
    op = MoeRouting(tokens=10, experts=16, top_k=2)
    assert (op.bytes_read, op.bytes_written) == (10 * 16 * 2, 10 * 2 * (2 + 4))
    with pytest.raises(ValueError, match=r"moe_routing.top_k must be at most experts \(4\), not 5"):
        MoeRouting(tokens=1, experts=4, top_k=5)


def test_grid_encoding_against_a_loop_over_corners():
    n, dims, levels, features = 3, 3, 4, 2
    flops = 0
    for _ in range(n * levels):
        flops += 2 * dims
        for _corner in itertools.product((0, 1), repeat=dims):
            flops += dims + 2 * features
    op = HashGridEncoding(n=n, dims=dims, levels=levels, features=features, table_entries=10**6)
    assert op.flops == flops
    assert op.bytes_read == n * dims * 4 + n * levels * 8 * features * 2
    assert op.bytes_written == n * levels * features * 2
    large = HashGridEncoding(n=10**6, dims=3, levels=4, features=2, table_entries=100)
    assert large.bytes_read == 10**6 * 12 + 100 * 2 * 2  # at most the whole table
