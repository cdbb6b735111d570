"""What a GPU needs for grid encodings and fused perceptrons, the kernels that a cluster replaces.

Encoding: a warp looks up the corners of 32 positions at one level. It costs its SM the distinct
128-byte lines it touches, or its instructions; L2 serves the sectors that the first-level cache
misses, each once however many corners and lanes share it, and memory those that L2 misses.
Perceptron: tensor operations and the samples' bytes.

Two encodings are priced: `HALF`, our kernel (``workloads.kernels.ngpc_half``), calibrated on an
H200 (``workloads/measured/h200_neural.json``), and `RELEASE`, the arithmetic of tiny-cuda-nn's
release of 2022 (``ngpc_tcnn``), on an H100 (``h100_neural.json``): the sample counts in
``FITTED_COUNTS`` by ``scripts/calibrate_neural.py``. Other GPUs follow by their SMs, clock, tensor
rate, caches and memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from archsim.config.gpu import GpuDevice
from archsim.config.ngpc_grid import GridLevel, GridParams
from archsim.config.ngpc_params import MlpParams

FITTED_COUNTS = (1 << 16, 1 << 20)
"""Sample counts that the costs were fitted on; the others judge them."""

RAY_STEP = 3**0.5 / 1024
"""Distance between neighbouring samples of a ray in the unit cube."""


@dataclass(frozen=True)
class Order:
    """Where the samples of a warp lie in the unit cube.

    ``abreast`` neighbouring samples lie ``along`` apart on a ray, then comes a ray ``pitch`` beside
    it. 32 abreast: all on one ray.
    """

    abreast: float = 32.0
    along: float = RAY_STEP
    pitch: float = 0.0

    def lines(self, scale: float, entries: float) -> float:
        """Return the distinct lines of a warp for one corner where a cell is ``1 / scale`` wide.

        A line holds ``entries`` neighbours along x: a way of one cell's width in any direction
        meets half a cell's border along each axis.
        """
        length = 1 + (1.0 + 0.5 / entries) * self.abreast * self.along * scale
        return min(float(_WARP), length * self._width(scale, entries))

    def sectors(self, scale: float, entries: float) -> float:
        """Return the distinct sectors of a warp for all eight corners.

        A cell's corners lie in four rows along x, each in one sector of ``entries`` neighbours, or
        in two where the pair crosses its border. A step along the ray keeps those rows that both
        cells have, and meets a new sector of a kept row where x leaves the sector.
        """
        cell = 4 * (1 + 1 / entries)
        step = self.along * scale
        kept = max(0.0, 2 - step / 2) ** 2
        new = (4 - kept) * (1 + 1 / entries) + kept * min(1.0, 0.5 * step / entries)
        run = cell + (self.abreast - 1) * new
        return min(_WARP * cell, run * self._width(scale, entries))

    def _width(self, scale: float, entries: float) -> float:
        """How many times a ray's lines or sectors the rays of a warp have."""
        return 1 + (1.0 + 0.5 / entries) * (_WARP - self.abreast) * self.pitch * scale


ONE_RAY = Order()
_WARP = 32
_LINE = 128
_SECTOR = 32


@dataclass(frozen=True)
class GridCosts:
    """Clocks of an SM for a distinct line, a corner, its modulo where that is not every corner's,
    and a feature of it; L2's sector rate over the device's; and the microseconds of a launch.

    ``by_sample``: features are written sample by sample, levels apart, so that a warp writes a
    sector a lane, which spills beyond L2 at ``spill_factor`` of memory bandwidth; else level by
    level.
    """

    line_clk: float
    corner_clk: float
    modulo_clk: float
    feature_clk: float
    sector_factor: float
    launch_us: float
    by_sample: bool = False
    spill_factor: float = 1.0


@dataclass(frozen=True)
class PerceptronCosts:
    """Shares of the tensor peak and of memory bandwidth that a fused perceptron reaches, and the
    microseconds of a launch."""

    tensor_fraction: float = 0.5003
    stream_fraction: float = 1.337
    launch_us: float = 6.615


HALF = GridCosts(0.5076, 0.0, 15.11, 0.0, 0.673, 3.303, by_sample=True, spill_factor=1.081)
RELEASE = GridCosts(0.5076, 15.85, 0.0, 1.062, 0.8069, 2.232)
PERCEPTRON = PerceptronCosts()


