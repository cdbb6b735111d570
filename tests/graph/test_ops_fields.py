"""Fields of operators: identity, rules and the sentences that name them."""

import pytest

from archsim.formats import DTYPES
from archsim.graph import OP_KINDS
from archsim.graph.ops import Attention, Conv2d, Copy, Elementwise, Gemm, Pool2d, Reduce


@pytest.mark.parametrize("kind", OP_KINDS.values(), ids=OP_KINDS)
def test_equal_work_is_equal_and_hashable(kind):
    made = {
        "m": 2, "n": 2, "k": 2, "b": 2, "h": 2, "h_kv": 2, "sq": 2, "skv": 2, "d": 2, "cin": 2,
        "cout": 2, "w": 2, "r": 1, "s": 1, "c": 2, "stride": 1, "function": "max", "rows": 2,
        "cols": 2, "table": 2, "width": 2, "tokens": 2, "experts": 2, "top_k": 1, "dims": 2,
        "levels": 2, "features": 2, "table_entries": 2,
    }  # fmt: skip
    values = {k: v for k, v in made.items() if k in kind.__dataclass_fields__}
    one, two = kind(**values), kind(**values)
    assert one == two
    assert one.key == two.key
    assert hash(one) == hash(two)
    assert one.key[0] == kind.kind
    assert one.bytes == one.bytes_read + one.bytes_written > 0


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Gemm(m=0, n=1, k=1), ValueError, "gemm.m must be at least 1, not 0"),
        (lambda: Gemm(m=1, n=-2, k=1), ValueError, "gemm.n must be at least 1, not -2"),
        (lambda: Gemm(m=1.5, n=1, k=1), TypeError, "gemm.m must be an integer, not 1.5"),
        (lambda: Gemm(m=True, n=1, k=1), TypeError, "gemm.m must be an integer, not True"),
        (lambda: Gemm(m=1, n=1, k=1, dtype="fp17"), ValueError, "did you mean 'fp16'"),
        (lambda: Gemm(m=1, n=1, k=1, dtype=None), TypeError, "gemm.dtype must be text, not None"),
        (lambda: Gemm(m=1, n=1, k=1, bias=1), TypeError, "gemm.bias must be true or false, not 1"),
        (lambda: Gemm(m=1 << 49, n=1, k=1), ValueError, "gemm.m must be at most"),
        (lambda: Gemm(m=1, n=1, k=1, activation="rlu"), ValueError, "activation must be one of"),
        (lambda: Copy(n=1, pattern="diagonal"), ValueError, "copy.pattern must be one of"),
        (lambda: Reduce(rows=1, cols=1, function="median"), ValueError, "must be one of sum, mean"),
        (
            lambda: Conv2d(n=1, cin=3, cout=4, h=8, w=8, r=1, s=1, groups=2),
            ValueError,
            r"conv2d.cin must be a multiple of groups \(2\), not 3",
        ),
        (
            lambda: Attention(b=1, h=6, h_kv=4, sq=1, skv=1, d=8),
            ValueError,
            r"attention.h must be a multiple of h_kv \(4\), not 6",
        ),
        (
            lambda: Attention(b=1, h=1, h_kv=1, sq=1, skv=4, d=8, cached=3),
            ValueError,
            "attention.cached must be less than skv",
        ),
        (
            lambda: Elementwise(function="gello", n=1),
            ValueError,
            "elementwise.function must be one of",
        ),
        (
            lambda: Pool2d(function="sum", n=1, c=1, h=2, w=2, r=1, stride=1),
            ValueError,
            r"pool2d.function must be one of max, mean, not 'sum'",
        ),
        (
            lambda: Pool2d(function="max", n=1, c=1, h=2, w=2, r=3, stride=1),
            ValueError,
            "pool2d window must fit",
        ),
    ],
)
def test_bad_fields_are_named(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_every_dtype_can_be_counted():
    for name in DTYPES:
        assert Gemm(m=8, n=8, k=8, dtype=name).bytes > 0
