"""cuDNN's choice of convolution kernel: decision trees learnt from recorded launches.

The library's heuristic looks at nothing but the shape, and its choice is constant over boxes of
batch, image, channels, filters and their products: it is a decision tree itself, often far from
the fastest kernel. The trees here (``conv_trees.json``) were grown on the fit half of
``workloads/measured`` by scripts/calibrate_conv.py. A leaf names a way to compute the convolution;
what a kernel may compute at all is for the lowering to check.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources

from archsim.graph.ops import Conv2d

FEATURES = (
    "batch", "height", "filters", "channels", "taps", "stride", "pixels", "depth",
    "channels_mod_64", "filters_mod_64", "groups",
)  # fmt: skip
"""What the trees ask: ``value <= threshold`` goes left. Channels and filters are those of one
group; pixels are outputs of all images, depth is taps x channels."""

Tree = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[str]]
"""Per node the feature (-1: a leaf), its threshold (a leaf: the label's place) and the right child
(the left one follows); the labels."""


def features(spec: Conv2d) -> tuple[int, ...]:
    """Return the numbers of ``FEATURES``."""
    channels, filters = spec.cin // spec.groups, spec.cout // spec.groups
    taps = spec.r * spec.s
    return (
        spec.n, spec.h, filters, channels, taps, spec.stride, spec.n * spec.p * spec.q,
        taps * channels, channels % 64, filters % 64, spec.groups,
    )  # fmt: skip


@cache
def trees() -> dict[str, Tree]:
    """Return the trees by name: ``dense``, ``grouped`` and ``depthwise``."""
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
    kind = "dense"
    if spec.groups > 1:
        kind = "depthwise" if spec.groups == spec.cin == spec.cout else "grouped"
    return walk(trees()[kind], features(spec))
