"""Clock and power in steady state: an operator in a loop until the board has settled.

Energy is idle power, the leakage and control of busy SMs, and switching energy per operation and
byte. Switching energy of the SMs and L2 follows voltage and so the clock; memory has its own
supply. Where the boost clock would need more than the limit, the clock falls until it does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from archsim.models.gpu import plan as plans

LOWEST_CLOCK = 0.35
"""Share of the boost clock below which the model does not look."""


@dataclass(frozen=True, slots=True)
class Sustained:
    """One iteration of an operator in an endless loop: time, energy, power and clock."""

    us: float
    joules: float
    watts: float
    sm_clock_hz: float


@dataclass(frozen=True, slots=True)
class Load:
    """What an operator asks of the board: times and switching energies at the boost clock.

    ``clocked_us`` follows the SM clock, ``memory_us`` does not; ``core_j`` is switched in SMs and
    L2, ``memory_j`` in device memory. ``gap_us`` is the idle time between the kernels, and
    ``host_us`` the least time in which the host launches them. ``counted`` is what the limiter of
    the clock takes ``core_j`` for, relative to it.
    """

    clocked_us: float
    memory_us: float
    core_j: float
    memory_j: float
    gap_us: float
    host_us: float
    counted: float = 1.0


def load_of(dev: Any, out: np.ndarray[Any, Any], host_us: float, entropy: float) -> Load:
    """Return the load of an operator's kernels ``out[kernel, column]``.

    ``entropy`` is 1 for random operands and 0 for zeros, which switch
    ``power.zero_operand_fraction`` of the energy. The limiter of the clock acts within 50 ms, long
    before measured board power follows, on activity that it counts: zeros pass for more
    (``power.limiter_zero_fraction``).
    """
    columns = out.sum(axis=0)
    zeros = float(dev["power_zero_operand_fraction"])
    switching = zeros + (1.0 - zeros) * entropy
    seen = float(dev["power_limiter_zero_fraction"])
    counted = max(seen + (1.0 - seen) * entropy, switching)
    memory_j = columns[plans.HBM_BYTES] * float(dev["power_hbm_pj_per_byte"]) * 1e-12
    memory_us = columns[plans.HBM]
    return Load(
        clocked_us=float(columns[: plans.TERMS_US].sum() - memory_us),
        memory_us=float(memory_us),
        core_j=float(columns[plans.ENERGY_J] - memory_j) * switching,
        memory_j=float(memory_j) * switching,
        gap_us=len(out) * float(dev["launch_stream_gap_us"]),
        host_us=host_us,
        counted=counted / switching if switching > 0.0 else 1.0,
    )


@dataclass(frozen=True, slots=True)
class _Board:
    """The device's power constants as plain numbers."""

    boost_hz: float
    limit_w: float
    idle_w: float
    active_w: float
    exponent: float

    @classmethod
    def of(cls, dev: Any) -> _Board:
        """Read them from a device's record."""
        return cls(
            float(dev["clock_boost_hz"]),
            float(dev["power_limit_w"]) * float(dev["power_limit_fraction"]),
            float(dev["power_idle_w"]),
            float(dev["power_active_sm_w"]) * float(dev["sm_count"]),
            float(dev["power_clock_exponent"]),
        )

    def at_clock(
        self, load: Load, share: float, core_j: float | None = None
    ) -> tuple[float, float]:
        """Return time (us) and energy (J) of one iteration at ``share`` of the boost clock;
        ``core_j`` is what SMs and L2 switch, where that is not the load's."""
        busy_us = load.memory_us + load.clocked_us / share
        us = max(busy_us + load.gap_us, load.host_us)
        volts = share ** (self.exponent - 1.0)
        static_j = (self.idle_w * us + self.active_w * busy_us * volts * share) * 1e-6
        switched = load.core_j if core_j is None else core_j
        return us, static_j + switched * volts + load.memory_j

    def within(self, load: Load, share: float) -> bool:
        """Return whether the limiter lets ``load`` run at ``share`` of the boost clock."""
        us, joules = self.at_clock(load, share, load.core_j * load.counted)
        return joules / us * 1e6 <= self.limit_w


def at_boost(dev: Any, load: Load) -> Sustained:
    """Return one iteration of ``load`` at the boost clock, whatever its power."""
    board = _Board.of(dev)
    us, joules = board.at_clock(load, 1.0)
    return Sustained(us, joules, joules / us * 1e6, board.boost_hz)


REPLAYS = 10
"""Iterations before the one that counts: the median of 20 replays, as ``archsim measure`` takes."""


def replay(dev: Any, load: Load, steady: Sustained) -> Sustained:
    """Return one of a few iterations of ``load``, begun at the boost clock.

    The clock moves towards ``steady`` with the time constant ``power.settle_us``.
    """
    first = at_boost(dev, load)
    moved = 1.0 - math.exp(-REPLAYS * first.us / float(dev["power_settle_us"]))
    us = first.us + (steady.us - first.us) * moved
    joules = first.joules + (steady.joules - first.joules) * moved
    clock_hz = first.sm_clock_hz + (steady.sm_clock_hz - first.sm_clock_hz) * moved
    return Sustained(us, joules, joules / us * 1e6, clock_hz)


def settle(dev: Any, load: Load) -> Sustained:
    """Return the steady state of ``load``: the highest clock whose power is within the limit."""
    board = _Board.of(dev)
    share = 1.0
    if not board.within(load, share):
        low, high = LOWEST_CLOCK, 1.0
        for _ in range(30):
            share = 0.5 * (low + high)
            low, high = (share, high) if board.within(load, share) else (low, share)
    us, joules = board.at_clock(load, share)
    return Sustained(us, joules, joules / us * 1e6, share * board.boost_hz)
