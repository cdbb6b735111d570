"""The host GPU of a cluster: a frame without the cluster, and what stays on the SMs with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from archsim.config import load_device
from archsim.config.gpu import GpuDevice
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams
from archsim.errors import ConfigError, UnsupportedOperatorError
from archsim.graph import Graph
from archsim.graph.ops import Gemm, HashGridEncoding
from archsim.models.gpu import GpuModel
from archsim.models.ngpc.gpu_kernels import grid_us, perceptron_us


@dataclass(frozen=True)
class Work:
    """A graph taken apart: its grid, samples, and perceptrons of consecutive layers."""

    grid: GridParams
    samples: int
    perceptrons: tuple[MlpParams, ...]
    layers: tuple[tuple[int, int], ...]
    directions: bool


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
    return Work(grid, spec.n, found, tuple(layers), len(found) > 1)


def host_times(name: str, graph: Graph, work: Work) -> HostTimes:
    """Return the times of ``graph`` on the GPU ``name``; equal kernels are priced once."""
    model = host_model(name)
    rest = [
        model.price(op.spec) for op in graph.ops
        if not isinstance(op.spec, HashGridEncoding | Gemm)
    ]  # fmt: skip
    return HostTimes(
        grid_us(model.device, work.grid, work.samples),
        sum(perceptron_us(model.device, mlp, work.samples) for mlp in work.perceptrons),
        sum(op.us for op in rest),
        sum(op.energy_j for op in rest),
    )


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
