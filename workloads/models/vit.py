"""Vision transformers: ViT and DeiT as timm builds them.

Dosovitskiy et al. 2021 and Touvron et al. 2021; layer names and sizes of timm's
``vision_transformer.py``. Query, key and value are one GEMM, and their heads are views of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.registry import BATCH, DTYPE_INTEGER, FRAMEWORK, QUANTISE, Choice, Model


@dataclass(frozen=True)
class VitConfig:
    """Sizes of a vision transformer."""

    dim: int
    depth: int
    heads: int
    patch: int = 16
    image: int = 224
    mlp: int = 4


def block(b: GraphBuilder, x: Tensor, heads: int, hidden: int, *, causal: bool = False) -> Tensor:
    """One pre-norm transformer block with GELU."""
    n, s, dim = x.shape
    y = b.layernorm(x, "norm1")
    qkv = b.linear(y, 3 * dim, "attn.qkv")
    q = b.part(qkv, n, s, dim)
    y = b.attention(q, q, q, heads=heads, causal=causal)
    x = b.add(x, b.linear(y, dim, "attn.proj"))
    y = b.linear(b.layernorm(x, "norm2"), hidden, "mlp.fc1")
    y = b.linear(b.unary("gelu", y, "mlp.act"), dim, "mlp.fc2")
    return b.add(x, y)


def patch_embed(b: GraphBuilder, batch: int, image: int, patch: int, dim: int) -> Tensor:
    """Patches of the image as tokens ``(batch, patches, dim)``."""
    pixels = b.input("pixels", (batch, 3, image, image))
    y = b.conv(pixels, dim, patch, "patch_embed.proj", stride=patch, bias=True, layout="nchw")
    return b.view(y, batch, y.shape[2] * y.shape[3], dim)


def vit(
    name: str,
    config: VitConfig,
    *,
    batch: int,
    dtype: str,
    quantise: str,
    framework: str,
    image_size: int,
    patch: int,
    depth: int,
    classes: int,
) -> Graph:
    """A vision transformer with class token and learned positions."""
    if image_size % patch:
        raise ValueError(f"image_size must be a multiple of patch ({patch}), not {image_size!r}")
    if quantise == "products" and dtype in ("int16", "int32"):
        raise ValueError(f"quantise must be 'all' with dtype {dtype}, not 'products'")
    b = GraphBuilder(name, dtype, framework, quantise)
    dim = config.dim
    x = patch_embed(b, batch, image_size, patch, dim)
    tokens = x.shape[1] + 1
    x = b.concat((b.parameter("cls_token", 1, 1, dim), x), batch, tokens, dim)
    x = b.add(x, b.parameter("pos_embed", 1, tokens, dim))
    for i in range(depth):
        with b.scope(f"blocks.{i}"):
            x = block(b, x, config.heads, config.mlp * dim)
    x = b.part(b.layernorm(x), batch, dim)
    b.linear(x, classes, "head")
    return b.graph(
        family="vit", batch=batch, dtype=dtype, image_size=image_size, tokens=tokens,
        framework=framework,
    )  # fmt: skip


def _model(config: VitConfig, doc: str) -> Model:
    return Model(
        builder=lambda name, **choices: vit(name, config, **choices),
        choices={
            "batch": BATCH,
            "dtype": DTYPE_INTEGER,
            "quantise": QUANTISE,
            "image_size": Choice(
                type=int, default=config.image, doc="height and width", maximum=8192
            ),
            "patch": Choice(
                type=int, default=config.patch, doc="patch height and width", maximum=256
            ),
            "depth": Choice(type=int, default=config.depth, doc="number of blocks", maximum=1024),
            "classes": Choice(type=int, default=1000, doc="outputs of the head"),
            "framework": FRAMEWORK,
        },
        doc=doc,
    )


_TINY = VitConfig(192, 12, 3)
_SMALL = VitConfig(384, 12, 6)
_BASE = VitConfig(768, 12, 12)
_LARGE = VitConfig(1024, 24, 16)
_HUGE = VitConfig(1280, 32, 16, patch=14)

MODELS = {
    "vit_tiny_patch16_224": _model(_TINY, "ViT-Ti/16, 5.7 M parameters"),
    "vit_small_patch16_224": _model(_SMALL, "ViT-S/16, 22.1 M parameters"),
    "vit_small_patch32_224": _model(VitConfig(384, 12, 6, 32), "ViT-S/32, 22.9 M parameters"),
    "vit_base_patch16_224": _model(_BASE, "ViT-B/16, 86.6 M parameters"),
    "vit_base_patch16_384": _model(VitConfig(768, 12, 12, 16, 384), "ViT-B/16 at 384 x 384"),
    "vit_base_patch32_224": _model(VitConfig(768, 12, 12, 32), "ViT-B/32, 88.2 M parameters"),
    "vit_large_patch16_224": _model(_LARGE, "ViT-L/16, 304.3 M parameters"),
    "vit_huge_patch14_224": _model(_HUGE, "ViT-H/14, 632.0 M parameters"),
    "deit_tiny_patch16_224": _model(_TINY, "DeiT-Ti, 5.7 M parameters"),
    "deit_small_patch16_224": _model(_SMALL, "DeiT-S, 22.1 M parameters"),
    "deit_base_patch16_224": _model(_BASE, "DeiT-B, 86.6 M parameters"),
}
