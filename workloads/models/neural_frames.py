"""Whole frames of the neural-graphics applications: networks, and the kernels around them.

The networks are those of ``neural_graphics``. Around them run, sample by sample and pixel by pixel,
the kernels that a renderer such as instant-ngp launches apart: ray set-up, compaction, generating
network inputs, compositing or stepping, shading, tone mapping. They stream records of 32-bit words
through memory; their names begin with ``rest.``. Samples are those of our own renderers
(``workloads.neural.render``): NeRF at 1024 steps a unit, sphere tracing with a gradient of four
samples, delta tracking.
"""

from __future__ import annotations

from archsim.config.ngpc_applications import APPLICATIONS, ENCODINGS
from archsim.graph import Graph
from archsim.graph.ops import Elementwise
from workloads.models.builder import GraphBuilder
from workloads.models.neural_graphics import add_networks
from workloads.models.registry import Choice, Model

SAMPLES_PER_100_PIXELS = {"nerf": 5540, "nsdf": 878, "nvr": 348, "gia": 100}
"""Of a 16:9 frame; a test renders them again."""

PAYLOAD_WORDS = 12
"""State of a ray: origin, direction, distance, pixel, colour so far, flags."""
OUTPUT_WORDS = 8
"""Sixteen padded half outputs of a network."""
STEPS_PER_PASS = 4
"""Samples of a NeRF ray between two compactions."""


def neural_frame(
    name: str, *, pixels: int, samples_per_100_pixels: int, encoding: str, dtype: str, levels: int
) -> Graph:
    """Return the graph of one frame of the application that ``name`` begins with."""
    application = name.removesuffix("_frame")
    samples = -(-pixels * samples_per_100_pixels // 100)
    b = GraphBuilder(name, dtype)
    _stream(b, "rest.rays", pixels * (2 if application == "gia" else PAYLOAD_WORDS), 1)
    if application == "nerf":
        rays = -(-samples // STEPS_PER_PASS)
        _stream(b, "rest.compact", rays * PAYLOAD_WORDS, 1)
        _stream(b, "rest.inputs", samples * 7, 1)  # position, step, direction
    add_networks(b, APPLICATIONS[application], samples, encoding, dtype, 64, levels)
    if application == "nerf":
        _stream(b, "rest.composite", samples * OUTPUT_WORDS // 2, 2)
    elif application != "gia":
        _stream(b, "rest.step", samples * PAYLOAD_WORDS, 2)
        _stream(b, "rest.compact", samples * PAYLOAD_WORDS, 1)
    _stream(b, "rest.shade", pixels * 4, 2)
    _stream(b, "rest.accumulate", pixels * 4, 2)
    _stream(b, "rest.tonemap", pixels * 4, 1)
    return b.graph(
        family="neural_frames",
        samples=samples,
        encoding=encoding,
        dtype=dtype,
        pixels=pixels,
        levels=levels,
    )


def _stream(b: GraphBuilder, name: str, words: int, arity: int) -> None:
    """A kernel that reads ``arity`` records and writes one, ``words`` 32-bit words each."""
    spec = Elementwise(function="add" if arity > 1 else "copy", n=words, arity=arity, dtype="fp32")
    records = tuple(b.input(f"{name}.{i}", (words,), "fp32") for i in range(arity))
    b.emit(name, spec, records, (words,), "fp32")


def _model(name: str, doc: str) -> Model:
    return Model(
        builder=neural_frame,
        choices={
            "pixels": Choice(
                type=int, default=1920 * 1080, doc="pixels of the frame", maximum=1 << 28
            ),
            "samples_per_100_pixels": Choice(
                type=int,
                default=SAMPLES_PER_100_PIXELS[name],
                doc="queries of the network for a hundred pixels, as our renderers make them",
                maximum=1_000_000,
            ),
            "encoding": Choice(
                type=str, default="hashgrid", doc="grid encoding, by Table I of the NGPC paper",
                options=ENCODINGS,
            ),
            "levels": Choice(
                type=int, default=0, minimum=0, maximum=16,
                doc="coarsest levels of the grid that are computed; 0: all",
            ),
            "dtype": Choice(type=str, default="fp16", doc="data type", options=("fp16",)),
        },
        doc=doc,
    )  # fmt: skip


MODELS = {
    "nerf_frame": _model("nerf", "a NeRF frame: networks and the kernels around them"),
    "nsdf_frame": _model("nsdf", "a sphere-traced frame of a neural signed distance function"),
    "nvr_frame": _model("nvr", "a delta-tracked frame of a neural volume"),
    "gia_frame": _model("gia", "a frame of a neural image"),
}
