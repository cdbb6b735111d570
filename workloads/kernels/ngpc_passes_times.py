"""Plays the kernels around the networks, unfused, for whole frames; times them on a GPU.

``python -m workloads.kernels.ngpc_passes_times --output FILE.json`` needs a GPU. Rays, passes and
samples are those of our own scenes (``workloads.neural.passes``), each pixel of a small frame
standing for a square of a full-HD one; what the networks would give is drawn once.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.neural.passes import SIDE, Pass, passes, ray_samples

Array = NDArray[Any]

ANGLES = (0.65, 0.45)
SEED = 2026
OCCUPIED = 64
TEXTURE = 1024
DIFFERENCE = 6e-3
"""Between the two distances of a normal's coordinate, each way."""
APPLICATIONS = ("nerf", "nsdf", "nvr", "gia")


@dataclass(frozen=True)
class FrameRays:
    """The rays of a frame, row by row: their ``samples`` int64 and whether they hit a surface."""

    width: int
    height: int
    samples: Array
    hits: Array


def full_frame(application: str, scale: int = 20) -> FrameRays:
    """Return our scene's rays, each pixel of a small frame for ``scale`` squared (20: full HD)."""
    width, height = SIDE
    square = np.ones((scale, scale), np.int64)
    samples, hits = (
        np.kron(values.reshape(height, width), square).ravel()
        for values in ray_samples(application)
    )
    return FrameRays(width * scale, height * scale, samples, hits != 0)


