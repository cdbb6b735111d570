"""Fixed-point steps: rounded shifts, saturation, normalising, interpolated tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib.memory import Memory

from hdl.lib.counting import delayed


def round_shifted(value: Value, shift: int, mode: str) -> Value:
    """Return signed ``value / 2**shift`` rounded as ``archsim.numeric.round_shift`` defines it."""
    if shift == 0:
        return value
    if mode == "floor":
        return value >> shift
    half = Const(1 << (shift - 1))
    if mode == "half_away":
        return (value + half - (value < 0)) >> shift
    if mode == "half_even":
        return (value + half - ~(value >> shift)[0]) >> shift
    return (value + half) >> shift


def clamped(value: Value, bits: int, is_signed: bool = True) -> Value:
    """Return ``value`` clamped to ``bits`` bits; an unsigned range takes no negative ``value``."""
    if is_signed:
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        return Mux(value > high, high, Mux(value < low, low, value))
    high = (1 << bits) - 1
    return Mux(value > high, high, value)


def leading_one(m: Module, value: Value, name: str = "leading") -> Signal:
    """Return the position of the highest set bit, 0 for 0, without a register."""
    position = Signal(range(max(2, len(value))), name=name)
    for n in range(len(value)):
        with m.If(value[n]):
            m.d.comb += position.eq(n)
    return position


INTERPOLATION_CYCLES = 3


def interpolated(m: Module, table: Sequence[int], index: Value, position: Value) -> Signal:
    """Return ``archsim.numeric.interpolate`` of the table's segment ``index``, 3 cycles later.

    ``position`` has the segment's position bits (0 or more); an ``index`` at or past the last
    entry must not be used. One read of a ROM that holds each segment's start and rise.
    """
    rises = [high - low for low, high in pairwise(table)]
    value_bits = max(table).bit_length()
    rise_bits = max(*rises, -min(rises) - 1).bit_length() + 1
    mask = (1 << rise_bits) - 1
    rows = [low | ((rise & mask) << value_bits) for low, rise in zip(table, rises, strict=False)]
    m.submodules.table = rom = Memory(shape=value_bits + rise_bits, depth=len(rows), init=rows)
    read = rom.read_port()
    m.d.comb += [read.en.eq(1), read.addr.eq(index)]
    place = delayed(m, Cat(position, Const(0, 1)).as_signed(), 1, "position")
    product = Signal(signed(rise_bits + len(position) + 1), name="product")
    result = Signal(value_bits, name="interpolated")
    start = delayed(m, read.data[:value_bits], 1, "start")
    m.d.sync += [
        product.eq(read.data[value_bits:].as_signed() * place),
        result.eq(start + round_shifted(product, len(position), "half_up")),
    ]
    return result
