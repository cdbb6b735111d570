"""cuDNN's choice of convolution kernel: decision trees learnt from recorded launches.

The library's heuristic looks at nothing but the shape, and its choice is constant over boxes of
batch, image, channels, filters and their products: it is a decision tree itself, often far from
the fastest kernel. There is a tree for each way to group channels and each class of data type
(``conv_trees.json``), grown on the fit half of ``workloads/measured`` by scripts/calibrate_conv.py.
A leaf names a way to compute the convolution (``conv_labels``); the lowering checks what a kernel
may compute at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources

from archsim.graph.ops import Conv2d

FEATURES = (
    "batch", "height", "filters", "channels", "taps", "stride", "pixels", "depth",
    "channels_mod_64", "filters_mod_64", "groups", "planes", "dilation", "padding", "bf16",
    "image_pixels",
)  # fmt: skip
"""What the trees ask: ``value <= threshold`` goes left. Channels and filters are those of one
group; pixels are outputs of all images, image pixels their inputs, depth is taps x channels;
planes says that the image is channels first."""
CLASSES = {"fp16": "half", "bf16": "half", "tf32": "tf32", "fp32": "fp32"}
"""Data types that share trees; the choice for other types is not known."""

Tree = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[str]]
"""Per node the feature (-1: a leaf), its threshold (a leaf: the label's place) and the right child
(the left one follows); the labels."""


def planar(spec: Conv2d) -> bool:
    """Return whether images are channels first; those of one channel are both, and count so."""
    return spec.layout == "nchw" or spec.cin == 1


def features(spec: Conv2d) -> tuple[int, ...]:
    """Return the numbers of ``FEATURES``."""
    channels, filters = spec.cin // spec.groups, spec.cout // spec.groups
    taps = spec.r * spec.s
    return (
        spec.n, spec.h, filters, channels, taps, spec.stride, spec.n * spec.p * spec.q,
        taps * channels, channels % 64, filters % 64, spec.groups, int(planar(spec)),
        spec.dilation, spec.padding, int(spec.dtype == "bf16"), spec.n * spec.h * spec.w,
    )  # fmt: skip


def kind(spec: Conv2d) -> str:
    """Return the name of the tree for ``spec``: its data type, and how its groups lie."""
    groups = "dense"
    if spec.groups > 1:
        groups = "depthwise" if spec.groups == spec.cin == spec.cout else "grouped"
    return f"{CLASSES[spec.dtype]} {groups}"


@cache
def trees() -> dict[str, Tree]:
    """Return the trees by name, as ``kind`` gives it."""
    text = (resources.files("archsim.mapping.gpu") / "conv_trees.json").read_text("utf-8")
    return {
        name: (tree["feature"], tree["threshold"], tree["right"], tree["labels"])
        for name, tree in json.loads(text).items()
    }


def walk(tree: Tree, values: Sequence[int]) -> str:
    """Return the label of the leaf that ``values`` reach."""
    feature, threshold, right, labels = tree
    node = 0
    while feature[node] >= 0:
        node = node + 1 if values[feature[node]] <= threshold[node] else right[node]
    return labels[threshold[node]]


def choose(spec: Conv2d) -> str:
    """Return the label of what the library launches for ``spec``."""
    return walk(trees()[kind(spec)], features(spec))
