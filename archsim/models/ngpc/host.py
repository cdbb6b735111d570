"""The host GPU of a cluster: a frame without the cluster, and what stays on the SMs with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from archsim.config import load_device
from archsim.config.gpu import GpuDevice
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams
from archsim.config.ngpc_rest import MEASURED_ON, REST_KERNELS, RestKernel
from archsim.errors import ConfigError, UnsupportedOperatorError
from archsim.graph import Graph
from archsim.graph.ops import Elementwise, Gemm, HashGridEncoding, OpSpec
from archsim.models.gpu import GpuModel
from archsim.models.ngpc.gpu_kernels import ONE_RAY, Order, grid_us, perceptron_us
from archsim.recent import Recent


@dataclass(frozen=True)
class Work:
    """A graph taken apart: its grid, samples, and perceptrons of consecutive layers.

    ``order``: where neighbouring samples lie, None: apart.
    """

    grid: GridParams
    samples: int
    perceptrons: tuple[MlpParams, ...]
    layers: tuple[tuple[int, int], ...]
    directions: bool
    order: Order | None


@dataclass(frozen=True)
class HostTimes:
    """Microseconds on the host without a cluster: encoding, fused perceptrons, and the rest."""

    encoding_us: float
    perceptron_us: float
    rest_us: float
    rest_energy_j: float

    @property
    def total_us(self) -> float:
        """The whole frame."""
        return self.encoding_us + self.perceptron_us + self.rest_us


class Hosted(NamedTuple):
    """What the points of a sweep share: a graph taken apart, and its times on one GPU."""

    work: Work
    times: HostTimes


_GRAPHS_KEPT = 64
_hosted = Recent[tuple[str, str, str], Hosted](_GRAPHS_KEPT)


def hosted(name: str, graph: Graph) -> Hosted:
    """Return the work of ``graph`` and its times on the GPU ``name``; equal graphs share them."""
    key = (name, graph.digest, repr(graph.meta))
    found = _hosted.get(key)
    if found is None:
        work = work_of(graph)
        found = _hosted.put(key, Hosted(work, host_times(name, graph, work)))
    return found


@lru_cache(maxsize=8)
def host_model(name: str) -> GpuModel:
    """Return the model of the shipped GPU ``name``."""
    device = load_device(name)
    if not isinstance(device, GpuDevice):
        raise ConfigError(f"device.host must be a GPU, not {name!r}")
    return GpuModel(device)


def work_of(graph: Graph) -> Work:
    """Return the networks of ``graph``: one grid encoding, and the layers behind it."""
    encodings = [op.spec for op in graph.ops if isinstance(op.spec, HashGridEncoding)]
    layers = [(op.spec.k, op.spec.n) for op in graph.ops if isinstance(op.spec, Gemm)]
    if len(encodings) != 1 or not layers:
        raise UnsupportedOperatorError(
            f"{graph.name}: a neural-graphics cluster needs one grid encoding and the layers of "
            f"its perceptrons, not {len(encodings)} encodings and {len(layers)} layers"
        )
    spec = encodings[0]
    try:
        grid = GridParams(
            dims=spec.dims, levels=spec.levels, features=spec.features, base=spec.base,
            growth=spec.growth_millionths / 1e6, log2_entries=spec.log2_entries, kind=spec.grid,
        )  # fmt: skip
    except ValueError as error:
        raise UnsupportedOperatorError(f"{graph.name}: {error}") from None
    found = _perceptrons(layers)
    return Work(grid, spec.n, found, tuple(layers), len(found) > 1, _order(graph))


def _order(graph: Graph) -> Order | None:
    """Where neighbouring samples lie, as a frame's graph says; other graphs' on one ray."""
    about = graph.meta
    if "neighbours" not in about:
        return ONE_RAY
    if about["neighbours"] == "apart":
        return None
    abreast, along, pitch = (
        float(str(about[name])) for name in ("samples_abreast", "along", "pitch")
    )
    return Order(abreast, along, pitch)


def host_times(name: str, graph: Graph, work: Work) -> HostTimes:
    """Return the times of ``graph`` on the GPU ``name``; equal kernels are priced once.

    Spherical harmonics are an encoding; the networks' inputs are written side by side, so that
    joining them takes no time.
    """
    model = host_model(name)
    ordered = work.order or ONE_RAY
    encoding = grid_us(
        model.device, work.grid, work.samples, along_rays=work.order is not None, order=ordered
    )
    rest = energy = 0.0
    for op in graph.ops:
        if isinstance(op.spec, HashGridEncoding | Gemm) or op.name == "cat":
            continue
        priced = model.price(op.spec)
        if op.name == "harmonics":
            encoding += priced.us
            continue
        kernel = _rest_kernel(op.name)
        rest += priced.us if kernel is None else rest_us(model.device, kernel, op.spec)
        energy += priced.energy_j
    perceptrons = sum(perceptron_us(model.device, mlp, work.samples) for mlp in work.perceptrons)
    return HostTimes(encoding, perceptrons, rest, energy)


def rest_us(device: GpuDevice, kernel: RestKernel, spec: OpSpec) -> float:
    """Return the microseconds of a launch that moves the records of ``spec``, and of its gap.

    From the time of a thread on the measured GPU, by the rates of what bounds the kernel.
    """
    measured = host_model(MEASURED_ON).device
    if not isinstance(spec, Elementwise):
        raise TypeError(f"spec must be the stream of a kernel's records, not {spec!r}")
    slower = _rate(measured, kernel) / _rate(device, kernel)
    ns = spec.n / kernel.words * kernel.ns * slower
    return ns * 1e-3 + float(device.launch.stream_gap_us)


def _rate(device: GpuDevice, kernel: RestKernel) -> float:
    if kernel.bound == "memory":
        return float(device.memory.bandwidth_bytes_per_s)
    return float(device.sm_count) * float(device.clock.boost_hz)


def _rest_kernel(name: str) -> RestKernel | None:
    """The kernel of an operator ``rest.KERNEL`` or ``rest.KERNEL_2``."""
    found = re.fullmatch(r"rest\.([a-z_]+?)(_\d+)?", name)
    return REST_KERNELS.get(found.group(1)) if found else None


def _perceptrons(layers: list[tuple[int, int]]) -> tuple[MlpParams, ...]:
    """Cut ``layers`` where a narrow output ends a perceptron."""
    found = []
    first = 0
    for at, (_, columns) in enumerate(layers):
        if columns < layers[first][1] or at == len(layers) - 1:
            inputs, width = layers[first]
            found.append(
                MlpParams(inputs=inputs, outputs=columns, width=width, hidden=max(1, at - first))
            )
            first = at + 1
    return tuple(found)
