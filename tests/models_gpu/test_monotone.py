"""Properties: no answer beats its bound; more bandwidth or SMs never make one slower."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_operators import draw

from archsim.config import load_device
from archsim.errors import UnsupportedOperatorError
from archsim.graph.ops import (
    Attention,
    Copy,
    Elementwise,
    Embedding,
    Gather,
    HashGridEncoding,
    LayerNorm,
    MoeRouting,
    Pool2d,
    Reduce,
    RmsNorm,
    ScatterAdd,
    Softmax,
    Transpose,
)
from archsim.metrics.checks import check_monotone, check_operator
from archsim.models.gpu import GpuModel

size = st.integers(1, 20_000)
dtype = st.sampled_from(["fp16", "fp32", "bf16"])
OPERATORS = st.one_of(
    st.builds(
        Elementwise, function=st.sampled_from(["add", "gelu", "relu", "cast"]),
        n=st.integers(1, 1 << 28), arity=st.integers(1, 3), dtype=dtype,
    ),
    st.builds(
        Copy, n=st.integers(1, 1 << 28), dtype=dtype,
        pattern=st.sampled_from(["contiguous", "strided", "concat", "concat_aligned"]),
    ),
    st.builds(Softmax, rows=size, cols=size, dtype=dtype),
    st.builds(LayerNorm, rows=size, cols=size, dtype=dtype),
    st.builds(RmsNorm, rows=size, cols=size, dtype=dtype),
    st.builds(Reduce, rows=size, cols=size, dtype=dtype),
    st.builds(Transpose, rows=size, cols=size, dtype=dtype),
    st.builds(Gather, table=size, width=st.integers(1, 4096), n=size, dtype=dtype),
    st.builds(Embedding, table=size, width=st.integers(1, 4096), n=size, dtype=dtype),
    st.builds(ScatterAdd, table=size, n=size, width=st.integers(1, 64)),
    st.builds(
        Pool2d, function=st.just("max"), n=st.integers(1, 64), c=st.integers(1, 512),
        h=st.integers(3, 64), w=st.integers(3, 64), r=st.just(3), stride=st.just(2),
    ),
    st.builds(MoeRouting, tokens=size, experts=st.integers(4, 256), top_k=st.integers(1, 4)),
    st.builds(
        HashGridEncoding, n=size, dims=st.just(3), levels=st.integers(1, 16),
        features=st.just(2), table_entries=st.integers(1, 1 << 20),
    ),
)  # fmt: skip

DEVICES = (
    "h200", "h100_sxm", "h800_pcie", "a100_pcie", "a100_sxm", "rtx_4090", "rtx_3090", "rtx_a6000",
    "v100_sxm", "t4", "l4", "jetson_agx_orin",
)  # fmt: skip
BANDWIDTHS = (1e12, 2e12, 3.35e12, 4.8e12, 6e12)
SMS = (33, 66, 99, 132, 264)


@pytest.fixture(scope="module")
def by_bandwidth(h200):
    path = "memory.bandwidth_bytes_per_s"
    return [GpuModel(h200.with_values({path: b})) for b in BANDWIDTHS]


@pytest.fixture(scope="module")
def by_sms(h200):
    return [GpuModel(h200.with_values({"sm_count": n})) for n in SMS]


@settings(max_examples=150, deadline=None)
@given(spec=OPERATORS)
def test_every_answer_passes_the_checks_and_moves_its_bytes(h200_model, spec):
    result = h200_model.price(spec)
    exact = not isinstance(spec, Gather | ScatterAdd | HashGridEncoding)
    check_operator(result, cold=True, compulsory_bytes=spec.bytes if exact else None)


@pytest.mark.parametrize("name", DEVICES)
def test_the_checks_of_every_answer_never_fire_wrongly(name):
    _price_random_operators(name, operators=120, chips=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", DEVICES)
def test_the_checks_never_fire_wrongly_on_thousands_of_operators(name):
    _price_random_operators(name, operators=6000, chips=6)


def _price_random_operators(name, operators, chips):
    """Price operators of every kind on the device and on ``chips`` with other SMs and memory."""
    rng = random.Random(f"{name} {operators}")
    device = load_device(name)
    bandwidth = float(device.memory.bandwidth_bytes_per_s)
    models = [GpuModel(device)]
    for _ in range(chips):
        values = {
            "sm_count": rng.choice((1, 2, 13, 33, 99, 144, 300)),
            "memory.bandwidth_bytes_per_s": bandwidth * 10 ** rng.uniform(-0.7, 0.7),
        }
        models.append(GpuModel(device.with_values(values)))
    priced = 0
    for i in range(operators):
        spec = draw(rng)
        resident = rng.choice((0.0, 0.0, rng.random(), 1.0))
        with contextlib.suppress(UnsupportedOperatorError):
            priced += models[i % len(models)].price(spec, resident).us > 0
    assert priced > 0.7 * operators


@settings(max_examples=80, deadline=None)
@given(spec=OPERATORS)
def test_more_bandwidth_is_never_slower(by_bandwidth, spec):
    times = [model.price(spec).us for model in by_bandwidth]
    check_monotone("memory bandwidth", BANDWIDTHS, times)


@settings(max_examples=80, deadline=None)
@given(spec=OPERATORS)
def test_more_sms_are_never_slower_beside_the_tail_of_loads(by_sms, h200, spec):
    """The slowest of more cold loads takes longer: at most a doubling of them per step."""
    times = [model.price(spec).us for model in by_sms]
    tail = float(h200.memory.tail_us)
    check_monotone("SM count", SMS, times, slack=tail / min(times))


@pytest.mark.parametrize("impl", ["flash", "cudnn"])
def test_a_last_round_of_few_ctas_is_not_charged_as_a_full_one(h200_model, impl):
    """The check of the answers compares each decode kernel with itself on twice the SMs."""
    for b in range(1, 70):
        h200_model.price(Attention(b=b, h=32, h_kv=32, sq=1, skv=4096, d=128, impl=impl))


@pytest.mark.parametrize("name", DEVICES[1:])
@settings(max_examples=15, deadline=None)
@given(spec=OPERATORS)
def test_every_device_prices_every_operator(name, spec):
    result = MODELS.setdefault(name, GpuModel(load_device(name))).price(spec)
    assert result.low_us < result.us < result.high_us


MODELS: dict[str, GpuModel] = {}
