"""A deep memory as slices of block RAM, each with a register before the slices are told apart."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import delayed
from hdl.lib.memory import BufferMemory

SLICE_WORDS = 2048
"""Words of a slice: what a block RAM holds at nine bits, so none is chosen before the register."""


class DeepMemory(wiring.Component):
    """``depth`` words of ``width`` bits, one read a cycle.

    Ports: ``write_en`` (1), ``write_addr``, ``write_data`` (width), in; ``read_addr``, in;
    ``read_data`` (width, out): the word asked for ``CYCLES`` cycles ago. A word being written reads
    as anything.
    """

    CYCLES = 4
    """The address's register, block RAM, its register, and the choice of a slice."""

    def __init__(self, *, width: int, depth: int, verilog: bool = False) -> None:
        self.slices = [
            BufferMemory(width=width, depth=min(SLICE_WORDS, depth - first), verilog=verilog)
            for first in range(0, depth, SLICE_WORDS)
        ]
        bits = max(1, (depth - 1).bit_length())
        super().__init__(
            {
                "write_en": In(1),
                "write_addr": In(bits),
                "write_data": In(width),
                "read_addr": In(bits),
                "read_data": Out(width),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        inner = SLICE_WORDS.bit_length() - 1
        held = []
        address = Signal.like(self.read_addr, name="address", reset_less=True)
        m.d.sync += address.eq(self.read_addr)
        for number, part in enumerate(self.slices):
            m.submodules[f"slice_{number}"] = part
            word = Signal(len(self.read_data), name=f"word_{number}", reset_less=True)
            m.d.comb += [
                part.write_en.eq(self.write_en & (self.write_addr[inner:] == number)),
                part.write_addr.eq(self.write_addr[:inner]),
                part.write_data.eq(self.write_data),
                part.read_en.eq(1),
                part.read_addr.eq(address[:inner]),
            ]
            m.d.sync += word.eq(part.read_data)
            held.append(word)
        chosen = Signal(len(self.read_data), name="chosen", reset_less=True)
        if len(held) == 1:
            m.d.sync += chosen.eq(held[0])
        else:
            upper = Signal(len(address) - inner)
            m.d.comb += upper.eq(address[inner:])
            m.d.sync += chosen.eq(Array(held)[delayed(m, upper, 2, "slice")])
        m.d.comb += self.read_data.eq(chosen)
        return m
