"""Plans of kernels with many CTAs, from what their launch configuration says."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from archsim.graph.ops import OpSpec
from archsim.models.gpu.plan import QUEUE, Plan
from archsim.models.gpu.vector import leaf_paths


class Cta(NamedTuple):
    """A launch and what one CTA does.

    ``trips`` are the exposed round trips to memory at the start, ``step_trips`` those of a step.
    ``sectors`` are L2 sectors fetched one by one (whole kernel), ``random_bytes`` what random
    rows read from memory, ``atomics`` atomic additions onto ``targets`` addresses, ``wide`` marks
    4-byte elements, ``again_bytes`` is read a second time, ``lines`` are distinct 128-byte lines
    that a CTA looks up.
    """

    ctas: float
    threads: float
    registers: float
    shared_bytes: float
    steps: float
    warps: float
    warp_steps: float
    trips: float = 1.0
    step_trips: float = 0.0
    sectors: float = 0.0
    random_bytes: float = 0.0
    atomics: float = 0.0
    targets: float = 1.0
    wide: bool = False
    again_bytes: float = 0.0
    lines: float = 0.0


@cache
def place(kernel: str) -> float:
    """Return where the constants of ``memory_kernels.<kernel>`` start in a device record."""
    return float(leaf_paths().index(f"memory_kernels.{kernel}.start_clk"))


def ceil_div(a: int, b: int) -> int:
    """Return ``a / b`` rounded up."""
    return -(-a // b)


def power_below(n: int) -> int:
    """Return the largest power of two up to ``n``."""
    return 1 << (max(n, 1).bit_length() - 1)


def queued(
    name: str,
    kernel: str,
    cta: Cta,
    spec: OpSpec,
    read_bytes: float | None = None,
    written_bytes: float | None = None,
) -> Plan:
    """Return the plan of one kernel of ``spec``; its traffic is the operator's by default.

    The order of the numbers is that of ``queue``'s parameter names.
    """
    params = (
        place(kernel), cta.ctas, cta.threads, cta.registers, cta.shared_bytes, cta.steps,
        cta.warps, cta.warp_steps,
        spec.bytes_read if read_bytes is None else read_bytes,
        spec.bytes_written if written_bytes is None else written_bytes,
        cta.trips, cta.step_trips, cta.sectors, cta.random_bytes, cta.atomics, cta.targets,
        cta.wide, cta.again_bytes, cta.lines,
    )  # fmt: skip
    config = {"grid": int(cta.ctas), "block": int(cta.threads)}
    return Plan(name, QUEUE, params, spec.flops, config)
