"""Swin transformers (Liu et al. 2021) as timm builds them.

Windows are made and merged by copies; every second block shifts them first. Fused, attention is
one operator and the relative position bias with the shift's mask a constant that it adds. Eager
is what timm launches: padding and shifts as copies, the bias gathered from its table, scores,
softmax and values as operators of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from archsim.graph.ops import Softmax
from workloads.models.builder import GraphBuilder, Shape
from workloads.models.registry import BATCH, DTYPE_QUANTISED, FRAMEWORK, Choice, Model


@dataclass(frozen=True)
class SwinConfig:
    """Sizes of a Swin transformer."""

    dim: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int = 7
    image: int = 224


def _windows(b: GraphBuilder, x: Tensor, shape: Shape, shifted: bool) -> Tensor:
    """Copy an image into windows; fused shifts it in the same pass, eager pads and shifts first."""
    if b.eager:
        for _ in range(2 if shifted else 0):
            x = b.copy(x, *x.shape, pattern="roll")
        x = b.copy(x, *x.shape, pattern="contiguous")
    return _moved(b, x, shape, shape[0] > x.shape[0])


def _merged(b: GraphBuilder, x: Tensor, shape: Shape, shifted: bool) -> Tensor:
    """Copy windows back into an image."""
    x = _moved(b, x, shape, x.shape[0] > shape[0])
    for _ in range(2 if shifted and b.eager else 0):
        x = b.copy(x, *x.shape, pattern="roll")
    return x


def _moved(b: GraphBuilder, x: Tensor, shape: Shape, several: bool) -> Tensor:
    """A permuting copy, or a view where an image is one window."""
    return b.copy(x, *shape) if several else b.view(x, *shape)


@dataclass(frozen=True)
class _Windows:
    """Windows of all images together, those of one image, heads, and tokens of a window."""

    all: int
    each: int
    heads: int
    area: int
    shifted: bool


def _attention(b: GraphBuilder, qkv: Tensor, w: _Windows) -> Tensor:
    """Attention within each window."""
    side = 2 * round(w.area**0.5) - 1
    table = b.parameter("attn.relative_position_bias_table", side * side, w.heads)
    c = qkv.shape[-1] // 3
    part = b.part(qkv, w.all, w.area, c)
    if not b.eager:
        masks = w.each if w.shifted else 1
        mask = b.buffer("attn.bias", masks, w.heads, w.area, w.area)
        return b.attention(part, part, part, heads=w.heads, mask=mask)
    q, k, v = b.unary("mul", part, "attn.scale", strided=True), part, part
    if w.all > 1:
        q, k, v = (b.copy(t, *part.shape) for t in (q, k, v))
    count, d = w.all * w.heads, c // w.heads
    y = b.bmm(q, k, "attn.scores", b_=count, m=w.area, n=w.area, k=d)
    index = b.input(f"{b.prefix}attn.relative_position_index", (w.area * w.area,), "int64")
    bias = b.embedding(index, table, "attn.bias")
    y = b.add(y, b.copy(bias, w.heads, w.area, w.area))
    if w.shifted:
        y = b.add(y, b.buffer("attn_mask", w.each, w.area, w.area))
    softmax = Softmax(rows=count * w.area, cols=w.area, dtype=b.dtype)
    y = b.emit("attn.softmax", softmax, (y,), y.shape)
    y = b.bmm(y, v, "attn.values", b_=count, m=w.area, n=d, k=w.area)
    return b.copy(y, *part.shape)


def _block(b: GraphBuilder, x: Tensor, heads: int, window: int, shifted: bool) -> Tensor:
    """Window attention and a two-layer perceptron, both residual; ``x`` is (n, h, w, c)."""
    n, h, w, c = x.shape
    area = window * window
    each = (h // window) * (w // window)
    windows = _Windows(n * each, each, heads, area, shifted)
    y = _windows(b, b.layernorm(x, "norm1"), (n * each, area, c), shifted)
    y = _attention(b, b.linear(y, 3 * c, "attn.qkv"), windows)
    x = b.add(x, _merged(b, b.linear(y, c, "attn.proj"), (n, h, w, c), shifted))
    y = b.unary("gelu", b.linear(b.layernorm(x, "norm2"), 4 * c, "mlp.fc1"), "mlp.act")
    return b.add(x, b.linear(y, c, "mlp.fc2"))


def _merge(b: GraphBuilder, x: Tensor, side: int, dim: int) -> Tensor:
    """Four neighbouring tokens become one of twice the width."""
    if b.eager:  # padding to an even size
        x = b.copy(x, *x.shape, pattern="contiguous")
    x = b.copy(x, x.shape[0], side, side, 2 * dim)
    return b.linear(b.layernorm(x, "downsample.norm"), dim, "downsample.reduction", bias=False)


def swin(
    name: str,
    config: SwinConfig,
    *,
    batch: int,
    dtype: str,
    framework: str,
    image_size: int,
    classes: int,
) -> Graph:
    """A Swin transformer for images, patches of 4 x 4."""
    unit = 32 * config.window
    if image_size % unit:
        raise ValueError(f"image_size must be a multiple of {unit} (window), not {image_size!r}")
    b = GraphBuilder(name, dtype, framework)
    pixels = b.input("pixels", (batch, 3, image_size, image_size))
    side, dim = image_size // 4, config.dim
    x = b.conv(pixels, dim, 4, "patch_embed.proj", stride=4, bias=True, layout="nchw")
    x = b.view(x, batch, side, side, dim)
    if b.eager:  # channels last, for the norm
        x = b.copy(x, *x.shape)
    x = b.layernorm(x, "patch_embed.norm")
    for stage, (depth, heads) in enumerate(zip(config.depths, config.heads, strict=True)):
        with b.scope(f"layers.{stage}"):
            if stage:
                side, dim = side // 2, 2 * dim
                x = _merge(b, x, side, dim)
            for i in range(depth):
                with b.scope(f"blocks.{i}"):
                    shifted = bool(i % 2) and side > config.window
                    x = _block(b, x, heads, config.window, shifted)
    x = b.view(b.layernorm(x), batch, dim, side, side)
    b.linear(b.global_mean(x), classes, "head.fc")
    return b.graph(
        family="swin", batch=batch, dtype=dtype, image_size=image_size, framework=framework
    )


def _model(config: SwinConfig, doc: str) -> Model:
    return Model(
        builder=lambda name, **choices: swin(name, config, **choices),
        choices={
            "batch": BATCH,
            "dtype": DTYPE_QUANTISED,
            "image_size": Choice(
                type=int, default=config.image, doc="height and width", maximum=8192
            ),
            "classes": Choice(type=int, default=1000, doc="outputs of the head"),
            "framework": FRAMEWORK,
        },
        doc=doc,
    )


_HEADS = (3, 6, 12, 24)

MODELS = {
    "swin_tiny_patch4_window7_224": _model(
        SwinConfig(96, (2, 2, 6, 2), _HEADS), "Swin-T, 28.3 M parameters"
    ),
    "swin_small_patch4_window7_224": _model(
        SwinConfig(96, (2, 2, 18, 2), _HEADS), "Swin-S, 49.6 M parameters"
    ),
    "swin_base_patch4_window7_224": _model(
        SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32)), "Swin-B, 87.8 M parameters"
    ),
}
