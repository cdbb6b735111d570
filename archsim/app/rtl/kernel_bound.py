"""A lower bound on the time of the recorded CUDA kernels, from the GPU's own constants."""

from __future__ import annotations

from typing import Any

TILE = 16
"""Rows, columns and depth of a block's tile (``workloads.kernels.matmul_int``)."""

MULTIPLIES = 3
"""32-bit multiplications in the low 64 bits of a 64-bit product."""

GPUS = {"NVIDIA H200": "h200"}
"""Name that the driver gives, and device file."""


def kernel_bound_us(device: Any, m: int, k: int, n: int) -> float:
    """Return microseconds that ``requantised_product`` needs at least for ``[m, k] x [k, n]``.

    ``device`` is a GPU device. Each of the tiles along k waits for its operands, an L2 hit away,
    and then multiplies ``TILE**3`` pairs in integer units; a barrier keeps the two apart within a
    block. The SM with most blocks multiplies for all of them. Launching is added. Instruction
    issue, latencies of shared memory and of dependent instructions are left out.
    """
    blocks = -(-m // TILE) * -(-n // TILE)
    busiest = -(-blocks // int(device.sm_count))
    multiply = MULTIPLIES * TILE**3 / float(device.sm.int32_op_per_clk)
    tile = max(busiest * multiply, float(device.l2.hit_cycles) + multiply)
    cycles = -(-k // TILE) * tile
    return float(device.launch.kernel_us) + 1e6 * cycles / float(device.clock.boost_hz)
