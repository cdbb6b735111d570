"""Residual networks: ResNet-18, 34, 50, 101 and 152 as torchvision and timm build them (v1.5).

He et al. 2016; the stride of a bottleneck stands on its 3 x 3 convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.cnn import CNN_CHOICES, conv_bn
from workloads.models.registry import Model


@dataclass(frozen=True)
class ResnetConfig:
    """Blocks of each stage, and whether they are bottlenecks."""

    layers: tuple[int, int, int, int]
    bottleneck: bool


def _block(b: GraphBuilder, x: Tensor, width: int, stride: int, deep: bool, fold: bool) -> Tensor:
    """A basic or bottleneck block with its shortcut."""
    out = 4 * width if deep else width
    if deep:
        y = conv_bn(b, x, width, 1, "conv1", fold=fold, act="relu")
        y = conv_bn(b, y, width, 3, "conv2", fold=fold, act="relu", stride=stride)
        y = conv_bn(b, y, out, 1, "conv3", fold=fold)
    else:
        y = conv_bn(b, x, width, 3, "conv1", fold=fold, act="relu", stride=stride)
        y = conv_bn(b, y, out, 3, "conv2", fold=fold)
    if stride != 1 or x.shape[1] != out:
        x = conv_bn(b, x, out, 1, "downsample", fold=fold, stride=stride)
    return b.unary("relu", b.add(y, x, in_place=True), in_place=True)


def resnet(
    name: str,
    config: ResnetConfig,
    *,
    batch: int,
    dtype: str,
    framework: str,
    image_size: int,
    classes: int,
    fold_batchnorm: bool,
) -> Graph:
    """A residual network for images."""
    b = GraphBuilder(name, dtype, framework)
    x = b.input("pixels", (batch, 3, image_size, image_size))
    x = conv_bn(b, x, 64, 7, "stem", fold=fold_batchnorm, act="relu", stride=2)
    x = b.pool(x, "max", 3, 2, 1)
    for stage, count in enumerate(config.layers):
        for i in range(count):
            with b.scope(f"layer{stage + 1}.{i}"):
                stride = 2 if stage and not i else 1
                x = _block(b, x, 64 << stage, stride, config.bottleneck, fold_batchnorm)
    b.linear(b.global_mean(x), classes, "fc")
    return b.graph(
        family="resnet", batch=batch, dtype=dtype, image_size=image_size, framework=framework,
        fold_batchnorm=fold_batchnorm,
    )  # fmt: skip


def _model(layers: tuple[int, int, int, int], bottleneck: bool, doc: str) -> Model:
    config = ResnetConfig(layers, bottleneck)
    return Model(
        builder=lambda name, **choices: resnet(name, config, **choices),
        choices=CNN_CHOICES,
        doc=doc,
    )


MODELS = {
    "resnet18": _model((2, 2, 2, 2), False, "ResNet-18, 11.7 M parameters"),
    "resnet34": _model((3, 4, 6, 3), False, "ResNet-34, 21.8 M parameters"),
    "resnet50": _model((3, 4, 6, 3), True, "ResNet-50, 25.6 M parameters"),
    "resnet101": _model((3, 4, 23, 3), True, "ResNet-101, 44.5 M parameters"),
    "resnet152": _model((3, 8, 36, 3), True, "ResNet-152, 60.2 M parameters"),
}
