"""MobileNetV2 (Sandler et al. 2018), width 1.0, as torchvision and timm build it."""

from __future__ import annotations

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.cnn import CNN_CHOICES, conv_bn
from workloads.models.registry import Model

# Table 2 of the paper: expansion, channels, repeats, stride of the first.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _inverted(b: GraphBuilder, x: Tensor, t: int, out: int, stride: int, fold: bool) -> Tensor:
    """An inverted residual: expand, depthwise, project."""
    hidden = t * x.shape[1]
    y = x
    if t != 1:
        y = conv_bn(b, y, hidden, 1, "expand", fold=fold, act="relu6")
    y = conv_bn(b, y, hidden, 3, "dw", fold=fold, act="relu6", stride=stride, groups=hidden)
    y = conv_bn(b, y, out, 1, "project", fold=fold)
    return b.add(x, y) if stride == 1 and x.shape[1] == out else y


def mobilenet_v2(
    name: str,
    *,
    batch: int,
    dtype: str,
    framework: str,
    image_size: int,
    classes: int,
    fold_batchnorm: bool,
) -> Graph:
    """MobileNetV2 for images."""
    b = GraphBuilder(name, dtype, framework)
    x = b.input("pixels", (batch, 3, image_size, image_size))
    x = conv_bn(b, x, 32, 3, "stem", fold=fold_batchnorm, act="relu6", stride=2)
    for stage, (t, out, count, stride) in enumerate(_STAGES):
        for i in range(count):
            with b.scope(f"blocks.{stage}.{i}"):
                x = _inverted(b, x, t, out, stride if i == 0 else 1, fold_batchnorm)
    x = conv_bn(b, x, 1280, 1, "last", fold=fold_batchnorm, act="relu6")
    b.linear(b.global_mean(x), classes, "classifier")
    return b.graph(
        family="mobilenet", batch=batch, dtype=dtype, image_size=image_size,
        framework=framework, fold_batchnorm=fold_batchnorm,
    )  # fmt: skip


_MODEL = Model(builder=mobilenet_v2, choices=CNN_CHOICES, doc="MobileNetV2 1.0, 3.5 M parameters")
MODELS = {"mobilenet_v2": _MODEL, "mobilenetv2_100": _MODEL}