def grid_us(
    device: GpuDevice,
    grid: GridParams,
    samples: int,
    *,
    along_rays: bool = True,
    order: Order = ONE_RAY,
    costs: GridCosts = RELEASE,
) -> float:
    """Return the microseconds of encoding ``samples`` positions from warm caches.

    ``along_rays``: neighbouring samples lie in ``order`` (2-D: in a row of pixels), else anywhere.
    """
    hz = float(device.clock.boost_hz)
    total = sum(
        _level_clk(device, grid, level, samples, order if along_rays else None, costs)
        for level in grid.tables
    )
    us = total / hz * 1e6
    if costs.by_sample:
        out_bytes = 2.0 * samples * grid.outputs
        capacity = float(device.l2.capacity_bytes)
        spilled = min(1.0, max(0.0, (out_bytes / capacity - 0.8) / 0.15))
        moved = spilled * samples * grid.levels * 2 * _SECTOR / costs.spill_factor
        us = math.hypot(us**0.75, (moved / _bandwidth(device) * 1e6) ** 0.75) ** (1 / 0.75)
    return us + costs.launch_us


def perceptron_us(
    device: GpuDevice, mlp: MlpParams, samples: int, costs: PerceptronCosts = PERCEPTRON
) -> float:
    """Return the microseconds of a fused perceptron of half weights for ``samples``."""
    hz = float(device.clock.boost_hz) * float(device.sm_count)
    tensor = 2 * mlp.macs * samples / (
        float(device.tensor.fp16_flop_per_clk) * hz * costs.tensor_fraction
    )  # fmt: skip
    moved = 2 * samples * (mlp.shapes[0][0] + mlp.shapes[-1][1])
    beyond = min(1.0, max(0.0, (moved / float(device.l2.capacity_bytes) - 0.4) / 0.6))
    stream = beyond * moved / (_bandwidth(device) * costs.stream_fraction)
    return (tensor + stream) * 1e6 + costs.launch_us


def _level_clk(
    device: GpuDevice, grid: GridParams, level: GridLevel, samples: int, order: Order | None,
    costs: GridCosts,
) -> float:  # fmt: skip
    """Clocks of the whole GPU for one level."""
    level_bytes = 2.0 * grid.features * level.entries
    missed = 1.0 - min(1.0, float(device.sm.l1_bytes) / level_bytes)
    lines, sectors = _touched(grid, level, samples, order, level_bytes)
    warp_bytes = 2.0 * grid.features * _WARP
    written = (_WARP, _WARP) if costs.by_sample else (warp_bytes / _LINE, warp_bytes / _SECTOR)
    lookups = (grid.corners * max(lines, warp_bytes / _LINE) + written[0]) * costs.line_clk
    modulo = 0.0 if level.hashed else costs.modulo_clk
    issue = grid.corners * (costs.corner_clk + modulo + grid.features * costs.feature_clk)
    warps = samples / _WARP
    sm = warps * (lookups**3 + issue**3) ** (1 / 3) / float(device.sm_count)
    fetched = warps * sectors * missed
    l2 = (fetched + warps * written[1]) / (float(device.l2.sectors_per_clk) * costs.sector_factor)
    beyond = 1.0 - min(1.0, float(device.l2.capacity_bytes) / level_bytes)
    hz = float(device.clock.boost_hz)
    scattered = float(device.memory_kernels.scattered_fraction)
    memory = fetched * beyond * _SECTOR / (_bandwidth(device) * scattered) * hz
    return float((sm**4 + l2**4 + memory**4) ** 0.25)


def _touched(
    grid: GridParams, level: GridLevel, samples: int, order: Order | None, level_bytes: float
) -> tuple[float, float]:
    """Distinct lines that a warp's 32 lanes look up for one corner, and sectors for all."""
    entry = 2.0 * grid.features
    held = _SECTOR / entry
    rows = grid.corners / 2
    if order is None:
        lines = level_bytes / _LINE
        return lines * -math.expm1(-_WARP / lines), rows * _WARP * (1 + 1 / held)
    if grid.dims == 2:
        span = _WARP / math.sqrt(samples) * level.resolution
        if level.hashed:
            found = min(float(_WARP), 1 + span)
            return found, rows * found * min(2.0, 1 + 1 / held)
        again = min(1.0, level.resolution / math.sqrt(samples))
        found = min(_WARP, span / held) * again
        return min(_WARP, 1 + span * entry / _LINE), rows * found * min(2.0, 1 + 1 / held)
    return order.lines(level.scale, _LINE / entry), order.sectors(level.scale, held)


def _bandwidth(device: GpuDevice) -> float:
    return float(device.memory.bandwidth_bytes_per_s)
