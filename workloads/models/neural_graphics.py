"""The neural-graphics applications of the NGPC paper (Mubarik et al., ISCA 2023), inference.

NeRF, neural signed distance (``nsdf``), gigapixel image (``gia``) and neural volume rendering
(``nvr``), each with a hash grid, a multi-resolution dense grid or a low-resolution dense one:
Table I of the paper with tiny-cuda-nn's rules for level sizes and perceptron padding. One
sample is one query of the network. Perceptrons are one GEMM per layer with the ReLU inside it;
a fully fused perceptron is a choice of kernel, not of the graph.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from archsim.graph.ops import Elementwise, HashGridEncoding
from workloads.models.builder import GraphBuilder
from workloads.models.registry import Choice, Model

_ALIGN = 16  # tiny-cuda-nn pads inputs and outputs of a perceptron to this
_SH_TERMS = 16  # spherical harmonics of degree 4


@dataclass(frozen=True)
class Grid:
    """A multi-resolution grid: levels, features, finest growth, and how an entry is found."""

    levels: int
    features: int
    base: int
    growth: float
    kind: str
    log2_entries: int = 19


@dataclass(frozen=True)
class Application:
    """An application: dimensions of a query, outputs, and its hash grid."""

    dims: int
    outputs: int
    growth: float
    log2_entries: int = 19
    radiance: bool = False

    def grid(self, encoding: str) -> Grid:
        """The grid that ``encoding`` names, by Table I of the paper."""
        return {
            "hashgrid": Grid(16, 2, 16, self.growth, "hash", self.log2_entries),
            "densegrid": Grid(8, 2, 16, 1.405, "dense"),
            "lowres": Grid(2, 8, 128, 1.0, "tiled"),
        }[encoding]


def _single(x: float) -> float:
    """``x`` rounded to single precision, as tiny-cuda-nn computes scales."""
    value: float = struct.unpack("f", struct.pack("f", x))[0]
    return value


def level_entries(grid: Grid, dims: int) -> tuple[int, ...]:
    """Entries of each level by tiny-cuda-nn's rule (``encodings/grid.h``)."""
    growth = _single(math.log2(_single(grid.growth)))
    sizes = []
    for level in range(grid.levels):
        scale = _single(_single(2.0 ** _single(level * growth)) * grid.base - 1.0)
        resolution = math.ceil(scale) + 1
        entries = -(-(resolution**dims) // 8) * 8
        if grid.kind == "hash":
            entries = min(entries, 1 << grid.log2_entries)
        elif grid.kind == "tiled":
            entries = min(entries, grid.base**dims)
        sizes.append(entries)
    return tuple(sizes)


def _perceptron(b: GraphBuilder, x: Tensor, hidden: int, width: int, name: str) -> Tensor:
    """``hidden`` layers of ``width`` with ReLU, then the padded output; no biases."""
    for i in range(hidden):
        x = b.linear(x, width, f"{name}.{i}", bias=False, activation="relu")
    return b.linear(x, _ALIGN, f"{name}.{hidden}", bias=False)


def neural_graphics(
    name: str, app: Application, *, samples: int, encoding: str, dtype: str, width: int
) -> Graph:
    """Encoding and perceptrons for ``samples`` queries."""
    b = GraphBuilder(name, dtype)
    grid = app.grid(encoding)
    entries = sum(level_entries(grid, app.dims))
    features = grid.levels * grid.features
    spec = HashGridEncoding(
        n=samples, dims=app.dims, levels=grid.levels, features=grid.features,
        table_entries=entries, grid=grid.kind, dtype=dtype,
    )  # fmt: skip
    points = b.input("positions", (samples, app.dims), "fp32")
    table = b.parameter("encoding.table", entries, grid.features)
    x = b.emit("encoding", spec, (points, table), (samples, features))
    if app.radiance:
        x = _perceptron(b, x, 1, width, "density")
        rays = b.input("directions", (samples, 3), "fp32")
        harmonics = Elementwise(
            function="spherical_harmonics", n=samples * _SH_TERMS, broadcast=samples * 3,
            dtype="fp32", out_dtype=dtype,
        )  # fmt: skip
        seen = b.emit("harmonics", harmonics, (rays,), (samples, _SH_TERMS))
        x = b.concat((x, seen), samples, _ALIGN + _SH_TERMS)
    _perceptron(b, x, 2, width, "color" if app.radiance else "mlp")
    return b.graph(
        family="neural_graphics", samples=samples, encoding=encoding, dtype=dtype,
        outputs=app.outputs,
    )  # fmt: skip


def _model(app: Application, doc: str) -> Model:
    return Model(
        builder=lambda name, **choices: neural_graphics(name, app, **choices),
        choices={
            "samples": Choice(
                type=int,
                default=1920 * 1080,
                doc="queries of the network; one for each pixel of a full-HD frame by default",
                maximum=1 << 34,
            ),
            "encoding": Choice(
                type=str,
                default="hashgrid",
                doc="grid encoding, by Table I of the paper",
                options=("hashgrid", "densegrid", "lowres"),
            ),
            "dtype": Choice(
                type=str, default="fp16", doc="data type", options=("fp16", "bf16", "fp32")
            ),
            "width": Choice(type=int, default=64, doc="neurons of a hidden layer", maximum=4096),
        },
        doc=doc,
    )


MODELS = {
    "nerf": _model(Application(3, 4, 1.51572, radiance=True), "NeRF: density and colour networks"),
    "nsdf": _model(Application(3, 1, 1.38191), "neural signed distance function"),
    "nvr": _model(Application(3, 4, 1.275), "neural volume rendering"),
    "gia": _model(Application(2, 3, 1.25992, 24), "gigapixel image approximation, 2-D"),
}
