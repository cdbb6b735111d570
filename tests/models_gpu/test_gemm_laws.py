"""Laws of the matrix-product kernels: hand-computed numbers, identities, monotony."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.config.gpu import GpuDevice
from archsim.graph.ops import BatchedGemm, Gemm, SparseGemm
from archsim.mapping.gpu.names import MMA, WGMMA, XMMA, parse_gemm
from archsim.mapping.gpu.tiles import nvjet_rows, nvjet_stages
from archsim.metrics import TERMS
from archsim.models.gpu import GpuModel
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu import plan as plans
from archsim.models.gpu.gemm_lower import lower_gemm
from archsim.models.gpu.gemm_steps import FP8, FP16, wgmma_clk
from archsim.models.gpu.recorded import price_recorded, rank_candidates, recorded_tile
from archsim.models.gpu.solve import solve
from archsim.models.gpu.sparse_lower import segments
from archsim.models.gpu.vector import variants

SIZES = st.integers(0, 13).flatmap(lambda e: st.integers(2**e, 2 ** (e + 1)))
DTYPES = st.sampled_from(["fp16", "bf16", "fp8", "int8", "tf32", "fp32", "fp64"])


@pytest.fixture(scope="module")
def record(h200):
    return variants(h200).rows[0]


def changed(device, path, value):
    data = device.model_dump()
    node = data
    for part in path.split("."):
        node = node[part]
    node["value"] = value
    return GpuDevice(**data)


@pytest.mark.parametrize(
    ("n", "clocks"), [(256, 128), (128, 64), (64, 32), (32, 24), (16, 20), (8, 18)]
)
def test_wgmma_takes_the_published_clocks(n, clocks, record):
    assert wgmma_clk(record, 64.0, n, 1.0, FP16, 32.0, 2.0, 1.0) == clocks
    assert wgmma_clk(record, 64.0, n, 1.0, FP8, 32.0, 1.0, 1.0) == clocks


def test_sparse_wgmma_is_bound_by_shared_memory(record):
    # 64 x 256 over 64 dense fp16: half of A (2,048 B) and all of B (16,384 B) over 128 B/clk.
    clk = wgmma_clk(record, 64.0, 256.0, 1.0, FP16, 64.0, 2.0, 0.5)
    assert clk == 2 * max(64.0, (1024 + 8192) / 128)


@pytest.mark.parametrize(
    ("tile", "stages"), [((128, 256), 4), ((64, 48), 15), ((104, 64), 10), ((128, 320), 3),
                         ((8, 64), 16), ((64, 128), 8)],
)  # fmt: skip
def test_stages_follow_from_shared_memory(tile, stages):
    assert nvjet_stages(*tile) == stages


def test_recorded_names_are_read():
    kernel = parse_gemm("nvjet_sm90_hsh_256x128_64x4_1x2_h_bz_coopA_TNT")
    assert (kernel.engine, kernel.tile_n, kernel.tile_m, kernel.tile_k) == (WGMMA, 256, 128, 64)
    assert (kernel.cluster_n, kernel.cluster_m, kernel.coop, kernel.m_side) == (1, 2, 1, False)
    split = parse_gemm("nvjet_sm90_qqtst_64x16_128x16_1x4_h_bz_algo2_splitK_TNT")
    assert split.splits
    old = parse_gemm(
        "void cutlass::Kernel2<cutlass_80_tensorop_i16832gemm_s8_128x64_128x3_tn_align16>"
    )
    assert (old.engine, old.tile_m, old.tile_n, old.stages) == (MMA, 64, 128, 3)
    xmma = parse_gemm("sm90_xmma_gemm_f32f32_tf32f32_f32_tn_n_tilesize128x256x32_warpgroupsize2x1")
    assert (xmma.engine, xmma.tile_m, xmma.tile_n) == (XMMA, 128, 256)
    assert parse_gemm("void at::native::elementwise_kernel<128>") is None


@pytest.mark.parametrize(("tiles", "memsets"), [(264, 0), (272, 1)])
def test_more_tiles_than_two_waves_need_a_cleared_counter(tiles, memsets, record):
    kernels = lower_gemm(Gemm(m=128 * tiles, n=256, k=4096), record)
    wide = [p for p in kernels if p.params and p.params[g.TM] == 128 and p.params[g.TN] == 256]
    if wide:
        assert len(kernels) - 1 == memsets


@pytest.mark.parametrize(
    ("k", "tiles", "parts"),
    [(1024, 12, 1), (1536, 12, 2), (2048, 12, 2), (4096, 12, 4), (8192, 12, 8), (8192, 96, 1),
     (7936, 18, 7), (4480, 14, 8), (5632, 12, 8)],
)  # fmt: skip
def test_sparse_kernels_cut_k_as_recorded(k, tiles, parts):
    assert segments(k, tiles, 132) == parts


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, SIZES, DTYPES)
def test_terms_tile_the_time_and_no_bound_is_beaten(h200_model, m, n, k, dtype):
    result = h200_model.price(Gemm(m=m, n=n, k=k, dtype=dtype))
    for kernel in result.kernels:
        assert len(kernel.terms_us) == len(TERMS)
        assert min(kernel.terms_us) >= 0
        assert kernel.us == pytest.approx(sum(kernel.terms_us))
        assert all(kernel.us >= bound * (1 - 1e-9) for bound in kernel.bound_us.values())
    spec = Gemm(m=m, n=n, k=k, dtype=dtype)
    assert sum(kernel.flops for kernel in result.kernels) == spec.flops
    assert sum(kernel.hbm_bytes for kernel in result.kernels) >= spec.bytes * (1 - 1e-9)


@pytest.mark.parametrize(
    "spec",
    [Gemm(m=1, n=1, k=1), Gemm(m=1, n=4096, k=4096), Gemm(m=7919, n=7907, k=7901),
     Gemm(m=1000003, n=64, k=32), Gemm(m=65536, n=65536, k=65536),
     BatchedGemm(b=100000, m=16, n=16, k=16), BatchedGemm(b=1, m=1, n=1, k=8)],
)  # fmt: skip
def test_extreme_shapes_have_finite_times_above_a_launch(spec, h200_model):
    result = h200_model.price(spec)
    assert np.isfinite(result.us)
    assert result.us > 1.0


MONOTONE = {
    "memory.bandwidth_bytes_per_s": (2.4e12, 3.35e12, 4.8e12, 8e12),
    "l2.bytes_per_clk": (2000.0, 4000.0, 5700.0, 9000.0),
    "clock.boost_hz": (1.6e9, 1.8e9, 1.98e9),
}


@pytest.mark.parametrize("path", MONOTONE)
@settings(max_examples=25, deadline=None)
@given(m=SIZES, n=SIZES, k=SIZES, dtype=DTYPES)
def test_a_kernel_is_never_slower_with_more_of_a_resource(h200, path, m, n, k, dtype):
    devices = [variants(changed(h200, path, v)) for v in MONOTONE[path]]
    kernels = lower_gemm(Gemm(m=m, n=n, k=k, dtype=dtype), devices[0].rows[0])
    times = [priced(device, kernels) for device in devices]
    assert all(b <= a * (1 + 1e-9) for a, b in pairwise(times))


def priced(device, kernels):
    out = solve(device.rows[:1], device.relevant[:1], kernels, [0.0] * len(kernels))
    return out[0, :, : plans.TERMS_US].sum()


@settings(max_examples=25, deadline=None)
@given(SIZES, SIZES, SIZES)
def test_more_sms_never_slow_down_beyond_one_wave_of_the_choice(h200, m, n, k):
    """Own rule: the library may take another kernel, at most 15 % slower by our prices."""
    times = [
        GpuModel(changed(h200, "sm_count", s)).price(Gemm(m=m, n=n, k=k)).us for s in (66, 99, 132)
    ]
    assert all(b <= 1.15 * a for a, b in pairwise(times))


def test_recorded_kernels_are_priced_with_their_own_tile(record):
    kernels = [
        {"name": "Memset (Device)", "grid": None},
        {"name": "nvjet_sm90_hsh_256x128_64x4_1x2_h_bz_coopA_TNT", "grid": [2, 66, 1],
         "block": [384, 1, 1], "regs": 168, "smem": 213188},
    ]  # fmt: skip
    priced = price_recorded(Gemm(m=4096, n=4096, k=4096), kernels)
    assert [p.name.split("_")[0] for p in priced] == ["Memset (Device)", "nvjet"]
    assert priced[1].config["tile"] == [128, 256, 64]
    assert recorded_tile(kernels) == (128, 256)
    assert price_recorded(SparseGemm(m=128, n=256, k=64), kernels) is None


def test_candidates_are_ranked_once_per_tile(record):
    ranked = rank_candidates(Gemm(m=4096, n=4096, k=4096), record)
    tiles = [c["tile"] for c in ranked]
    assert len(set(tiles)) == len(tiles) > 3
    assert (128, 256) in tiles[:3] or (256, 128) in tiles[:3]
    assert rank_candidates(Gemm(m=64, n=64, k=64, dtype="int8"), record) == []


def test_tiles_are_those_of_recorded_names():
    for kind in ("16", "8"):
        rows = nvjet_rows(kind)
        assert len(set(rows)) == len(rows)
    # A pair that cooperates on 256 rows of 8-bit operands has 48 or 80 columns only.
    shared = {row[1:3] for row in nvjet_rows("8") if row[7] == 1 and 256 in row[1:3]}
    assert {min(sides) for sides in shared if max(sides) == 256} <= {48, 80, 128}


def test_integer_products_never_split_k(record):
    kernels = lower_gemm(Gemm(m=128, n=256, k=16384, dtype="int8"), record)
    assert [p.config["split_k"] for p in kernels] == [1]


def test_rows_off_16_bytes_take_a_slower_kernel(h200_model):
    whole = h200_model.price(Gemm(m=2048, n=2048, k=2048))
    rough = h200_model.price(replace(Gemm(m=2048, n=2048, k=2048), k=2044))
    assert "nvjet" in whole.kernels[-1].name
    assert "nvjet" not in rough.kernels[-1].name
    assert rough.us > 1.5 * whole.us


def test_a_bias_is_added_in_the_epilogue_and_never_after_a_split(h200_model):
    plain = h200_model.price(Gemm(m=64, n=64, k=8192))
    biased = h200_model.price(Gemm(m=64, n=64, k=8192, bias=True))
    assert "splitK" in plain.kernels[0].name
    assert [k.config["split_k"] for k in biased.kernels] == [1]
    assert "_bias_" in biased.kernels[0].name
    short = {"m": 1576, "n": 576, "k": 192}
    added = h200_model.price(Gemm(**short, bias=True)).us - h200_model.price(Gemm(**short)).us
    assert 0.3 < added < 2.0
