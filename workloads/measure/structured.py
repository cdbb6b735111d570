"""The suite ``structured``: one cause at a time (matrix products, attention, rows, memory).

Each case carries ``sweep``, the name of the sweep it belongs to.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from workloads.measure import structured_conv
from workloads.measure.counts import Case, counted

HIDDEN = 4096


def _gemm(m: int, n: int, k: int, dtype: str = "fp16", **more: object) -> Case:
    return {"op": "gemm", "m": m, "n": n, "k": k, "dtype": dtype, **more}


def gemm_k() -> Iterator[Case]:
    """K sweeps at fixed m and n: the main loop's slope and the fixed part."""
    ks = (64, 128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192)
    for m, n in ((512, 512), (2048, 2048), (4096, 4096), (128, 8192)):
        yield from (_gemm(m, n, k) for k in ks)
    for dtype in ("bf16", "fp8", "int8", "tf32", "fp32", "fp64"):
        top = 4096 if dtype in ("fp32", "fp64") else 8192
        yield from (_gemm(1024, 1024, k, dtype) for k in ks if k <= top)
    for dtype in ("fp32", "fp64", "tf32", "int8"):
        yield from (_gemm(64, 4096, k, dtype) for k in ks[2::2] if k <= 4096)
        yield from (_gemm(3072, 96, k, dtype) for k in ks[2::2] if k <= 4096)


