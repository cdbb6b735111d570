"""Silicon area and energy of a cluster, from the constants of its device file."""

from __future__ import annotations

from archsim.config.ngpc import NgpcDevice
from archsim.models.ngpc.processor import SECTOR_BYTES, Processor

MIB = 1 << 20


def area_mm2(device: NgpcDevice) -> float:
    """Return the area of all processors: grid memory, its lanes, multiply-accumulators."""
    choice, area = device.encoding, device.area
    engines = -(-device.grid.levels // choice.levels_per_engine)
    memory = engines * choice.sram_bytes / MIB * float(area.sram_mm2_per_mib)
    lanes = engines * choice.banks * float(area.lane_um2) * 1e-6
    macs = device.perceptron.rows * device.perceptron.columns * float(area.mac_um2) * 1e-6
    return device.cluster.processors * (memory + lanes + macs)


def sample_pj(device: NgpcDevice, cost: Processor, grid_word_bytes: float, moved: float) -> float:
    """Return the dynamic energy of a sample; ``moved`` bytes cross to and from L2."""
    power = device.power
    grid = cost.words * grid_word_bytes * float(power.sram_pj_per_byte)
    arithmetic = cost.macs * float(power.mac_pj)
    l2 = (moved + cost.spilled_words * SECTOR_BYTES) * float(power.l2_pj_per_byte)
    return grid + arithmetic + l2


def static_w(device: NgpcDevice) -> float:
    """Return the leakage of the cluster."""
    return area_mm2(device) * float(device.power.static_w_per_mm2)
