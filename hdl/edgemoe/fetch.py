"""Reads the descriptor list, and the payload of its descriptors ahead of their turn."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import (
    DESCRIPTOR_BYTES,
    END,
    FIELDS,
    READ_AHEAD,
    STORE,
    TASK,
    Layout,
)
from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.lib.axi_burst import request_layout
from hdl.lib.axi_master import read_layout
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.widen import Widener

ADDRESS_BITS = 64
COUNT_BITS = 32
AHEAD = 16
"""Descriptors that wait for their turn, their payload read or on its way."""

GROUP = READ_AHEAD // 2
"""Descriptors that are read at once; as many may be on their way or wait besides."""

DESCRIPTOR = data.FlexibleLayout(
    8 * DESCRIPTOR_BYTES, {name: data.Field(bits, low) for name, (low, bits) in FIELDS.items()}
)
KEPT = tuple(name for name in FIELDS if name != "task_stride")
"""Fields that the sequencer needs."""

STEP = data.StructLayout({**{name: FIELDS[name][1] for name in KEPT}, "loaded": 1})
"""A descriptor for the sequencer; ``loaded``: its payload comes, else it was left out."""


def choice_members(params: EdgeMoeParams, flow: wiring.Flow) -> dict[str, wiring.Member]:
    """Return the port through which the gate's choices come without expert by expert."""
    if params.techniques.expert_by_expert:
        return {}
    return {"choice": flow(stream.Signature(max(1, (params.experts - 1).bit_length())))}


class Fetcher(wiring.Component):
    """Walks through a list until its end; the reader gets one transfer after the other.

    Descriptors are read in groups, asked for before payloads, so that the memory never waits for a
    decision; up to ``READ_AHEAD - 1`` behind a list's end are read too. The payload of an expert
    without tokens is left out where the routing is known: what asks for it is then withdrawn.

    Ports:

    * ``start`` (1, in): a list begins at ``list`` (byte address, stable until its first read). The
      first task is 0.
    * ``request``: stream of transfers, out; ``data``: stream of beats read, in.
    * ``payload``: stream of beats, out. ``step``: stream of ``STEP``, out.
    * ``routed`` (a bit an expert, in): experts that have tokens; ``gates`` (4, in): gates whose
      routing is known, counted around.
    * ``choice`` (without expert by expert): stream of experts, in: the next token's or its next
      place in the ranking. The first layer's descriptor takes one, the second's has the same;
      ``task_stride`` lies between the payloads of two experts.
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
                **choice_members(layout.params, In),
            }
        )
        self.reading = Signal()
        self.asked = Signal(range(READ_AHEAD + 1))
        """Descriptors that were asked for and not looked at yet."""

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
        left_out = Signal()
        address = Signal(ADDRESS_BITS)  # of the payload, for this task
        expert = held.gather | held.scatter
        step = data.View(STEP, steps.i.payload)
        has_payload = (held.beats != 0) & (held.opcode != STORE)
        by_token = not self.layout.params.techniques.expert_by_expert
        begin = Signal()  # a list is to be walked through
        take, needs = self._ahead(m, words, held, here, kinds)
        m.d.comb += [
            left_out.eq(
                expert & (gates == self.gates) & ~self.routed.bit_select(held.expert, 1)
                & (not by_token)
            ),
            step.loaded.eq(has_payload & ~left_out), step.address.eq(held.address),
            *(getattr(step, n).eq(getattr(held, n)) for n in KEPT if n != "address"),
        ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += begin.eq(1)
        with m.FSM() as self.walk:
            with m.State("idle"), m.If(begin):
                m.d.sync += [
                    here.eq(self.list), task.eq(0), gates.eq(self.gates), begin.eq(0),
                    self.reading.eq(1),
                ]  # fmt: skip
                m.next = "take"
            with m.State("take"):
                m.d.comb += take.ready.eq(1)
                with m.If(take.valid):
                    m.next = "look"
            with m.State("look"):
                m.d.sync += address.eq(held.address)
                with m.If(held.opcode == TASK):
                    m.d.sync += task.eq(held.expert)
                    m.next = "take"
                with m.Elif((held.opcode == END) | (held.opcode > STORE)):
                    m.next = "end"
                with m.Else():
                    m.next = "payload"
                    if by_token:
                        with m.If(expert):
                            m.next = "choose"
                    m.d.sync += gates.eq(gates + held.gate)
                    with m.If(held.task_stride != 0):
                        m.d.sync += address.eq(held.address + held.task_stride * task)
            with m.State("payload"):
                wanted = has_payload & ~left_out
                with m.If(wanted & ~needs):
                    self._request(m, kinds, 1, address, held.beats, steps.i.ready)
                asked = self.request.valid & self.request.ready & ~needs
                m.d.comb += steps.i.valid.eq(asked | ~wanted)
                with m.If(steps.i.valid & steps.i.ready):
                    m.next = "take"
            if by_token:
                self._choose(m, held, address)
            with m.State("end"):
                m.d.comb += steps.i.valid.eq(~needs)
                with m.If(steps.i.valid & steps.i.ready):
                    m.d.sync += self.reading.eq(0)
                    m.next = "drain"
            with m.State("drain"):  # what was read behind the end
                m.d.comb += take.ready.eq(1)
                with m.If(self.asked == 0):
                    m.next = "idle"

    def _choose(self, m: Module, held: data.View[data.StructLayout], address: Signal) -> None:
        """Wait for the token's expert, and find its payload."""
        chosen = Signal.like(self.choice.payload)  # of the first layer's descriptor
        now = Mux(held.gather, self.choice.payload, chosen)
        with m.State("choose"):
            m.d.comb += self.choice.ready.eq(held.gather)
            with m.If(held.scatter | self.choice.valid):
                m.d.sync += [chosen.eq(now), address.eq(held.address + held.task_stride * now)]
                m.next = "payload"

    def _ahead(
        self, m: Module, words: Widener, held: Value, here: Signal, kinds: SmallFifo
    ) -> tuple[stream.Interface, Value]:
        """Read descriptors ahead, a group at a time; return their stream (a word taken is in
        ``held``), and whether a group is being asked for.
        """
        bits = 8 * DESCRIPTOR_BYTES
        m.submodules.ahead = ahead = SmallFifo(width=bits, depth=2 * GROUP)
        needs, taken = Signal(), Signal()
        m.d.comb += [
            ahead.i.payload.eq(words.o.payload), ahead.i.valid.eq(words.o.valid),
            words.o.ready.eq(ahead.i.ready),
            needs.eq(self.reading & (self.asked <= GROUP)),
            taken.eq(ahead.o.valid & ahead.o.ready),
        ]  # fmt: skip
        with m.If(taken):
            m.d.sync += Value.cast(held).eq(ahead.o.payload)
        granted = Signal()
        with m.If(needs):
            beats = Const(GROUP * self.descriptor_beats, COUNT_BITS)
            self._request(m, kinds, 0, here, beats)
            m.d.comb += granted.eq(self.request.ready & self.request.valid)
        with m.If(granted):
            m.d.sync += here.eq(here + GROUP * DESCRIPTOR_BYTES)
        m.d.sync += self.asked.eq(self.asked + Mux(granted, GROUP, 0) - taken)
        return ahead.o, needs

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
