"""The cycle model: closed forms, bounds, identities, monotonicity, the ViT layer."""

import subprocess
import sys
from dataclasses import astuple, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.config import load_device
from archsim.config.matrix import MatrixParams
from archsim.errors import UnsupportedOperatorError
from archsim.graph import Graph, Op
from archsim.graph.ops import Attention, BatchedGemm, Conv2d, Gemm, Softmax
from archsim.mapping.array import plan
from archsim.models.array import ArrayModel, engine_cycles, periodic, systolic_cycles

VIT_LAYER = (
    (1, 197, 768, 2304), (12, 197, 64, 197), (12, 197, 197, 64),
    (1, 197, 768, 768), (1, 197, 768, 3072), (1, 197, 3072, 768),
)  # fmt: skip
"""count, m, k, n"""

points = st.builds(
    MatrixParams,
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    format=st.sampled_from(["int8", "int16", "w16a32"]),
    requantise=st.booleans(),
    a_depth=st.integers(8, 90),
    b_depth=st.integers(8, 90),
    out_depth=st.integers(9, 40),
    port_bytes=st.sampled_from([1, 2, 4, 8, 16]),
)
sizes = st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 100))


def test_scale_sim_closed_form():
    # SCALE-Sim 3.0.0, output stationary, 32x32: QK^T of ViT-Base takes 6,173 compute cycles
    assert systolic_cycles(197, 197, 64, 32, 32) == 6173


def test_vit_layer_is_within_four_percent_of_the_fold_bound():
    model = ArrayModel(load_device("os_32x32_int8"))
    layer = [(count, model.cycles(m, n, k)) for count, m, k, n in VIT_LAYER]
    bound = sum(count * c.bound for count, c in layer)
    assert bound == 1_619_016
    total = sum(count * c.cycles for count, c in layer)
    assert bound <= total <= 1.04 * bound
    assert total == 1_630_520  # co-simulated cycle by cycle, see tests/cosim


@given(points, sizes)
@settings(max_examples=150, deadline=None)
def test_identities(params, size):
    m, n, k = size
    job = plan(params, m, n, k)
    c = engine_cycles(params, job)
    assert c.cycles == c.compute + c.stall_input + c.stall_output + c.stall_drain + c.tail
    assert min(astuple(c)) >= 0
    assert c.cycles > c.bound == -(-m // params.rows) * -(-n // params.columns) * k
    assert c.cycles > c.beats_in
    assert c.cycles > c.beats_out == m * job.n_tiles * params.beats(params.out_word_bits)
    assert sum(job.group_sizes()) == job.m_tiles
    assert job.held * k <= params.a_depth or job.held == 1


@given(points, sizes)
@settings(max_examples=100, deadline=None)
def test_wider_ports_and_larger_buffers_never_hurt(params, size):
    m, n, k = size
    base = engine_cycles(params, plan(params, m, n, k)).cycles
    wide = replace(params, port_bytes=2 * params.port_bytes)
    assert engine_cycles(wide, plan(wide, m, n, k)).cycles <= base
    deep = replace(params, out_depth=2 * params.out_depth)
    assert engine_cycles(deep, plan(deep, m, n, k)).cycles <= base


@pytest.mark.parametrize("port", [4, 8, 32])
@pytest.mark.parametrize("size", [(300, 3000, 16), (40, 4000, 100), (64, 2000, 8)])
def test_long_jobs_extrapolate(monkeypatch, port, size):
    params = MatrixParams(rows=8, columns=8, a_depth=256, b_depth=256, port_bytes=port)
    job = plan(params, *size)
    full = engine_cycles(params, job)
    monkeypatch.setattr(periodic, "TILES_IN_FULL", 400)
    fast = periodic.job_cycles(params, job)
    assert fast.cycles == pytest.approx(full.cycles, rel=5e-3)
    assert fast.cycles >= fast.bound
    assert fast.beats_in == full.beats_in


def graph(*specs):
    return Graph("g", tuple(Op(f"op{i}", spec) for i, spec in enumerate(specs)))


def test_evaluate_adds_up():
    model = ArrayModel(load_device("os_8x8_int8"))
    specs = (
        Gemm(m=40, n=24, k=32, dtype="int8"),
        Gemm(m=40, n=24, k=32, dtype="int8"),
        BatchedGemm(b=3, m=20, n=20, k=16, dtype="int8"),
        Attention(b=1, h=2, h_kv=2, sq=17, skv=17, d=16, dtype="int8"),
        Conv2d(n=1, cin=8, cout=16, h=8, w=8, r=3, s=3, padding=1, dtype="int8"),
        Softmax(rows=10, cols=30, dtype="int8"),
    )
    point = model.evaluate(graph(*specs))
    assert [op.count for op in point.operators] == [2, 1, 1, 1, 1]
    for op in point.operators:
        assert op.us >= op.bound_us > 0
        assert sum(op.terms_us) == pytest.approx(op.us)
    assert point.metrics["latency_us"] == pytest.approx(
        sum(op.count * op.us for op in point.operators)
    )
    assert point.metrics["matrix_cycles"] > point.metrics["bound_cycles"]
    assert 0 < point.metrics["utilisation"] <= 1
    assert all(value >= 0 for value in point.metrics.values())
    cycles = model.cycles(40, 24, 32).cycles
    assert point.operators[0].us == pytest.approx(cycles / 150e6 * 1e6)


def test_refuses_other_data_types():
    model = ArrayModel(load_device("os_8x8_int8"))
    with pytest.raises(UnsupportedOperatorError, match=r"gemm\.dtype must be int8 on an engine"):
        model.price(Gemm(m=8, n=8, k=8, dtype="fp16"))


def test_refuses_a_dimension_beyond_its_register():
    params = MatrixParams(rows=1, columns=1)
    with pytest.raises(ValueError, match="m must be at least 1 and take at most 65535 tiles"):
        plan(params, 70_000, 1, 1)


def test_imports_no_numba():
    code = (
        "import sys; from archsim.config import load_device; "
        "from archsim.models.array import ArrayModel; "
        "ArrayModel(load_device('os_32x32_int8')).cycles(197, 197, 64); "
        "sys.exit(any(m in sys.modules for m in ('numba', 'amaranth', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
