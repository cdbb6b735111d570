"""Energy of a product on the matrix engine."""

from __future__ import annotations

from archsim.config.array import ArrayDevice
from archsim.mapping.array import plan
from archsim.mapping.array_lower import Product
from archsim.models.array.timing import Cycles


def static_and_dynamic(device: ArrayDevice, product: Product, cycles: Cycles, us: float) -> float:
    """Return joules: every MAC, every buffer byte written and read, every port byte, and leakage.

    Each issued word of A is read from its buffer and a word of B with it. Where weights stay in the
    array, a block's words of B are read once, and a row of sums is read and written for each word
    of A. Each beat in or out crosses its buffer and the memory interface. Padding counts: the array
    computes it.
    """
    params, power = device.params, device.power
    b_words = cycles.compute
    if params.weights_stay:
        job = plan(params, product.m, product.n, product.k)
        b_words = params.rows * job.groups * job.n_tiles * job.held
    words = (cycles.compute * params.a_word_bits + b_words * params.b_word_bits) // 8
    port = device.memory.bytes_per_cycle * (cycles.beats_in + cycles.beats_out)
    sram = words + 2 * port
    if params.weights_stay:
        sram += 2 * cycles.compute * params.columns * params.acc_bits // 8
    macs = cycles.compute * params.rows * params.columns
    picojoules = (
        macs * float(power.mac_pj)
        + sram * float(power.sram_pj_per_byte)
        + port * float(power.memory_pj_per_byte)
    )
    return product.count * picojoules * 1e-12 + float(power.static_w) * us * 1e-6
