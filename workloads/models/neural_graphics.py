"""The neural-graphics applications of the NGPC paper (Mubarik et al., ISCA 2023), inference.

NeRF, neural signed distance (``nsdf``), gigapixel image (``gia``) and neural volume rendering
(``nvr``), each with a hash grid, a multi-resolution dense grid or a low-resolution dense one:
Table I of the paper with tiny-cuda-nn's rules for level sizes and perceptron padding. One
sample is one query of the network. Perceptrons are one GEMM per layer with the ReLU inside it;
a fully fused perceptron is a choice of kernel, not of the graph.
"""

from __future__ import annotations

from dataclasses import replace

from archsim.config.ngpc_applications import APPLICATIONS, ENCODINGS, Application
from archsim.config.ngpc_params import PAD, SH_TERMS
from archsim.graph import Graph, Tensor
from archsim.graph.ops import Elementwise, HashGridEncoding
from workloads.models.builder import GraphBuilder
from workloads.models.registry import Choice, Model


def _perceptron(b: GraphBuilder, x: Tensor, hidden: int, width: int, name: str) -> Tensor:
    """``hidden`` layers of ``width`` with ReLU, then the padded output; no biases."""
    for i in range(hidden):
        x = b.linear(x, width, f"{name}.{i}", bias=False, activation="relu")
    return b.linear(x, PAD, f"{name}.{hidden}", bias=False)


def neural_graphics(
    name: str, app: Application, *, samples: int, encoding: str, dtype: str, width: int
) -> Graph:
    """Encoding and perceptrons for ``samples`` queries."""
    b = GraphBuilder(name, dtype)
    add_networks(b, app, samples, encoding, dtype, width)
    return b.graph(
        family="neural_graphics", samples=samples, encoding=encoding, dtype=dtype,
        outputs=app.outputs,
    )  # fmt: skip


def add_networks(
    b: GraphBuilder, app: Application, samples: int, encoding: str, dtype: str, width: int,
    levels: int = 0,
) -> None:  # fmt: skip
    """Add encoding and perceptrons for ``samples`` queries to ``b``.

    ``levels``: only the coarsest of the grid are computed (0: all). The others' features are
    constants, so that one input that padding has free stands for all of them.
    """
    whole = app.grid(encoding)
    grid = replace(whole, levels=min(levels, whole.levels) or whole.levels)
    spec = HashGridEncoding(
        n=samples, dims=app.dims, levels=grid.levels, features=grid.features,
        table_entries=grid.entries, grid=grid.kind, dtype=dtype,
        base=grid.base, growth_millionths=round(grid.growth * 1e6), log2_entries=grid.log2_entries,
    )  # fmt: skip
    points = b.input("positions", (samples, app.dims), "fp32")
    table = b.parameter("encoding.table", grid.entries, grid.features)
    x = b.emit("encoding", spec, (points, table), (samples, grid.outputs))
    if app.radiance:
        x = _perceptron(b, x, 1, width, "density")
        rays = b.input("directions", (samples, 3), "fp32")
        harmonics = Elementwise(
            function="spherical_harmonics", n=samples * SH_TERMS, broadcast=samples * 3,
            dtype="fp32", out_dtype=dtype,
        )  # fmt: skip
        seen = b.emit("harmonics", harmonics, (rays,), (samples, SH_TERMS))
        x = b.concat((x, seen), samples, PAD + SH_TERMS)
    _perceptron(b, x, 2, width, "color" if app.radiance else "mlp")


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
                options=ENCODINGS,
            ),
            "dtype": Choice(
                type=str, default="fp16", doc="data type", options=("fp16", "bf16", "fp32")
            ),
            "width": Choice(type=int, default=64, doc="neurons of a hidden layer", maximum=4096),
        },
        doc=doc,
    )


_DOCS = {
    "nerf": "NeRF: density and colour networks",
    "nsdf": "neural signed distance function",
    "nvr": "neural volume rendering",
    "gia": "gigapixel image approximation, 2-D",
}
MODELS = {name: _model(app, _DOCS[name]) for name, app in APPLICATIONS.items()}
