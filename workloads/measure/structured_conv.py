"""Convolution families one at a time, the layers of vision networks, and their image kernels."""

from __future__ import annotations

from collections.abc import Iterator

from workloads.measure.counts import Case


def conv(n: int, cin: int, cout: int, hw: int, r: int, stride: int = 1, groups: int = 1,
         **more: object) -> Case:  # fmt: skip
    """One conv2d case in fp16, channels-last unless ``layout`` says nchw."""
    return {
        "op": "conv2d", "n": n, "cin": cin, "cout": cout, "hw": hw, "r": r, "stride": stride,
        "groups": groups, "dtype": "fp16", **more,
    }  # fmt: skip


SIZES = (
    (1, 64, 56), (1, 256, 14), (1, 512, 7), (8, 64, 56), (8, 128, 28), (8, 256, 14), (32, 64, 56),
    (32, 128, 28), (32, 256, 14), (64, 96, 56), (64, 512, 7),
)  # fmt: skip


def families() -> Iterator[Case]:
    """Filter size, stride and grouping over the same images."""
    for n, c, hw in SIZES:
        for r, stride in ((1, 1), (1, 2), (3, 1), (3, 2), (5, 1), (7, 1)):
            yield conv(n, c, c, hw, r, stride)
        for r, stride in ((3, 1), (3, 2), (5, 1), (7, 1)):
            yield conv(n, c, c, hw, r, stride, groups=c)
        for groups in (2, 4, 32):
            yield conv(n, c, c, hw, 3, 1, groups=groups)
    for n in (1, 8, 32, 64):
        for c, hw in ((64, 56), (192, 28)):
            yield from (conv(n, c, c, hw, r, 1, groups=4) for r in (1, 3, 5))
            yield from (conv(n, c, 2 * c, hw, 3, s, groups=4) for s in (1, 2))
    for n in (1, 8, 64):
        for cin, r, stride in ((3, 7, 2), (3, 3, 2), (3, 3, 1), (3, 4, 4), (3, 16, 16), (8, 3, 1)):
            yield conv(n, cin, 64, 224, r, stride)
    for cout in (32, 64, 128, 256, 512):
        yield from (conv(16, 128, cout, 28, r) for r in (1, 3))
    for cin in (16, 32, 64, 128, 256, 512):
        yield from (conv(16, cin, 128, 28, r) for r in (1, 3))


RESNET = (
    (64, 64, 56, 1, 1), (64, 64, 56, 3, 1), (64, 256, 56, 1, 1), (256, 64, 56, 1, 1),
    (256, 128, 56, 1, 1), (128, 128, 56, 3, 2), (128, 512, 28, 1, 1), (256, 512, 56, 1, 2),
    (512, 128, 28, 1, 1), (128, 128, 28, 3, 1), (512, 256, 28, 1, 1), (256, 256, 28, 3, 2),
    (256, 1024, 14, 1, 1), (512, 1024, 28, 1, 2), (1024, 256, 14, 1, 1), (256, 256, 14, 3, 1),
    (1024, 512, 14, 1, 1), (512, 512, 14, 3, 2), (512, 2048, 7, 1, 1), (1024, 2048, 14, 1, 2),
    (2048, 512, 7, 1, 1), (512, 512, 7, 3, 1),
)  # fmt: skip
MOBILENET = (
    (32, 112, 1, 3), (96, 112, 2, 3), (144, 56, 1, 3), (144, 56, 2, 3), (192, 28, 1, 3),
    (192, 28, 2, 3), (384, 14, 1, 3), (576, 14, 1, 3), (576, 14, 2, 3), (960, 7, 1, 3),
    (96, 56, 1, 7), (192, 28, 1, 7), (384, 14, 1, 7), (768, 7, 1, 7), (240, 28, 1, 5),
)  # fmt: skip


def networks() -> Iterator[Case]:
    """The layers of ResNet-50, and the depthwise layers of MobileNetV2 and ConvNeXt."""
    for n in (1, 16, 64):
        for cin, cout, hw, r, stride in RESNET:
            yield conv(n, cin, cout, hw, r, stride)
        for c, hw, stride, r in MOBILENET:
            yield conv(n, c, c, hw, r, stride, groups=c)
    for n in (1, 8, 32):
        for hidden in (192, 384, 768):
            yield conv(n, 3, hidden, 224, 16, 16, layout="nchw", bias=True, pad=0)
            yield conv(n, hidden // 2, hidden, 28, 3, 1, layout="nchw")


def image_kernels() -> Iterator[Case]:
    """Batch norm, pooling and layout conversion of channels-last and channels-first images."""
    for n in (1, 8, 64):
        for c, hw in ((64, 112), (64, 56), (256, 56), (512, 28), (1024, 14), (2048, 7)):
            base = {"n": n, "cin": c, "hw": hw, "dtype": "fp16"}
            yield {"op": "batchnorm", **base}
            yield {"op": "batchnorm", **base, "layout": "nchw"}
            yield {"op": "nchw_to_nhwc", **base, "layout": "nchw"}
            yield {"op": "nhwc_to_nchw", **base}
            yield {"op": "avgpool", **base}
        for c, hw in ((64, 112), (128, 56), (256, 28)):
            pool = {"op": "maxpool", "n": n, "cin": c, "hw": hw, "r": 3, "stride": 2}
            yield {**pool, "dtype": "fp16"}
            yield {**pool, "dtype": "fp16", "layout": "nchw"}
