"""Energy of a product on the matrix engine."""

from __future__ import annotations

from archsim.config.array import ArrayDevice
from archsim.mapping.array_lower import Product
from archsim.models.array.timing import Cycles


def static_and_dynamic(device: ArrayDevice, product: Product, cycles: Cycles, us: float) -> float:
    """Return joules: every MAC, every buffer byte written and read, every port byte, and leakage.

    An issued k reads one word of each operand buffer; each beat in or out crosses its buffer and
    the memory interface. Padding counts: the array computes it.
    """
    params, power = device.params, device.power
    words = cycles.compute * (params.a_word_bits + params.b_word_bits) // 8
    port = device.memory.bytes_per_cycle * (cycles.beats_in + cycles.beats_out)
    sram = words + 2 * port
    macs = cycles.compute * params.rows * params.columns
    picojoules = (
        macs * float(power.mac_pj)
        + sram * float(power.sram_pj_per_byte)
        + port * float(power.memory_pj_per_byte)
    )
    return product.count * picojoules * 1e-12 + float(power.static_w) * us * 1e-6
