"""Reads the descriptor list, and the payload of its descriptors ahead of their turn."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import (
    DESCRIPTOR_BYTES,
    END,
    FIELDS,
    STORE,
    TASK,
    Layout,
)
from hdl.lib.axi_burst import request_layout
from hdl.lib.axi_master import read_layout
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.widen import Widener

ADDRESS_BITS = 64
COUNT_BITS = 32
AHEAD = 16
"""Descriptors that wait for their turn, their payload read or on its way."""

DESCRIPTOR = data.FlexibleLayout(
    8 * DESCRIPTOR_BYTES, {name: data.Field(bits, low) for name, (low, bits) in FIELDS.items()}
)
KEPT = tuple(name for name in FIELDS if name != "task_stride")
"""Fields that the sequencer needs."""

STEP = data.StructLayout({**{name: FIELDS[name][1] for name in KEPT}, "loaded": 1})
"""A descriptor for the sequencer; ``loaded``: its payload comes, else it was left out."""


class Fetcher(wiring.Component):
    """Walks through a list until its end; the reader gets one transfer after the other.

    A descriptor's successor is asked for before its payload, so that the memory never waits for a
    decision. The payload of an expert without tokens is left out where the routing is known.

    Ports:

    * ``start`` (1, in) with ``list`` (byte address). The first task is 0.
    * ``request``: stream of transfers, out; ``data``: stream of beats read, in.
    * ``payload``: stream of beats, out. ``step``: stream of ``STEP``, out.
    * ``routed`` (a bit an expert, in): experts that have tokens; ``gates`` (4, in): gates whose
      routing is known, counted around.
    * ``failed`` (1, out): a read failed. Idle 0.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.beat_bits = 8 * layout.port_bytes
        self.descriptor_beats = max(1, DESCRIPTOR_BYTES // layout.port_bytes)
        super().__init__(
            {
                "start": In(1),
                "list": In(ADDRESS_BITS),
                "request": Out(stream.Signature(request_layout(ADDRESS_BITS, COUNT_BITS))),
                "data": In(stream.Signature(read_layout(self.beat_bits))),
                "payload": Out(stream.Signature(self.beat_bits)),
                "step": Out(stream.Signature(STEP)),
                "routed": In(layout.params.experts),
                "gates": In(4),
                "failed": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.steps = steps = SmallFifo(
            width=len(Value.cast(self.step.payload)), depth=AHEAD
        )
        m.submodules.words = words = Widener(width=8 * DESCRIPTOR_BYTES, beat_bits=self.beat_bits)
        kinds = self._share_out(m, words)
        m.d.comb += [
            self.step.valid.eq(steps.o.valid), steps.o.ready.eq(self.step.ready),
            Value.cast(self.step.payload).eq(steps.o.payload),
        ]  # fmt: skip
        self._walk(m, words, steps, kinds)
        return m

    def _share_out(self, m: Module, words: Widener) -> SmallFifo:
        """Send beats where their transfer belongs; return the FIFO of kinds of transfers."""
        m.submodules.kinds = kinds = SmallFifo(width=1, depth=4)  # 1: payload
        is_payload = kinds.o.payload[0]
        beat = self.data.payload
        m.d.comb += [
            words.i.payload.eq(beat.data), self.payload.payload.eq(beat.data),
            words.i.valid.eq(self.data.valid & kinds.o.valid & ~is_payload),
            self.payload.valid.eq(self.data.valid & kinds.o.valid & is_payload),
            self.data.ready.eq(
                kinds.o.valid & Mux(is_payload, self.payload.ready, words.i.ready)
            ),
            kinds.o.ready.eq(self.data.valid & self.data.ready & beat.last),
            self.failed.eq(self.data.valid & self.data.ready & beat.error),
        ]  # fmt: skip
        return kinds

    def _walk(self, m: Module, words: Widener, steps: SmallFifo, kinds: SmallFifo) -> None:
        here = Signal(ADDRESS_BITS)
        held = Signal(DESCRIPTOR)
        task, gates = Signal(8), Signal(4)
        found = data.View(DESCRIPTOR, words.o.payload)
        left_out = Signal()
        address = Signal(ADDRESS_BITS)  # of the payload, for this task
        expert = held.gather | held.scatter
        step = data.View(STEP, steps.i.payload)
        has_payload = (held.beats != 0) & (held.opcode != STORE)
        m.d.comb += [
            left_out.eq(
                expert & (gates == self.gates) & ~self.routed.bit_select(held.expert, 1)
            ),
            step.loaded.eq(has_payload & ~left_out), step.address.eq(held.address),
            *(getattr(step, n).eq(getattr(held, n)) for n in KEPT if n != "address"),
        ]  # fmt: skip
        with m.FSM():
            with m.State("idle"), m.If(self.start):
                m.d.sync += [here.eq(self.list), task.eq(0), gates.eq(self.gates)]
                m.next = "ask"
            with m.State("ask"):
                self._request(m, kinds, 0, here, Const(self.descriptor_beats, COUNT_BITS))
                with m.If(self.request.valid & self.request.ready):
                    m.d.sync += here.eq(here + DESCRIPTOR_BYTES)
                    m.next = "wait"
            with m.State("wait"):
                m.d.comb += words.o.ready.eq(1)
                with m.If(words.o.valid):
                    m.d.sync += [held.eq(words.o.payload), address.eq(found.address)]
                    m.next = "look"
            with m.State("look"):
                with m.If(held.opcode == TASK):
                    m.d.sync += task.eq(held.expert)
                    m.next = "ask"
                with m.Elif((held.opcode == END) | (held.opcode > STORE)):
                    m.next = "end"
                with m.Else():
                    m.next = "next"
                    m.d.sync += gates.eq(gates + held.gate)
                    with m.If(held.task_stride != 0):
                        m.d.sync += address.eq(held.address + held.task_stride * task)
            with m.State("next"):  # the successor first
                self._request(m, kinds, 0, here, Const(self.descriptor_beats, COUNT_BITS))
                with m.If(self.request.valid & self.request.ready):
                    m.d.sync += here.eq(here + DESCRIPTOR_BYTES)
                    m.next = "payload"
            with m.State("payload"):
                wanted = has_payload & ~left_out
                with m.If(wanted):
                    self._request(m, kinds, 1, address, held.beats, steps.i.ready)
                asked = self.request.valid & self.request.ready
                m.d.comb += steps.i.valid.eq(asked | ~wanted)
                with m.If(steps.i.valid & steps.i.ready):
                    m.next = "wait"
            with m.State("end"):
                m.d.comb += steps.i.valid.eq(1)
                with m.If(steps.i.ready):
                    m.next = "idle"

    def _request(
        self, m: Module, kinds: SmallFifo, kind: int, address: Value, beats: Value,
        also: Value | None = None,
    ) -> None:  # fmt: skip
        """Offer a transfer and note its kind, both or neither."""
        m.d.comb += [
            self.request.valid.eq(kinds.i.ready if also is None else kinds.i.ready & also),
            kinds.i.valid.eq(self.request.valid & self.request.ready), kinds.i.payload.eq(kind),
            Value.cast(self.request.payload).eq(Cat(address, beats)),
        ]  # fmt: skip
