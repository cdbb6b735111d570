"""Whole frames of the neural-graphics applications: networks, and the kernels around them.

The networks are those of ``neural_graphics``. Around them run, pass by pass, the kernels of a
renderer written as instant-ngp was at the time of the NGPC paper
(``workloads.kernels.ngpc_passes``): ray records, compaction before a pass, network inputs and
outputs through memory; their names begin with ``rest.``. Rays, passes and samples are those of our
own scenes (``workloads.neural.passes``): NeRF at 1024 steps a unit, sphere tracing with a gradient
of six samples, delta tracking.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.ngpc_applications import APPLICATIONS, ENCODINGS
from archsim.config.ngpc_rest import REST_KERNELS
from archsim.graph import Graph
from archsim.graph.ops import Elementwise
from workloads.models.builder import GraphBuilder
from workloads.models.neural_graphics import add_networks
from workloads.models.registry import Choice, Model

GRADIENT_SAMPLES = 6
"""Of a surface point: differences along three axes."""


@dataclass(frozen=True)
class Passes:
    """A 16:9 frame of our scene, for a hundred pixels; a test counts again.

    ``samples``: of the network, those of ended rays before the next compaction included. ``rays``:
    live ones summed over the passes. ``passes``, ``steps``: compactions, and network calls between
    them, of a frame. ``hits``: rays that end on a surface. ``neighbours``: where the samples of a
    warp lie, on neighbouring pixels' rays or apart from each other.
    """

    samples: int
    rays: float
    passes: int
    steps: int
    hits: float = 0.0
    neighbours: str = "pixels"


PASSES = {
    "nerf": Passes(5624, 3126.7, 96, 346),
    "nsdf": Passes(1075, 342.7, 15, 55, hits=32.0),
    "nvr": Passes(348, 348.5, 24, 24, neighbours="apart"),
    "gia": Passes(100, 100.0, 1, 1),
}

NERF_STEP = 3**0.5 / 1024
PIXEL_PITCH = 6.7e-4
"""Between neighbouring pixels' rays in the cube's middle, 1920 of them abreast."""


def neural_frame(
    name: str, *, pixels: int, samples_per_100_pixels: int, encoding: str, dtype: str, levels: int
) -> Graph:
    """Return the graph of one frame of the application that ``name`` begins with."""
    application = name.removesuffix("_frame")
    shape = PASSES[application]
    samples = -(-pixels * samples_per_100_pixels // 100)
    rays = round(samples * shape.rays / shape.samples)
    b = GraphBuilder(name, dtype)
    add_networks(b, APPLICATIONS[application], samples, encoding, dtype, 64, levels)
    for kernel, threads, launches in _rest(application, shape, pixels, samples, rays):
        _emit(b, kernel, threads, launches)
    return b.graph(
        family="neural_frames",
        samples=samples,
        encoding=encoding,
        dtype=dtype,
        pixels=pixels,
        levels=levels,
        neighbours=shape.neighbours,
        pitch=PIXEL_PITCH * (1920 * 1080 / pixels) ** 0.5,
        along=NERF_STEP if application == "nerf" else 0.0,
        samples_abreast=samples / rays if application == "nerf" else 1.0,
    )


def _rest(
    application: str, shape: Passes, pixels: int, samples: int, rays: int
) -> list[tuple[str, int, int]]:
    """Kernels of a frame: name, threads over all launches, launches."""
    hits = round(pixels * shape.hits / 100)
    own = {
        "nerf": [
            ("march_rays", pixels, 1),
            ("march_compact", pixels + rays, shape.passes + 1),
            ("march_inputs", samples, shape.passes),
            ("march_density", samples, shape.passes),
            ("march_composite", samples, shape.passes),
            ("march_shade", pixels, 1),
        ],
        "nsdf": [
            ("trace_rays", pixels, 1),
            ("trace_compact", pixels + rays, shape.passes + 1),
            ("cut_outputs", samples, shape.steps + GRADIENT_SAMPLES),
            ("trace_step", max(samples - GRADIENT_SAMPLES * hits, 1), shape.steps),
            ("trace_offsets", 2 * hits, 2),
            ("trace_normals", hits, 1),
            ("trace_shade", hits, 1),
        ],
        "nvr": [
            ("track_rays", pixels, 1),
            ("cut_outputs", samples, shape.passes),
            ("track_step", samples, shape.passes),
        ],
        "gia": [
            ("image_rays", pixels, 1),
            ("image_truth", pixels, 1),
            ("cut_outputs", samples, 1),
            ("image_shade", pixels, 1),
        ],
    }[application]
    return [*own, ("accumulate", pixels, 1), ("tonemap", pixels, 1)]


def _emit(b: GraphBuilder, kernel: str, threads: int, launches: int) -> None:
    """The launches of a kernel, of equal size, each reading and writing records."""
    words = -(-threads // launches) * REST_KERNELS[kernel].words
    if not words:
        return
    spec = Elementwise(function="copy", n=words, arity=1, dtype="fp32")
    name = f"rest.{kernel}"
    records = b.input(f"{name}.records", (words,), "fp32")
    for _ in range(launches):
        b.emit(name, spec, (records,), (words,), "fp32")


def _model(name: str, doc: str) -> Model:
    return Model(
        builder=neural_frame,
        choices={
            "pixels": Choice(
                type=int, default=1920 * 1080, doc="pixels of the frame", maximum=1 << 28
            ),
            "samples_per_100_pixels": Choice(
                type=int,
                default=PASSES[name].samples,
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
