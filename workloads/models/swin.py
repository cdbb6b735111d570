"""Swin transformers (Liu et al. 2021) as timm builds them.

Windows are made and merged by copies; every second block shifts them first. The relative
position bias is an additive mask of the attention: eager gathers it from its table and adds the
shift's mask to it in every call, fused keeps the sum as a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.registry import BATCH, DTYPE_QUANTISED, FRAMEWORK, Choice, Model


@dataclass(frozen=True)
class SwinConfig:
    """Sizes of a Swin transformer."""

    dim: int
    depths: tuple[int, int, int, int]
    heads: tuple[int, int, int, int]
    window: int = 7
    image: int = 224


def _windows(b: GraphBuilder, x: Tensor, shape: tuple[int, ...], shifted: bool) -> Tensor:
    """Copy an image into windows, or windows into an image.

    A shift costs eager two more copies, one per axis; fused does it in the same one.
    """
    for _ in range(2 if shifted and b.eager else 0):
        x = b.copy(x, *x.shape)
    return b.copy(x, *shape)


def _mask(
    b: GraphBuilder, batch: int, windows: int, heads: int, area: int, shifted: bool
) -> Tensor:
    """The bias that attention adds to its scores."""
    side = 2 * round(area**0.5) - 1
    table = b.parameter("attn.relative_position_bias_table", side * side, heads)
    if not b.eager:
        return b.buffer("attn.bias", windows if shifted else 1, heads, area, area)
    index = b.input(f"{b.prefix}attn.index", (area * area,), "int64")
    bias = b.copy(b.embedding(index, table, "attn.bias"), 1, heads, area, area)
    if not shifted:
        return bias
    mask = b.buffer("attn_mask", windows, 1, area, area)
    wide = b.copy(
        b.part(mask, batch * windows, heads, area, area), batch * windows, heads, area, area
    )
    return b.add(wide, bias)


def _block(b: GraphBuilder, x: Tensor, heads: int, window: int, shifted: bool) -> Tensor:
    """Window attention and a two-layer perceptron, both residual; ``x`` is (n, h, w, c)."""
    n, h, w, c = x.shape
    area = window * window
    windows = (h // window) * (w // window)
    y = _windows(b, b.layernorm(x, "norm1"), (n * windows, area, c), shifted)
    part = b.part(b.linear(y, 3 * c, "attn.qkv"), n * windows, area, c)
    mask = _mask(b, n, windows, heads, area, shifted)
    y = b.linear(b.attention(part, part, part, heads=heads, mask=mask), c, "attn.proj")
    x = b.add(x, _windows(b, y, (n, h, w, c), shifted))
    y = b.unary("gelu", b.linear(b.layernorm(x, "norm2"), 4 * c, "mlp.fc1"), "mlp.act")
    return b.add(x, b.linear(y, c, "mlp.fc2"))


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
    x = b.conv(pixels, dim, 4, "patch_embed.proj", stride=4, bias=True)
    x = b.layernorm(b.view(x, batch, side, side, dim), "patch_embed.norm")
    for stage, (depth, heads) in enumerate(zip(config.depths, config.heads, strict=True)):
        with b.scope(f"layers.{stage}"):
            if stage:
                side, dim = side // 2, 2 * dim
                x = b.copy(x, batch, side, side, 2 * dim)
                x = b.linear(
                    b.layernorm(x, "downsample.norm"), dim, "downsample.reduction", bias=False
                )
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
