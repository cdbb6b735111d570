"""Units of hdl.arith: operators beside archsim.functional."""

from __future__ import annotations

import numpy as np
from unit_harness import Pipeline, Unit

from archsim.functional.dot import DotProduct as ExactDot
from archsim.functional.dot import Reduce as ExactReduce
from archsim.functional.exp import Exp as ExactExp
from archsim.functional.gelu import Gelu as ExactGelu
from archsim.functional.reciprocal import Reciprocal as ExactReciprocal
from archsim.functional.reciprocal import Rsqrt as ExactRsqrt
from archsim.functional.topk import TopK as ExactTopK
from archsim.numeric.operators import (
    DotProductParams,
    ExpParams,
    GeluParams,
    ReciprocalParams,
    ReduceParams,
    RsqrtParams,
    TopKParams,
)
from hdl.arith.dot import DotProduct
from hdl.arith.exp import Exp
from hdl.arith.gelu import Gelu
from hdl.arith.reciprocal import Reciprocal, Rsqrt
from hdl.arith.reduce import Reduce
from hdl.arith.topk import TopK


def as_signed(word, bits):
    return word - (1 << bits) if word >> (bits - 1) & 1 else word


def numbers(bits, count=600):
    """Every magnitude equally often, with the extremes."""

    def draw(rng):
        edges = [0, 1, 2, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1]
        rest = [rng.getrandbits(bits) >> rng.randrange(bits) for _ in range(count)]
        signs = [w ^ ((1 << bits) - 1) if rng.random() < 0.3 else w for w in rest]
        return edges + signs

    return draw


def pointwise(name, block, operator, exact, params, bits, signed=False, out_bits=None):
    golden = exact(params)
    mask = (1 << (out_bits or params.out_bits)) - 1

    def feed(word):
        return int(golden(np.array(as_signed(word, bits) if signed else word))) & mask

    return Unit(
        name, lambda: operator(params), lambda: Pipeline(5, feed),
        {"i": (bits, numbers(bits))}, block=block, cycles=600,
    )  # fmt: skip


def dot(name, block, **choices):
    p = DotProductParams(**choices)
    golden = ExactDot(p)
    width = p.a_bits + p.b_bits + 1

    def draw(rng):
        out = []
        for _ in range(500):
            a, b = (
                rng.choice([rng.getrandbits(n), 1 << (n - 1), (1 << (n - 1)) - 1])
                for n in (p.a_bits, p.b_bits)
            )
            out.append(a | b << p.a_bits | int(rng.random() < 0.3) << (width - 1))
        return out

    def model():
        pairs = []

        def feed(word):
            a = as_signed(word & ((1 << p.a_bits) - 1), p.a_bits)
            b = as_signed(word >> p.a_bits & ((1 << p.b_bits) - 1), p.b_bits)
            pairs.append((a, b))
            if not word >> (width - 1):
                return None
            result = golden(*np.array(pairs).T)
            pairs.clear()
            return result & ((1 << p.out_bits) - 1)

        return Pipeline(3, feed)

    return Unit(name, lambda: DotProduct(p), model, {"i": (width, draw)}, block=block, cycles=600)


def reduction(name, block, **choices):
    p = ReduceParams(**choices)
    golden = ExactReduce(p)
    bits = p.width * p.count

    def feed(word):
        parts = [word >> (n * p.width) & ((1 << p.width) - 1) for n in range(p.count)]
        values = [as_signed(v, p.width) if p.signed else v for v in parts]
        return int(golden(np.array(values))) & ((1 << p.out_bits) - 1)

    source = {"i": (bits, lambda rng: [rng.getrandbits(bits) for _ in range(400)])}
    return Unit(
        name, lambda: Reduce(p), lambda: Pipeline(max(1, p.levels), feed), source, block=block
    )


def ranking(name, block, **choices):
    p = TopKParams(**choices)
    golden = ExactTopK(p)
    bits = p.value_bits
    entry = bits + p.index_bits + 1

    def model():
        values = []

        def feed(word):
            values.append(as_signed(word & ((1 << bits) - 1), bits))
            if not word >> bits:
                return None
            result = 0
            for n, (v, i) in enumerate(zip(*golden(np.array(values)), strict=True)):
                packed = int(v) & ((1 << bits) - 1) | int(i) << bits | 1 << (entry - 1)
                result |= packed << (n * entry)
            values.clear()
            return result

        return Pipeline(1, feed)

    def draw(rng):
        return [
            rng.choice([rng.getrandbits(bits), rng.getrandbits(2)])
            | int(rng.random() < 0.15) << bits
            for _ in range(500)
        ]

    return Unit(name, lambda: TopK(p), model, {"i": (bits + 1, draw)}, block=block, cycles=600)


R8 = {"in_bits": 9, "in_fraction_bits": 4, "out_bits": 10, "out_fraction_bits": 6,
      "index_bits": 4, "value_bits": 12}  # fmt: skip
LIFT = {"in_bits": 10, "in_fraction_bits": 9, "out_bits": 24, "out_fraction_bits": 16,
        "index_bits": 3, "value_bits": 12}  # fmt: skip

UNITS = [
    pointwise("reciprocal", "reciprocal", Reciprocal, ExactReciprocal, ReciprocalParams(**R8), 9),
    pointwise("reciprocal_16", "", Reciprocal, ExactReciprocal, ReciprocalParams(), 16),
    pointwise("reciprocal_lift", "", Reciprocal, ExactReciprocal, ReciprocalParams(**LIFT), 10),
    pointwise("rsqrt", "rsqrt", Rsqrt, ExactRsqrt, RsqrtParams(**R8), 9),
    pointwise("rsqrt_16", "", Rsqrt, ExactRsqrt, RsqrtParams(), 16),
    pointwise("rsqrt_lift", "", Rsqrt, ExactRsqrt, RsqrtParams(**LIFT), 10),
    pointwise("exp", "exp", Exp, ExactExp, ExpParams(
        in_bits=9, in_fraction_bits=5, out_fraction_bits=10, index_bits=4, value_bits=12), 9),
    pointwise("exp_16", "", Exp, ExactExp, ExpParams(), 16),
    pointwise("gelu", "gelu", Gelu, ExactGelu, GeluParams(
        bits=12, fraction_bits=8, value_bits=11), 12, True, 12),
    pointwise("gelu_16", "", Gelu, ExactGelu, GeluParams(), 16, True, 16),
    pointwise("gelu_32", "", Gelu, ExactGelu, GeluParams(
        bits=32, fraction_bits=22, value_bits=22), 32, True, 32),
    dot("dot_int8", "dot_wrap", acc_bits=18, shift=4, out_bits=8, rounding="half_even"),
    dot("dot_saturate", "dot_saturate", acc_bits=16, shift=3, out_bits=12, overflow="saturate",
        rounding="half_away"),
    dot("dot_16x32", "", a_bits=16, b_bits=32, acc_bits=50, out_bits=32, shift=16,
        rounding="half_up"),
    dot("dot_floor", "", a_bits=16, b_bits=16, acc_bits=34, out_bits=34, rounding="floor"),
    *[
        reduction(f"reduce_{op}_{n}", f"reduce_{op}" if n == 5 else "", count=n, width=6,
                  operation=op, signed=s)
        for op in ("add", "max", "min") for n, s in ((1, True), (4, False), (5, True))
    ],
    ranking("topk", "topk", count=2, value_bits=6, index_bits=4),
    ranking("topk_4", "", count=4, value_bits=12, index_bits=6),
]  # fmt: skip
