"""What the convolutional networks share: convolution with batch norm, and their choices."""

from __future__ import annotations

from archsim.graph import Tensor
from archsim.graph.ops import Elementwise, elements
from workloads.models.builder import GraphBuilder
from workloads.models.registry import BATCH, DTYPE, FRAMEWORK, Choice

CNN_CHOICES = {
    "batch": BATCH,
    "dtype": DTYPE,
    "image_size": Choice(type=int, default=224, doc="height and width", minimum=32, maximum=8192),
    "classes": Choice(type=int, default=1000, doc="outputs of the head"),
    "fold_batchnorm": Choice(
        type=bool,
        default=True,
        doc="fold each batch norm into the convolution before it, as deployed models do; "
        "the trained parameters stay counted. Eager PyTorch runs it as kernels of its own",
    ),
    "framework": FRAMEWORK,
}


def batchnorm(b: GraphBuilder, x: Tensor, name: str) -> Tensor:
    """Batch norm in inference as kernels of its own.

    Eager PyTorch launches three: a cast and ``rsqrt(var + eps)`` over the channels, then the
    pass over the image.
    """
    c = x.shape[1]
    held = (b.parameter(f"{name}.weight", c), b.parameter(f"{name}.bias", c))
    inputs: tuple[Tensor, ...] = (x, *held)
    statistics = b.buffer(f"{name}.running", 2, c)
    if b.eager:
        mean = b.cast(b.part(statistics, c), "fp32")
        spread = b.unary("rsqrt", b.part(statistics, c), f"{name}.rsqrt")
        inputs = (*inputs, mean, spread)
    else:
        inputs = (*inputs, statistics)
    n = elements(x.shape)
    spec = Elementwise(
        function="scale_shift", n=n, arity=2, broadcast=4 * c, dtype=b.dtype, held_parameters=2 * c
    )
    return b.emit(name, spec, inputs, x.shape)


def conv_bn(
    b: GraphBuilder,
    x: Tensor,
    cout: int,
    kernel: int,
    name: str,
    *,
    fold: bool,
    act: str | None = None,
    stride: int = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (padding ``kernel // 2``), batch norm and, if named, an activation."""
    with b.scope(name):
        padding = kernel // 2
        held = (b.parameter("bn.weight", cout), b.parameter("bn.bias", cout)) if fold else ()
        x = b.conv(
            x, cout, kernel, "conv", stride=stride, padding=padding, groups=groups, held=held
        )
        if not fold:
            x = batchnorm(b, x, "bn")
        return b.unary(act, x, "act", in_place=True) if act else x
