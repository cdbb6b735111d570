"""Streaming kernels: elementwise functions, casts and copies.

Parameters: 0 bytes read, 1 bytes written, 2 warp instructions, 3 CTAs, 4 inputs, 5 kind (``SIMPLE``
to ``COPY``), 6 for a copy whether it ends inside a page, for a cast and a kernel of index
arithmetic the elements of a thread, for a vectorised kernel whether its last CTA is not full.
"""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.common import (
    attribute,
    bound_compute,
    dispatch_us,
    issue_us,
    l2_stream_us,
    log2,
    overlap,
    rewritten,
    round_trip_clk,
    start,
    tail_us,
    to_us,
    traffic,
    traffic_us,
)
from archsim.models.gpu.plan import COMPUTE, ENERGY_J, HBM, L2, RESIDENT

SIMPLE = 0  # a function of a few instructions
MATH = 1  # a transcendental function
STRIDED = 2  # operands addressed by index arithmetic
CAST = 3  # a widening cast, element by element
COPY = 4  # device to device, by the driver

LAST_TRIP = 0.5
"""Round trips that a kernel of index arithmetic exposes beside those of its loads, which wait for
each other."""

FITTED_SMS = 132.0
"""SMs of the device that the spread of instruction fetches was fitted on: a device of more SMs must
not be slower for it."""

SMALL_COPY_BYTES = 1e6
"""Copies below this size run in a kernel of fewer CTAs."""


@lean
def _fixed_us(dev: Any, p: Any) -> float:
    """Time of a kernel that moves next to nothing, beside launch and the round trip."""
    kind = int(p[5])
    if kind == COPY:
        late = p[6] if p[1] > SMALL_COPY_BYTES else 0.0
        tail = dev.memory_kernels_stream_copy_tail_us
        tail += p[RESIDENT] * (dev.memory_kernels_stream_copy_tail_held_us - tail)
        return dev.memory_kernels_stream_copy_us + late * tail
    us = dev.memory_kernels_stream_fixed_us
    us += (p[4] - 1.0) * dev.memory_kernels_stream_operand_us
    if kind == MATH:
        us += dev.memory_kernels_stream_math_us
    if kind == STRIDED:
        us += dev.memory_kernels_stream_strided_us
    elif kind == CAST:
        us += p[6] * dev.memory_kernels_stream_cast_us
    else:
        us += p[6] * dev.memory_kernels_stream_remainder_us
    return us


@lean
def _trips(p: Any) -> float:
    """Round trips to memory that nothing hides: some kernels load their elements one by one."""
    kind = int(p[5])
    if kind == STRIDED:
        return p[6] + LAST_TRIP
    return p[6] if kind == CAST else 1.0


@lean
def code_us(dev: Any, p: Any) -> float:
    """Return what fetching its instructions adds to a kernel after others.

    Every SM fetches them by itself. Kernels without vector loads have many: the slowest of more
    SMs is slower, as long as the others have nothing else to do meanwhile.
    """
    us = dev.memory_kernels_stream_code_us
    if int(p[5]) in (STRIDED, CAST):
        waiting = min(2.0 * FITTED_SMS / p[3], 1.0)
        spread = dev.memory_kernels_stream_code_spread_us * waiting
        us += spread * log2(min(p[3], FITTED_SMS))
    return float(us)


@lean
def time_stream(dev: Any, p: Any, out: Any) -> None:
    """Price one streaming kernel: memory against instruction issue, plus fill and drain."""
    resident = p[RESIDENT]
    start(dev, out)
    traffic(dev, out, p[0], p[1], resident)
    instructions = p[2] * dev.memory_kernels_stream_slot_factor
    bound_compute(out, issue_us(dev, instructions))
    out[COMPUTE] = max(issue_us(dev, instructions), dispatch_us(dev, p[3]))
    out[L2] = l2_stream_us(dev, p[0] + p[1])
    if int(p[5]) == COPY and p[1] < SMALL_COPY_BYTES:
        small = (p[0] + p[1]) / dev.memory_kernels_stream_copy_small_bytes_per_s * 1e6
        out[L2] = max(out[L2], small)
    out[HBM] = traffic_us(dev, p, p[0] * (1.0 - resident), p[1] - rewritten(dev, p, p[1]))
    memory = max(out[L2], out[HBM])
    body = overlap(out[COMPUTE], memory, dev.memory_kernels_overlap_power)
    out[ENERGY_J] = instructions * dev.power_instruction_pj * 1e-12
    exposed = _fixed_us(dev, p)
    if p[0] > 0.0:
        trips = _trips(p)
        exposed += to_us(dev, trips * round_trip_clk(dev, resident))
        exposed += tail_us(dev, p[3], resident)
    attribute(out, body, exposed)