def gemm_waves() -> Iterator[Case]:
    """Tile counts around multiples of 132: wave quantisation."""
    for dtype, k in (("fp16", 2048), ("fp8", 4096)):
        for tiles in (60, 66, 99, 120, 128, 132, 136, 144, 160, 198, 256, 264, 272, 330, 396, 528):
            yield _gemm(128 * tiles // 4, 4 * 128, k, dtype)
    for n in range(1024, 4097, 256):
        yield _gemm(4096, n, 1024)


def gemm_skinny() -> Iterator[Case]:
    """One to 64 rows, as in decoding."""
    for n, k in ((4096, 4096), (11008, 4096), (4096, 11008), (1024, 8192)):
        yield from (_gemm(m, n, k) for m in (1, 2, 4, 8, 16, 24, 32, 48, 64))
    for dtype in ("bf16", "fp8"):
        for m in (16, 32, 64, 128, 256):
            yield from (_gemm(m, n, HIDDEN, dtype) for n in (4096, 14336))


def gemm_split() -> Iterator[Case]:
    """Few tiles and a long K: split-K and stream-K."""
    for m, n in ((64, 64), (128, 128), (128, 512), (256, 256), (384, 640), (64, 2048)):
        for k in (2048, 4096, 8192, 16384, 32768):
            yield _gemm(m, n, k)
    for k in (4096, 16384):
        yield from (_gemm(128, 256, k, dtype) for dtype in ("bf16", "fp8", "int8", "tf32", "fp32"))


def gemm_alignment() -> Iterator[Case]:
    """Row strides that are multiples of 16, 32, 64 or 128 bytes only."""
    for k in (2040, 2044, 2048, 2052, 2056, 2064, 2080, 2112):
        yield _gemm(2048, 2048, k)
        yield _gemm(4096, 1024, k, "bf16")
    for n in (2040, 2044, 2048, 2056, 2064, 2080):
        yield _gemm(2048, n, 2048)
    for k in (2032, 2048, 2064, 2080, 2112):
        yield _gemm(2048, 2048, k, "fp8")


def gemm_network() -> Iterator[Case]:
    """The products of transformer layers at several token counts, plain and with bias."""
    for hidden, inner in ((192, 768), (384, 1536), (768, 3072), (1024, 4096)):
        for tokens in (197, 1576, 6304, 12608):
            for n, k in ((3 * hidden, hidden), (hidden, hidden), (inner, hidden), (hidden, inner)):
                yield {"op": "linear", "m": tokens, "n": n, "k": k, "dtype": "fp16"}
    for hidden, inner in ((2048, 5504), (4096, 11008), (5120, 13824)):
        for tokens in (128, 512, 2048, 8192):
            for n, k in ((hidden, hidden), (inner, hidden), (hidden, inner)):
                yield _gemm(tokens, n, k, "bf16")
    for tokens in (1, 8, 64):
        for n, k in ((1000, 768), (1000, 2048), (1000, 192)):
            yield {"op": "linear", "m": tokens, "n": n, "k": k, "dtype": "fp16"}


def gemm_operands() -> Iterator[Case]:
    """Zeros against random operands."""
    for dtype in ("fp16", "bf16", "fp8"):
        for s in (2048, 4096, 8192):
            yield _gemm(s, s, s, dtype)
            yield _gemm(s, s, s, dtype, fill="zeros")


def sparse() -> Iterator[Case]:
    """2:4 sparse: a K sweep across the segment-k border, and sizes."""
    for m, n in ((512, 768), (1024, 1024), (3072, 1024)):
        for k in (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192):
            yield {"op": "gemm_sparse24", "m": m, "n": n, "k": k, "dtype": "fp16"}
    for s in (2048, 4096, 8192):
        yield {"op": "gemm_sparse24", "m": s, "n": s, "k": s, "dtype": "fp16"}


def bmm() -> Iterator[Case]:
    """Batches of attention scores and values."""
    for b in (1, 4, 12, 33, 66, 96, 132, 133, 264, 384):
        yield {"op": "bmm", "b": b, "m": 256, "n": 256, "k": 64, "dtype": "fp16"}
        yield {"op": "bmm", "b": b, "m": 128, "n": 64, "k": 512, "dtype": "fp16"}
    for s in (49, 64, 197, 256, 512, 1024):
        yield {"op": "bmm", "b": 96, "m": s, "n": s, "k": 64, "dtype": "fp16"}


def attention() -> Iterator[Case]:
    """Head sizes, causal or not, on both back ends; batch x heads; decode with grouped heads."""
    base = {"op": "attention", "dtype": "bf16"}
    for impl in ("cudnn", "flash"):
        for d in (64, 96, 128, 192, 256):
            for s in (512, 2048, 4096):
                for causal in (False, True):
                    size = {"b": 2, "h": 16, "sq": s, "skv": s, "d": d}
                    yield {**base, **size, "causal": causal, "impl": impl}
        for b, h in ((1, 1), (1, 4), (1, 12), (2, 12), (4, 12), (8, 12), (32, 12), (1, 33)):
            for s, causal in ((197, False), (1024, False), (1024, True)):
                size = {"b": b, "h": h, "sq": s, "skv": s, "d": 64}
                yield {**base, **size, "causal": causal, "impl": impl}
        for s in (128, 256, 384, 512, 640, 768, 1024, 1536, 3072, 6144, 8192):
            size = {"b": 1, "h": 16, "sq": s, "skv": s, "d": 128}
            yield {**base, **size, "causal": False, "impl": impl}
    for impl in ("flash", "cudnn"):
        for hkv in (32, 8, 1):
            for b in (1, 4, 16, 64):
                for skv in (512, 2048, 8192):
                    size = {"b": b, "h": 32, "hkv": hkv, "sq": 1, "skv": skv, "d": 128}
                    yield {**base, **size, "causal": False, "impl": impl}


def rows() -> Iterator[Case]:
    """Softmax, reductions, layer norm and transposes by rows and by columns."""
    cols = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1025, 1536, 2048, 3072, 4096, 8192)
    for dtype in ("fp16", "fp32"):
        for n in (*cols, 2056, 6144, 12288, 16384, 32768):
            yield _rows("softmax", 1024, n, dtype)
        for n in cols:
            yield from (_rows("reduce_sum", r, n, dtype) for r in (16, 2000))
            yield _rows("layernorm", 2048, n, dtype)
    for r in range(120, 281, 8):
        yield _rows("softmax", r, 4096, "fp16")
    for r in (1, 8, 64, 256, 1024, 4096, 16384, 65536):
        for op, n in (("softmax", 512), ("layernorm", 768), ("reduce_sum", 1024)):
            yield _rows(op, r, n, "fp16")
        yield _rows("layernorm", r, 4096, "fp16")
        yield _rows("reduce_mean", min(r, 16384), 4096, "fp32")
    for r, n in ((64, 64), (256, 256), (1024, 1024), (4096, 4096), (8192, 8192), (32, 65536),
                 (65536, 32), (197, 768), (16384, 256), (256, 16384)):  # fmt: skip
        yield from (_rows("transpose", r, n, dtype) for dtype in ("fp16", "fp32"))
    for op in ("cat", "slice_copy", "row_add", "row_scale"):
        for r, n in ((512, 64), (16384, 64), (2048, 4096), (262144, 64), (16384, 128)):
            yield _rows(op, r, n, "bf16")


