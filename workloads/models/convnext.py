"""ConvNeXt (Liu et al. 2022) as timm builds it, channels last throughout.

The image keeps its channels innermost, so the permutes around LayerNorm are views.
"""

from __future__ import annotations

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.cnn import CNN_CHOICES
from workloads.models.registry import Model

_Sizes = tuple[tuple[int, int, int, int], tuple[int, int, int, int]]


def _norm(b: GraphBuilder, x: Tensor, name: str) -> Tensor:
    """LayerNorm over the channels of an image."""
    n, c, h, w = x.shape
    return b.view(b.layernorm(b.view(x, n, h, w, c), name), n, c, h, w)


def _block(b: GraphBuilder, x: Tensor) -> Tensor:
    """Depthwise 7 x 7, LayerNorm, two-layer perceptron, layer scale, residual."""
    n, c, h, w = x.shape
    y = b.conv(x, c, 7, "conv_dw", padding=3, groups=c, bias=True)
    y = b.layernorm(b.view(y, n, h, w, c), "norm")
    y = b.unary("gelu", b.linear(y, 4 * c, "mlp.fc1"), "mlp.act")
    y = b.linear(y, c, "mlp.fc2")
    y = b.binary("mul", y, b.parameter("gamma", c), "layer_scale")
    return b.add(b.view(y, n, c, h, w), x)


def convnext(
    name: str,
    sizes: _Sizes,
    *,
    batch: int,
    dtype: str,
    framework: str,
    image_size: int,
    classes: int,
) -> Graph:
    """A ConvNeXt for images."""
    depths, dims = sizes
    b = GraphBuilder(name, dtype, framework)
    x = b.input("pixels", (batch, 3, image_size, image_size))
    x = b.conv(x, dims[0], 4, "stem.0", stride=4, bias=True)
    x = _norm(b, x, "stem.1")
    for stage, (depth, dim) in enumerate(zip(depths, dims, strict=True)):
        with b.scope(f"stages.{stage}"):
            if stage:
                x = _norm(b, x, "downsample.0")
                x = b.conv(x, dim, 2, "downsample.1", stride=2, bias=True)
            for i in range(depth):
                with b.scope(f"blocks.{i}"):
                    x = _block(b, x)
    b.linear(b.layernorm(b.global_mean(x), "head.norm"), classes, "head.fc")
    return b.graph(
        family="convnext", batch=batch, dtype=dtype, image_size=image_size, framework=framework
    )


def _model(sizes: _Sizes, doc: str) -> Model:
    choices = {k: v for k, v in CNN_CHOICES.items() if k != "fold_batchnorm"}
    return Model(
        builder=lambda name, **given: convnext(name, sizes, **given), choices=choices, doc=doc
    )


MODELS = {
    "convnext_tiny": _model(((3, 3, 9, 3), (96, 192, 384, 768)), "ConvNeXt-T, 28.6 M parameters"),
    "convnext_small": _model(((3, 3, 27, 3), (96, 192, 384, 768)), "ConvNeXt-S, 50.2 M parameters"),
    "convnext_base": _model(
        ((3, 3, 27, 3), (128, 256, 512, 1024)), "ConvNeXt-B, 88.6 M parameters"
    ),
}
