"""What a GPU needs for grid encodings and fused perceptrons, the kernels that a cluster replaces.

Encoding: a warp looks up the corners of 32 positions at one level. It costs its SM the distinct
128-byte lines it touches, or its instructions; L2 serves the sectors that the first-level cache
misses, memory those that L2 misses. Perceptron: tensor operations and the samples' bytes.

The costs are calibrated on an H200 (``workloads/measured/h200_neural.json``, the sample counts in
``FITTED_COUNTS``; ``scripts/calibrate_neural.py``) and carried to other GPUs by their SMs, clock,
tensor rate, caches and memory.
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

    def blocks(self, scale: float, entries: float) -> float:
        """Return the distinct blocks of a warp where a cell is ``1 / scale`` wide.

        A block holds ``entries`` neighbours along x, as a line or a sector does: a way of one
        cell's width in any direction meets half a cell's border along each axis.
        """
        met = 1.0 + 0.5 / entries
        length = 1 + met * self.abreast * self.along * scale
        width = 1 + met * (_WARP - self.abreast) * self.pitch * scale
        return min(float(_WARP), length * width)


ONE_RAY = Order()
_WARP = 32
_LINE = 128
_SECTOR = 32


@dataclass(frozen=True)
class KernelCosts:
    """Clocks of an SM for a distinct line, a warp at a level, and each corner's dense index;
    L2's sector rate over the device's; shares of the tensor peak and of memory bandwidth that a
    fused perceptron reaches; and the microseconds of a launch."""

    line_clk: float = 0.7586
    level_clk: float = 41.48
    dense_corner_clk: float = 10.75
    sector_factor: float = 1.065
    spill_factor: float = 1.117
    tensor_fraction: float = 0.5003
    stream_fraction: float = 1.337
    launch_us: float = 6.615


COSTS = KernelCosts()


def grid_us(
    device: GpuDevice,
    grid: GridParams,
    samples: int,
    *,
    along_rays: bool = True,
    order: Order = ONE_RAY,
    by_sample: bool = False,
    costs: KernelCosts = COSTS,
) -> float:
    """Return the microseconds of encoding ``samples`` positions from warm caches.

    ``along_rays``: neighbouring samples lie in ``order`` (2-D: in a row of pixels), else anywhere.
    ``by_sample``: features are written sample by sample, levels apart, as our kernel does; else
    level by level as tiny-cuda-nn.
    """
    hz = float(device.clock.boost_hz)
    total = sum(
        _level_clk(device, grid, level, samples, order if along_rays else None, by_sample, costs)
        for level in grid.tables
    )
    us = total / hz * 1e6
    if by_sample:
        out_bytes = 2.0 * samples * grid.outputs
        capacity = float(device.l2.capacity_bytes)
        spilled = min(1.0, max(0.0, (out_bytes / capacity - 0.8) / 0.15))
        moved = spilled * samples * grid.levels * 2 * _SECTOR / costs.spill_factor
        us = math.hypot(us**0.75, (moved / _bandwidth(device) * 1e6) ** 0.75) ** (1 / 0.75)
    return us + 3.0


def perceptron_us(
    device: GpuDevice, mlp: MlpParams, samples: int, costs: KernelCosts = COSTS
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
    by_sample: bool, costs: KernelCosts,
) -> float:  # fmt: skip
    """Clocks of the whole GPU for one level."""
    level_bytes = 2.0 * grid.features * level.entries
    missed = 1.0 - min(1.0, float(device.sm.l1_bytes) / level_bytes)
    lines, sectors = _touched(grid, level, samples, order, level_bytes)
    written = grid.outputs * 2 * _WARP / _LINE if by_sample else grid.features * 2 * _WARP / _LINE
    lookups = (grid.corners * lines + min(written, _WARP)) * costs.line_clk
    dense = 0.0 if level.hashed else costs.dense_corner_clk
    issue = costs.level_clk + grid.corners * dense
    warps = samples / _WARP
    sm = warps * (lookups**3 + issue**3) ** (1 / 3) / float(device.sm_count)
    fetched = warps * grid.corners * sectors * missed
    l2 = fetched / (float(device.l2.sectors_per_clk) * costs.sector_factor)
    beyond = 1.0 - min(1.0, float(device.l2.capacity_bytes) / level_bytes)
    hz = float(device.clock.boost_hz)
    scattered = float(device.memory_kernels.scattered_fraction)
    memory = fetched * beyond * _SECTOR / (_bandwidth(device) * scattered) * hz
    return float((sm**4 + l2**4 + memory**4) ** 0.25)


def _touched(
    grid: GridParams, level: GridLevel, samples: int, order: Order | None, level_bytes: float
) -> tuple[float, float]:
    """Distinct lines, and sectors, that a warp's 32 lanes look up for one corner."""
    if order is None:
        lines = level_bytes / _LINE
        return lines * -math.expm1(-_WARP / lines), float(_WARP)
    entry = 2.0 * grid.features
    if grid.dims == 2:
        span = _WARP / math.sqrt(samples) * level.resolution
        if level.hashed:
            return min(_WARP, 1 + span), min(_WARP, 1 + span)
        again = min(1.0, level.resolution / math.sqrt(samples))
        return min(_WARP, 1 + span * entry / _LINE), min(_WARP, span * entry / _SECTOR) * again
    return order.blocks(level.scale, _LINE / entry), order.blocks(level.scale, _SECTOR / entry)


def _bandwidth(device: GpuDevice) -> float:
    return float(device.memory.bandwidth_bytes_per_s)
