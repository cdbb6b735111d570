"""What comes from external memory with a descriptor: kept until its unit takes it."""

from __future__ import annotations

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.edgemoe_layout import ELEMENT_BITS, LINEAR, LOAD, NORM, PIXELS, Layout
from hdl.lib.fifo import StreamFifo
from hdl.lib.widen import Gearbox


def payload_bits(layout: Layout) -> dict[str, tuple[int, int]]:
    """Return opcode and bits of a word of each kind of payload."""
    p = layout.params
    return {
        "weights": (LINEAR, 16 * p.tile_out),
        "scales": (NORM, 2 * layout.norm_lanes * p.formats.norm.bits),
        "tokens": (LOAD, layout.granule * ELEMENT_BITS),
        "pixels": (PIXELS, 8 * layout.pixel_run),
    }


class Payload(wiring.Component):
    """A FIFO of beats, shared out to the unit whose descriptor is at work.

    A unit's words lie one behind the other from the lowest bit of its descriptor's first beat on;
    the last beat is filled up. Between two descriptors nothing of a beat is kept.

    Ports:

    * ``i``: stream of beats, in.
    * ``start`` (1, in) with ``beats``: so many belong to the descriptor that starts; ``opcode``
      (in, stable) chooses who gets them, ``discard`` (1, in) that nobody does any more: what is
      there goes at once.
    * ``weights``, ``scales``, ``tokens``, ``pixels``: streams of words, out.
    * ``done`` (1, out): all beats of the descriptor were taken.
    """

    def __init__(self, layout: Layout, *, verilog: bool = False) -> None:
        self.layout = layout
        self.verilog = verilog
        self.beat_bits = 8 * layout.port_bytes
        self.words = payload_bits(layout)
        super().__init__(
            {
                "i": In(stream.Signature(self.beat_bits)),
                "start": In(1),
                "beats": In(32),
                "opcode": In(4),
                "discard": In(1),
                "done": Out(1),
                **{n: Out(stream.Signature(bits)) for n, (_, bits) in self.words.items()},
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.fifo = fifo = StreamFifo(
            width=self.beat_bits, depth=self.layout.payload_beats, skip_bits=32,
            verilog=self.verilog,
        )  # fmt: skip
        left = Signal(32)
        connect(m, flipped(self.i), fifo.i)
        m.d.comb += self.done.eq(left == 0)
        for name, (opcode, bits) in self.words.items():
            out = getattr(self, name)
            mine = Signal(name=f"{name}_mine")
            m.d.comb += mine.eq((left != 0) & ~self.discard & (self.opcode == opcode))
            if bits == self.beat_bits:
                m.d.comb += [out.payload.eq(fifo.o.payload), out.valid.eq(mine & fifo.o.valid)]
                with m.If(mine):
                    m.d.comb += fifo.o.ready.eq(out.ready)
                continue
            box = Gearbox(in_bits=self.beat_bits, out_bits=bits)
            m.submodules[name] = ResetInserter(self.start)(box)
            m.d.comb += [
                box.i.payload.eq(fifo.o.payload), box.i.valid.eq(mine & fifo.o.valid),
                out.payload.eq(box.o.payload), out.valid.eq(box.o.valid), box.o.ready.eq(out.ready),
            ]  # fmt: skip
            with m.If(mine):
                m.d.comb += fifo.o.ready.eq(box.i.ready)
        with m.If(self.discard):
            m.d.comb += fifo.skip.eq(left)
        with m.If(self.start):
            m.d.sync += left.eq(self.beats)
        with m.Elif(self.discard):
            m.d.sync += left.eq(left - fifo.skipped)
        with m.Elif(fifo.o.valid & fifo.o.ready):
            m.d.sync += left.eq(left - 1)
        return m
