"""Grid encodings recorded on a real GPU, beside the reference and the processor's RTL.

The processor gives no features, but perceptrons that hand one on: ``probe`` makes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import FixedGrid
from archsim.functional.ngpc.network import FixedData
from workloads.kernels.ngpc_golden import GRIDS, KEPT, SAMPLES, draw_grid

Array = NDArray[Any]

_ONE = 12
"""Fraction bits of the weights of ``probe``: 1.0 is a power of two."""


@dataclass(frozen=True)
class GoldenGrid:
    """A recorded encoding: raw positions, table, and the features ``[n, outputs]`` of a GPU."""

    name: str
    device: str
    positions: Array
    table: Array
    features: Array


@dataclass(frozen=True)
class NetworkTimes:
    """Microseconds of the integer kernels of a network on a GPU, for ``samples`` samples."""

    device: str
    samples: int
    encoding_us: float
    perceptron_us: float


def network_times(params: NfpParams) -> NetworkTimes | None:
    """Return the recorded times of the network of ``params``, if it is the one that was timed."""
    grid, formats = GRIDS["small"]
    shapes = ((16, 64), (64, 64), (64, 16))
    if (grid, formats) != (params.grid, params.formats) or params.mlps[0].shapes != shapes:
        return None
    text = files("cosim").joinpath("golden").joinpath("ngpc_frame.json").read_text()
    data = json.loads(text)
    us = {case["name"]: float(case["us_warm"]) for case in data["times"]}
    return NetworkTimes(
        data["_meta"]["device"], SAMPLES, us["encode_small"], us["perceptron_small"]
    )


def matching(params: NfpParams) -> list[GoldenGrid]:
    """Return the recorded encodings with the grid and the formats of ``params``."""
    folder = files("cosim").joinpath("golden")
    meta = json.loads(folder.joinpath("ngpc.json").read_text())["_meta"]
    found = []
    with np.load(BytesIO(folder.joinpath("ngpc.npz").read_bytes())) as stored:
        for name, (grid, formats) in GRIDS.items():
            if (grid, formats) == (params.grid, params.formats):
                features = stored[f"grid_{name}"].astype(np.int64)
                positions, table = draw_grid(name)
                given = positions[:KEPT]
                found.append(GoldenGrid(name, meta["device"], given, table, features))
    return found


def reference_wrong(params: NfpParams, golden: GoldenGrid) -> int:
    """Return how many recorded features the reference does not give."""
    return int((FixedGrid(params)(golden.positions, golden.table) != golden.features).sum())


def probe(params: NfpParams, table: Array, feature: int) -> FixedData:
    """Return a network whose outputs are features ``feature``, ``feature + 1``, ...

    A feature passes the layers' ReLU as two neurons, one for each sign; exact but for the least
    negative number, whose opposite saturates. For one perceptron without output activation.
    """
    mlp = params.mlps[0]
    one = 1 << _ONE
    first, *middle, last = (np.zeros(shape, np.int64) for shape in mlp.shapes)
    for n in range(min(mlp.outputs, params.grid.outputs - feature)):
        first[feature + n, 2 * n], first[feature + n, 2 * n + 1] = one, -one
        last[2 * n, n], last[2 * n + 1, n] = one, -one
    for matrix in middle:
        np.fill_diagonal(matrix, one)
    weights = (first, *middle, last)
    return FixedData(table, (weights,), ((_ONE,) * len(weights),), ((0, 0),))