class FrameKernels:
    """All launches of a frame of ``application`` around its networks, in order.

    ``raw``: every network output, else drawn.
    """

    def __init__(self, application: str, rays: FrameRays, raw: int | None = None) -> None:
        from numba import cuda

        from workloads.kernels.ngpc_frame import camera_numbers

        self.cuda = cuda
        self.application = application
        self.width, self.height = rays.width, rays.height
        self.count = self.width * self.height
        self.samples, self.hits = rays.samples, rays.hits
        self.passes: tuple[Pass, ...] = passes(application, self.samples)
        rng = np.random.Generator(np.random.PCG64([SEED, 91]))
        rows = max([self.count, *(p.rays * p.steps for p in self.passes)])
        drawn = rng.integers(-(1 << 13), 1 << 13, (rows, 16), dtype=np.int16)
        if raw is not None:
            drawn[:] = raw
        self.outputs = cuda.to_device(drawn)
        self.camera = cuda.to_device(camera_numbers(self.width, self.height, *ANGLES))
        full = (rng.random((OCCUPIED,) * 3) < 0.5).astype(np.uint8)
        self.occupied = cuda.to_device(full)
        self.frame, self.total, self.surface = (self._new(4) for _ in range(3))
        self.depth = self._new()
        self.counters = cuda.to_device(np.zeros(2 + len(self.passes), np.uint32))
        prepare: Callable[[], None] = getattr(self, f"_prepare_{application}")
        prepare()

    def launch(self) -> None:
        """Launch every kernel of the frame."""
        from workloads.kernels import ngpc_passes as k

        self.counters.copy_to_device(np.zeros(self.counters.shape, np.uint32))
        play: Callable[[], None] = getattr(self, f"_play_{self.application}")
        play()
        self._run(k.accumulate, self.count, self.frame, self.total, 0)
        self._run(k.tonemap, self.count, self.total, self.surface, 1.0)

    def _new(self, words: int = 0, rows: int | None = None) -> Any:
        shape = (rows or self.count, words) if words else (rows or self.count,)
        return self.cuda.to_device(np.zeros(shape, np.float32))

    @staticmethod
    def _run(kernel: Any, threads: int, *arguments: Any) -> None:
        from workloads.kernels.ngpc_frame import blocks

        if threads:
            kernel[blocks(threads)](*arguments)

    def _prepare_nerf(self) -> None:
        from workloads.kernels.ngpc_passes import COORDINATE_WORDS, MARCH_WORDS

        self.left = self.cuda.to_device(self.samples.astype(np.int16))
        self.rays = [(self._new(MARCH_WORDS), self._new(4)) for _ in range(3)]
        self.coordinates = self._new(COORDINATE_WORDS, len(self.outputs))

    def _play_nerf(self) -> None:
        from workloads.kernels import ngpc_passes as k

        first, other, hit = self.rays
        self._run(k.march_rays, self.count, self.camera, self.width, self.height, self.left, *first)
        count = self.count
        for turn, each in enumerate(self.passes, 1):
            self._run(k.march_compact, count, count, *first, *other, *hit, self.counters, turn)
            first, other, count = other, first, each.rays
            rows = count * each.steps
            ray, rgba = first
            self._run(
                k.march_inputs, count, count, each.steps, self.occupied, ray, self.coordinates
            )
            self._run(k.march_density, rows, rows, self.outputs, self.outputs)
            self._run(
                k.march_composite,
                count,
                count,
                each.steps,
                ray,
                rgba,
                self.coordinates,
                self.outputs,
            )
        last = len(self.passes) + 1
        self._run(k.march_compact, count, count, *first, *other, *hit, self.counters, last)
        self._run(k.march_shade, self.count, self.count, *hit, self.frame, self.depth)

    def _prepare_nsdf(self) -> None:
        from workloads.kernels.ngpc_tracing import TRACE_WORDS

        self.left = self.cuda.to_device((self.samples + 0.5 * self.hits).astype(np.float32))
        self.rays = [(self._new(3), self._new(), self._new(TRACE_WORDS)) for _ in range(3)]
        self.hit_count = int(self.hits.sum())
        self.offsets = [self._new(3) for _ in range(3)]
        self.distances = [self.cuda.to_device(np.zeros((3, self.count), np.float32))
                          for _ in range(2)]  # fmt: skip
        self.normal = self._new(3)

    def _play_nsdf(self) -> None:
        from workloads.kernels import ngpc_passes as k
        from workloads.kernels import ngpc_tracing as t

        first, other, hit = self.rays
        self._run(
            t.trace_rays, self.count, self.camera, self.width, self.height, self.left, *first,
            self.depth,
        )  # fmt: skip
        count = self.count
        for turn, each in enumerate(self.passes, 1):
            self._run(t.trace_compact, count, count, *first, *other, *hit, self.counters, turn)
            first, other, count = other, first, each.rays
            for _ in range(each.steps):
                self._run(k.cut_outputs, 16 * count, count, 1, self.outputs, first[1])
                self._run(t.trace_step, count, count, *first)
        last = len(self.passes) + 1
        self._run(t.trace_compact, count, count, *first, *other, *hit, self.counters, last)
        n = self.hit_count
        for step, found in zip((DIFFERENCE, -DIFFERENCE), self.distances, strict=True):
            self._run(t.trace_offsets, n, n, hit[0], step, *self.offsets)
            for axis in range(3):
                self._run(k.cut_outputs, 16 * n, n, 1, self.outputs, found[axis])
        self._run(t.trace_normals, n, n, *self.distances, self.normal)
        self._run(t.trace_shade, n, n, hit[0], self.normal, hit[1], hit[2], self.frame, self.depth)

    def _prepare_nvr(self) -> None:
        from workloads.kernels.ngpc_tracing import TRACK_WORDS

        self.left = self.cuda.to_device(self.samples.astype(np.int16))
        self.rays = [(self._new(3), self._new(TRACK_WORDS)) for _ in range(2)]
        self.values = self._new(rows=4 * self.count)

    def _play_nvr(self) -> None:
        from workloads.kernels import ngpc_passes as k
        from workloads.kernels import ngpc_tracing as t

        first, other = self.rays
        self._run(
            t.track_rays, self.count, self.camera, self.width, self.height, self.left,
            self.occupied, *first, self.frame, self.depth, self.counters,
        )  # fmt: skip
        for taken, each in enumerate(self.passes, 1):
            count = each.rays
            self._run(k.cut_outputs, 16 * count, count, 4, self.outputs, self.values)
            self._run(
                t.track_step, count, count, taken, self.left, self.occupied, *first, self.values,
                *other, self.frame, self.counters, taken + 1,
            )  # fmt: skip
            first, other = other, first

    def _prepare_gia(self) -> None:
        rng = np.random.Generator(np.random.PCG64([SEED, 92]))
        texture = rng.integers(0, 1 << 14, (TEXTURE, TEXTURE, 4), dtype=np.int16)
        self.texture = self.cuda.to_device(texture)
        self.position, self.values = self._new(2), self._new(rows=3 * self.count)

    def _play_gia(self) -> None:
        from workloads.kernels import ngpc_passes as k

        self._run(k.image_rays, self.count, self.width, self.height, self.position)
        self._run(k.image_truth, self.count, self.position, self.texture, self.values)
        self._run(k.cut_outputs, 16 * self.count, self.count, 3, self.outputs, self.values)
        self._run(k.image_shade, self.count, self.position, self.values, self.frame, self.depth)


