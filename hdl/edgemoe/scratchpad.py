"""Activations on chip: a memory whose accesses are runs of granules from any granule on."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import ELEMENT_BITS, Layout
from hdl.lib.memory import BufferMemory


class Scratchpad(wiring.Component):
    """``granules`` granules in ``banks`` banks: granule n lies in bank n mod ``banks``.

    One read and one write a cycle. A granule that is written in the cycle of its read reads as
    anything. Granules behind the last that were asked for read as anything.

    Ports:

    * ``i``: stream of granule addresses, in; ``o``: stream of ``width`` elements, out, the granule
      of the address lowest, one cycle later.
    * ``write`` (1, in), ``write_address``, ``write_data`` (``width`` elements) and ``write_count``:
      the lowest ``write_count`` granules of the data are stored from the address on.
    """

    def __init__(self, layout: Layout, granules: int, *, verilog: bool = False) -> None:
        self.layout = layout
        self.verilog = verilog
        self.rows = max(2, -(-granules // layout.banks) + 1)
        self.word_bits = layout.granule * ELEMENT_BITS
        bits = layout.banks * self.word_bits
        super().__init__(
            {
                "i": In(stream.Signature(layout.address_bits)),
                "o": Out(stream.Signature(bits)),
                "write": In(1),
                "write_address": In(layout.address_bits),
                "write_count": In(range(layout.banks + 1)),
                "write_data": In(bits),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        banks = self.layout.banks
        shift = banks.bit_length() - 1
        take = Signal()
        turn = Signal(max(1, shift))
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            take.eq(self.i.valid & self.i.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        with m.If(take):
            m.d.sync += turn.eq(self.i.payload[:shift] if shift else 0)
        words = []
        for bank in range(banks):
            memory = BufferMemory(width=self.word_bits, depth=self.rows, verilog=self.verilog)
            m.submodules[f"bank_{bank}"] = memory
            place = Signal(max(1, shift), name=f"place_{bank}")  # of the run, which lies here
            m.d.comb += [
                memory.read_en.eq(take),
                memory.read_addr.eq(self._row(self.i.payload, bank)),
                place.eq(bank - self.write_address[:shift] if shift else 0),
                memory.write_en.eq(self.write & (place < self.write_count)),
                memory.write_addr.eq(self._row(self.write_address, bank)),
                memory.write_data.eq(self.write_data.word_select(place, self.word_bits)),
            ]
            words.append(memory.read_data)
        m.d.comb += self.o.payload.eq(_turned(words, turn) if shift else words[0])
        return m

    def _row(self, address: Value, bank: int) -> Value:
        """Return the row of ``bank`` in which the run's granule of that bank lies."""
        banks = self.layout.banks
        return (address + (banks - 1 - bank))[banks.bit_length() - 1 :]


def _turned(words: list[Value], turn: Signal) -> Value:
    """Return ``words`` from number ``turn`` on and around."""
    for bit in range(len(turn)):
        by = 1 << bit
        moved = words[by:] + words[:by]
        words = [Mux(turn[bit], b, a) for a, b in zip(words, moved, strict=True)]
    return Cat(words)
