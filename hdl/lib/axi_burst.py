"""Cuts transfers into the bursts that AXI4 allows."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer

PAGE_BYTES = 4096
"""No burst may cross a multiple of this (AMBA AXI, A3.4.1)."""

MAX_BURST = 256
"""Beats of the longest INCR burst."""


def request_layout(address_bits: int, count_bits: int) -> data.StructLayout:
    """Return a transfer: byte ``address``, aligned to a beat, and ``beats`` (0 does nothing)."""
    return data.StructLayout({"address": address_bits, "beats": count_bits})


def burst_layout(address_bits: int) -> data.StructLayout:
    """Return a burst: ``address``, ``length`` (beats less one), ``last`` of its transfer."""
    return data.StructLayout({"address": address_bits, "length": 8, "last": 1})


class BurstSplitter(wiring.Component):
    """One transfer becomes the fewest bursts in address order that AXI4 allows.

    A burst has at most ``max_burst`` beats and lies in one 4096-byte page. The first burst is on
    ``o`` in the cycle after its transfer; one burst a cycle follows. Address bits below a beat
    are taken as 0.

    Parameters: ``address_bits`` (13 to 64), ``count_bits`` (1 to 32), ``beat_bytes`` (a power of
    two up to 128), ``max_burst`` (1 to 256).

    Ports: ``i``, stream of ``request_layout``, in, ready while no transfer is in work;
    ``o``, stream of ``burst_layout``, out.
    """

    def __init__(
        self, *, address_bits: int, count_bits: int, beat_bytes: int, max_burst: int = MAX_BURST
    ) -> None:
        self.address_bits = integer("address_bits", address_bits, 13, 64)
        self.count_bits = integer("count_bits", count_bits, 1, 32)
        self.beat_bytes = integer("beat_bytes", beat_bytes, 1, 128)
        if beat_bytes & (beat_bytes - 1):
            raise ValueError(f"beat_bytes must be a power of two, not {beat_bytes!r}")
        self.max_burst = integer("max_burst", max_burst, 1, MAX_BURST)
        super().__init__(
            {
                "i": In(stream.Signature(request_layout(address_bits, count_bits))),
                "o": Out(stream.Signature(burst_layout(address_bits))),
            }
        )
        self.offset_bits = beat_bytes.bit_length() - 1
        self.beat = Signal(address_bits - self.offset_bits)  # number of the next beat in memory
        self.remaining = Signal(count_bits)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        page_beats = PAGE_BYTES // self.beat_bytes
        beats = Signal(range(max(page_beats, MAX_BURST) + 1))
        room = Signal(range(page_beats + 1))
        limit = Signal(range(MAX_BURST + 1))
        last = Signal()
        m.d.comb += [
            room.eq(page_beats - self.beat[: page_beats.bit_length() - 1]),
            limit.eq(Mux(room < self.max_burst, room, self.max_burst)),
            last.eq(self.remaining <= limit),
            beats.eq(Mux(last, self.remaining, limit)),
            self.i.ready.eq(self.remaining == 0),
            self.o.valid.eq(self.remaining != 0),
            self.o.payload.address.eq(Cat(Const(0, self.offset_bits), self.beat)),
            self.o.payload.length.eq(beats - 1),
            self.o.payload.last.eq(last),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.beat.eq(self.i.payload.address[self.offset_bits :]),
                self.remaining.eq(self.i.payload.beats),
            ]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [
                self.beat.eq(self.beat + beats),
                self.remaining.eq(self.remaining - beats),
            ]
        return m