def _rows(op: str, rows_: int, cols: int, dtype: str) -> Case:
    return {"op": op, "rows": rows_, "cols": cols, "dtype": dtype}


def flat() -> Iterator[Case]:
    """Elementwise kernels from 4 KB to 1 GB."""
    sizes = [1 << p for p in range(12, 31, 2)]
    for op in ("copy", "add", "gelu", "relu", "scale"):
        for dtype, size in (("fp16", 2), ("fp32", 4)):
            yield from ({"op": op, "n": s // size, "dtype": dtype} for s in sizes)
    for op in ("relu_", "silu", "mul", "square", "rsqrt", "exp", "neg", "fill"):
        for dtype, size in (("bf16", 2), ("fp32", 4)):
            yield from ({"op": op, "n": s // size, "dtype": dtype} for s in sizes[1:-1:2])
    for dtype, to in (("bf16", "fp32"), ("fp32", "bf16"), ("fp16", "fp32"), ("fp32", "fp16")):
        for n in (1 << 10, 1 << 14, 1 << 18, 1 << 21, 1 << 24, 1 << 26):
            yield {"op": "cast", "n": n, "dtype": dtype, "to": to}
    for b, s, h, d in ((1, 197, 12, 64), (8, 197, 12, 64), (32, 197, 12, 64), (1, 512, 32, 128),
                       (4, 2048, 32, 128), (64, 197, 3, 64)):  # fmt: skip
        yield {"op": "permute", "b": b, "s": s, "h": h, "d": d, "dtype": "fp16"}


def memory() -> Iterator[Case]:
    """Gathers by row width, locality and count; atomics by contention."""
    for width in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096):
        yield _gather(1 << 17, width, 1 << 16)
        yield _gather(1 << 17, width, 1 << 16, call="index_select")
    for locality in ("random", "sorted", "sequential", "same"):
        for table in (1 << 10, 1 << 16, 1 << 22):
            yield _gather(table, 64, 1 << 19, locality=locality)
            yield _gather(table, 4, 1 << 19, locality=locality)
    for n in (512, 2048, 8192, 32768, 131072):
        yield _gather(32000, 4096, n, call="index_select")
        yield from (_gather(1 << 20, width, n) for width in (4, 32))
    for table in (1, 4, 16, 64, 256, 1024, 4096, 16384, 1 << 16, 1 << 18, 1 << 20, 1 << 23):
        for n in (1 << 14, 1 << 18, 1 << 22):
            yield {"op": "scatter_add", "table": table, "n": n, "dtype": "fp32"}
        sorted_ = {"table": table, "n": 1 << 20, "dtype": "fp32", "locality": "sorted"}
        yield {"op": "scatter_add", **sorted_}
    for width in (4, 32, 128, 512):
        size = {"table": 1 << 14, "n": 1 << 14, "width": width, "dtype": "fp32"}
        yield {"op": "scatter_add", **size}


def _gather(table: int, width: int, n: int, **more: str) -> Case:
    return {"op": "gather", "table": table, "width": width, "n": n, "dtype": "fp16", **more}


SWEEPS = {
    f.__name__: f
    for f in (
        gemm_k, gemm_waves, gemm_skinny, gemm_split, gemm_alignment, gemm_network, gemm_operands,
        sparse, bmm, attention, rows, flat, memory, structured_conv.families,
        structured_conv.networks, structured_conv.image_kernels,
    )
}  # fmt: skip


def suite(seed: int = 2, sweeps: Iterable[str] = tuple(SWEEPS)) -> list[Case]:
    """All cases of the named sweeps, counted, in random order."""
    cases = [{**counted(case), "sweep": name} for name in sweeps for case in SWEEPS[name]()]
    random.Random(seed).shuffle(cases)
    return cases