def by_kernel(events: list[dict[str, Any]], repeats: int) -> dict[str, dict[str, float]]:
    """Return launches and microseconds of a frame by kernel, means over ``repeats`` frames."""
    found: dict[str, dict[str, float]] = {}
    for event in events:
        name = next((n for n in KERNELS if n in event["name"]), None)
        if name is not None:
            row = found.setdefault(name, {"launches": 0.0, "us": 0.0})
            row["launches"] += 1 / repeats
            row["us"] += float(event["dur"]) / repeats
    return {n: {k: round(v, 3) for k, v in row.items()} for n, row in sorted(found.items())}


KERNELS = (
    "march_rays", "march_compact", "march_inputs", "march_density", "march_composite",
    "march_shade", "trace_rays", "trace_compact", "trace_step", "trace_offsets", "trace_normals",
    "trace_shade", "track_rays", "track_step", "image_rays", "image_truth", "image_shade",
    "cut_outputs", "accumulate", "tonemap",
)  # fmt: skip


def kernels_digest() -> str:
    """Return the SHA-256 of the kernels' source without docstrings and layout."""
    whole = hashlib.sha256()
    for name in ("ngpc_passes", "ngpc_tracing"):
        tree = ast.parse(files("workloads.kernels").joinpath(f"{name}.py").read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
        whole.update(ast.unparse(tree).encode())
    return whole.hexdigest()


def _is_text(part: ast.AST) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)


def record(output: Path, repeats: int = 5) -> None:
    """Time all kernels of full-HD frames on the GPU; write ``output``."""
    from workloads.kernels.golden import platform_facts
    from workloads.measure.device import Nvml, provenance, require_gpu
    from workloads.measure.timing import traced

    torch = require_gpu()
    frames = {}
    for application in APPLICATIONS:
        frame = FrameKernels(application, full_frame(application))
        for _ in range(2):
            frame.launch()
        torch.cuda.synchronize()
        with traced() as events:
            for _ in range(repeats):
                frame.launch()
            torch.cuda.synchronize()
        kernels = by_kernel(events, repeats)
        queries = sum(p.rays * p.steps for p in frame.passes) + 6 * int(frame.hits.sum())
        frames[application] = {
            "us": round(sum(row["us"] for row in kernels.values()), 1), "queries": queries,
            "passes": [[p.rays, p.steps] for p in frame.passes], "kernels": kernels,
        }  # fmt: skip
    meta = {
        **provenance(torch, Nvml()),
        **platform_facts(),
        "kernels": "workloads.kernels.ngpc_passes, ngpc_tracing",
        "kernels_sha256": kernels_digest(),
        "frame": "1920x1080, rays of workloads.neural.passes",
        "method": f"CUPTI durations of every kernel, mean of {repeats} frames after two",
    }
    text = json.dumps({"_meta": meta, "frames": frames}, indent=1, sort_keys=True)
    output.write_text(text + "\n")


def main() -> None:
    """Record all frames."""
    parser = argparse.ArgumentParser(description="time unfused frame kernels on a GPU")
    parser.add_argument("--output", type=Path, required=True)
    record(parser.parse_args().output)


if __name__ == "__main__":
    main()
