"""The launch configurations are those that PyTorch's kernels were seen with on an H200."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archsim.graph.ops import (
    Attention,
    Conv2d,
    Copy,
    Elementwise,
    Embedding,
    Gather,
    LayerNorm,
    Pool2d,
    Reduce,
    ScatterAdd,
    Softmax,
    Transpose,
)
from archsim.models.gpu import GpuModel
from archsim.models.gpu.lower import lower
from archsim.models.gpu.vector import variants

SEEN = [
    # operator, CTAs, threads a CTA
    (Elementwise(function="gelu", n=1879040, dtype="fp32"), 1835, 128),
    (Elementwise(function="add", n=51921920, arity=2), 50705, 128),
    (Softmax(rows=2320, cols=176), 580, 128),
    (Softmax(rows=656, cols=64), 82, 128),
    (Softmax(rows=1864, cols=128, dtype="fp32"), 233, 128),
    (Softmax(rows=152, cols=5120), 152, 1024),
    (LayerNorm(rows=16968, cols=224), 16968, 128),
    (Transpose(rows=1336, cols=88, dtype="fp32"), 460, 128),
    (Transpose(rows=6240, cols=4128), 50310, 128),
    (Reduce(rows=4400, cols=168, dtype="fp32"), 275, 512),
    (Reduce(rows=16, cols=112, dtype="fp32"), 1, 512),
    (Reduce(rows=2000, cols=192), 63, 512),  # 16 lanes of vectors of eight, 32 rows
    (Reduce(rows=16, cols=128), 1, 256),
    (Reduce(rows=1, cols=1024), 1, 128),
    (Reduce(rows=8, cols=1024), 1, 512),
    (Reduce(rows=2000, cols=8192), 2000, 512),  # a CTA a row
    (Reduce(rows=120, cols=7216), 8, 512),
    (Reduce(rows=131072, cols=49, function="mean"), 256, 128),  # channels-last image means
    (Reduce(rows=65536, cols=196, function="mean"), 512, 128),
    (Reduce(rows=32768, cols=784, function="mean"), 256, 128),
    (Gather(table=445920, width=256, n=205088), 205088, 32),
    (Gather(table=131072, width=4096, n=65536), 131072, 256),
    (Gather(table=1391472, width=256, n=112304, dtype="fp32"), 112304, 64),
    (Gather(table=292704, width=4, n=1738112), 6790, 128),
    (ScatterAdd(table=96, n=4228624), 1056, 128),
    (ScatterAdd(table=137728, n=50496), 395, 128),
    (Pool2d(function="max", n=64, c=64, h=112, w=112, r=3, stride=2, padding=1), 1792, 1024),
    (Pool2d(function="max", n=64, c=128, h=56, w=56, r=3, stride=2, padding=1), 448, 1024),
    (Pool2d(function="max", n=64, c=256, h=28, w=28, r=3, stride=2, padding=1), 256, 1024),
]


@pytest.fixture(scope="module")
def dev(h200):
    return variants(h200).rows[0]


@pytest.mark.parametrize(("spec", "grid", "block"), SEEN, ids=lambda v: getattr(v, "kind", v))
def test_grid_and_block(spec, grid, block, dev):
    (kernel,) = lower(spec, dev)
    assert kernel.config["grid"] == grid
    assert kernel.config["block"] == block


def test_a_long_row_is_shared_by_ctas_that_fill_the_gpu(dev):
    memset, kernel = lower(Reduce(rows=1, cols=1 << 28, dtype="fp32"), dev)
    assert memset.name == "Memset (Device)"
    assert kernel.config["grid"] == 2048  # at most 256 values a thread
    memset, kernel = lower(Reduce(rows=1, cols=1 << 18, dtype="fp32"), dev)
    assert kernel.config["grid"] == 32  # at least 16 values a thread


@pytest.mark.parametrize(
    ("cols", "name"),
    [
        (2048, "softmax_warp_forward<11>"),
        (2056, "cunn_SoftMaxForwardReg"),
        (12288, "cunn_SoftMaxForwardSmem"),
        (32768, "cunn_SoftMaxForward"),
    ],
)
def test_softmax_kernel_by_columns(cols, name, dev):
    (kernel,) = lower(Softmax(rows=1024, cols=cols), dev)
    assert kernel.name == name


def test_layernorm_of_odd_rows_takes_two_kernels(dev):
    names = [p.name for p in lower(LayerNorm(rows=2048, cols=1025), dev)]
    assert names == ["RowwiseMomentsCUDAKernel", "LayerNormForwardCUDAKernel"]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (Copy(n=4096), "Memcpy DtoD"),
        (Copy(n=4096, pattern="strided"), "elementwise_kernel<copy>"),
        (Copy(n=4096, pattern="concat"), "CatArrayBatchedCopy"),
        (Copy(n=4096, pattern="concat_aligned"), "CatArrayBatchedCopy_vectorized"),
        (
            Elementwise(function="cast", n=4096, out_dtype="fp32"),
            "unrolled_elementwise_kernel<cast>",
        ),
        (
            Elementwise(function="cast", n=4096, dtype="fp32", out_dtype="fp16"),
            "vectorized_elementwise_kernel<cast>",
        ),
        (
            Elementwise(function="mul", n=4096, arity=2, broadcast=64),
            "elementwise_kernel<mul>",
        ),
    ],
)
def test_pointwise_kernels(spec, name, dev):
    (kernel,) = lower(spec, dev)
    assert kernel.name == name


def test_one_query_on_one_key_runs_flash_attention(h200):
    dev = variants(h200).rows[0]
    decode = Attention(b=16, h=32, h_kv=32, sq=1, skv=1, d=128, dtype="bf16")
    (kernel,) = lower(decode, dev)
    assert kernel.name == "pytorch_flash::flash_fwd_kernel"
    (kernel,) = lower(replace(decode, skv=512), dev)
    assert "cudnn" in kernel.name


@pytest.mark.parametrize(("n", "us"), [(1, 2.11), (4, 3.78), (8, 6.34), (16, 11.3)])
def test_few_embeddings_are_read_one_after_the_other(n, us, h200):
    """Times in Llama layers with that many sequences of one token."""
    spec = Embedding(table=32000, width=4096, n=n, dtype="bf16", index_dtype="int64")
    (kernel,) = lower(spec, variants(h200).rows[0])
    assert kernel.name == "indexSelectSmallIndex"
    assert kernel.config == {"grid": 32, "block": 128}
    assert GpuModel(h200).price(spec).us == pytest.approx(us, rel=0.2)


def test_products_of_convolutions_clear_no_counters(h200):
    dev = variants(h200).rows[0]
    conv = Conv2d(n=64, cin=64, cout=256, h=56, w=56, r=1, s=1, dtype="fp16")
    (kernel,) = lower(conv, dev)
    assert kernel.name.startswith("nvjet")
