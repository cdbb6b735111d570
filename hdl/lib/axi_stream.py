"""AXI4-Stream on the outside, a registered stream of beats on the inside."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer
from hdl.lib.skid import SkidBuffer


def axi_stream_signature(data_bits: int) -> wiring.Signature:
    """Return AXI4-Stream as its transmitter sees it, with one keep bit a byte."""
    return wiring.Signature(
        {
            "tdata": Out(data_bits), "tkeep": Out(data_bits // 8), "tlast": Out(1),
            "tvalid": Out(1), "tready": In(1),
        }
    )  # fmt: skip


def beat_layout(data_bits: int) -> data.StructLayout:
    """Return a beat: ``data``, ``keep`` (a bit a byte) and ``last`` (the packet ends)."""
    return data.StructLayout({"data": data_bits, "keep": data_bits // 8, "last": 1})


def _check(data_bits: int) -> int:
    if integer("data_bits", data_bits, 8) % 8:
        raise ValueError(f"data_bits must be a multiple of 8, not {data_bits!r}")
    return data_bits


class AxiStreamReceiver(wiring.Component):
    """From an AXI4-Stream to a stream of beats; one cycle, every output a register.

    Parameter: ``data_bits``, a multiple of 8.

    Ports: ``axis``, AXI4-Stream, in; ``o``, stream of ``beat_layout(data_bits)``, out.
    """

    def __init__(self, *, data_bits: int) -> None:
        self.data_bits = _check(data_bits)
        super().__init__(
            {
                "axis": In(axi_stream_signature(data_bits)),
                "o": Out(stream.Signature(beat_layout(data_bits))),
            }
        )
        self.skid = SkidBuffer(width=beat_layout(data_bits).size)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.skid = skid = self.skid
        beat = beat_layout(self.data_bits)(skid.i.payload)
        m.d.comb += [
            beat.data.eq(self.axis.tdata),
            beat.keep.eq(self.axis.tkeep),
            beat.last.eq(self.axis.tlast),
            skid.i.valid.eq(self.axis.tvalid),
            self.axis.tready.eq(skid.i.ready),
            self.o.payload.eq(skid.o.payload),
            self.o.valid.eq(skid.o.valid),
            skid.o.ready.eq(self.o.ready),
        ]
        return m


class AxiStreamTransmitter(wiring.Component):
    """From a stream of beats to an AXI4-Stream; one cycle, every output a register.

    Parameter: ``data_bits``, a multiple of 8.

    Ports: ``i``, stream of ``beat_layout(data_bits)``, in; ``axis``, AXI4-Stream, out.
    """

    def __init__(self, *, data_bits: int) -> None:
        self.data_bits = _check(data_bits)
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(data_bits))),
                "axis": Out(axi_stream_signature(data_bits)),
            }
        )
        self.skid = SkidBuffer(width=beat_layout(data_bits).size)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.skid = skid = self.skid
        beat = beat_layout(self.data_bits)(skid.o.payload)
        m.d.comb += [
            skid.i.payload.eq(self.i.payload),
            skid.i.valid.eq(self.i.valid),
            self.i.ready.eq(skid.i.ready),
            self.axis.tdata.eq(beat.data),
            self.axis.tkeep.eq(beat.keep),
            self.axis.tlast.eq(beat.last),
            self.axis.tvalid.eq(skid.o.valid),
            skid.o.ready.eq(self.axis.tready),
        ]
        return m
