# amaranth: UnusedElaboratable=no
"""Handshakes of the Edge-MoE fetcher, by induction."""

from __future__ import annotations

from amaranth.hdl import (
    Assert,
    Assume,
    Cat,
    ClockDomain,
    Const,
    Cover,
    Elaboratable,
    Module,
    Mux,
    Signal,
)

from archsim.config.edgemoe_layout import Layout
from hdl.edgemoe.fetch import GROUP, Fetcher
from hdl.formal.contracts import free_inputs, keeps_offer
from hdl.formal.edgemoe_fetch import WIDE
from hdl.lib.small_fifo import SmallFifo


class HandshakeCheck(Elaboratable):
    """Offers stay, beats go where their transfer belongs, and descriptors never wait: for ever.

    Free: descriptors, lengths, latency, starts. Memory answers every transfer in order, a group
    with its number of beats; what is known of the routing stays while a transfer is offered (else
    it may be withdrawn, where its expert has no tokens). Asserted: the output contracts, each beat
    of a payload and no other leaves at ``payload``, at most ``READ_AHEAD`` descriptors are asked
    for, and one that comes is taken at once. For induction: the transfers on their way are those of
    the FIFO of kinds, descriptors asked for are on their way or held, and a walker that rests reads
    nothing ahead.
    """

    OPEN = 4
    STATES = ("idle", "drain", "take", "look", "payload", "end")

    def __init__(self) -> None:
        self.dut = dut = Fetcher(Layout(WIDE))
        self.domain = ClockDomain("sync", reset_less=True)
        self.ports = free_inputs(
            self.domain, dut.start, dut.list, dut.request.ready, dut.data.valid,
            dut.data.payload, dut.payload.ready, dut.step.ready, dut.routed, dut.gates,
        )  # fmt: skip

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        dut = self.dut
        m.submodules.dut = inner = dut.elaborate(None)
        kinds, words, ahead = inner.submodules.kinds, inner.submodules.words, inner.submodules.ahead
        request, beat, payload = dut.request, dut.data, dut.payload
        self._offers(m)
        open_, left = self._transfers(m, kinds)
        grouped = [(open_ > n) & ~self.kinds[n] for n in range(self.OPEN)]
        others = sum(grouped[1:], Const(0, 1))
        coming = Signal(8)  # descriptors of groups that are on their way
        m.d.comb += [
            coming.eq(Mux(grouped[0], left, 0) + GROUP * others),
            Assert(dut.asked == coming + words.o.valid + ahead.level),
            Assert(dut.asked <= 2 * GROUP), Assert(~words.o.valid | ahead.i.ready),
            Assert(~(beat.valid & grouped[0]) | beat.ready),
            Assert(payload.valid == (beat.valid & (open_ != 0) & self.kinds[0])),
            Assert(~payload.valid | (payload.payload == beat.payload.data)),
            Assert((payload.valid & payload.ready) == (beat.valid & beat.ready & self.kinds[0])),
            Cover(payload.valid & payload.ready & (others == 1)),
        ]  # fmt: skip
        idle, drain, *busy = (dut.walk.ongoing(name) for name in self.STATES)
        m.d.comb += [
            Assert(Cat(idle, drain, *busy).any()), Assert(dut.reading == Cat(busy).any()),
            Assert(~(idle | drain) | ~request.valid), Assert(~idle | (dut.asked == 0)),
            Assert(words.beat < words.beats),
        ]  # fmt: skip
        for fifo in (kinds, ahead, inner.submodules.steps):
            m.d.comb += [
                Assert(fifo.level <= fifo.depth), Assert(fifo.tail < fifo.depth),
                Assert(fifo.head == (fifo.tail + fifo.level) % fifo.depth),
            ]  # fmt: skip
        return m

    def _offers(self, m: Module) -> None:
        dut = self.dut
        keeps_offer(m, dut.data.valid, dut.data.ready, dut.data.payload, Assume, "data")
        keeps_offer(m, dut.step.valid, dut.step.ready, dut.step.payload, Assert, "step")
        keeps_offer(m, dut.payload.valid, dut.payload.ready, dut.payload.payload, Assert, "payload")
        waits = keeps_offer(
            m, dut.request.valid, dut.request.ready, dut.request.payload, Assert, "request"
        )
        routing = Signal.like(Cat(dut.routed, dut.gates))
        m.d.sync += routing.eq(Cat(dut.routed, dut.gates))
        m.d.comb += Assume(~waits | (routing == Cat(dut.routed, dut.gates)))

    def _transfers(self, m: Module, kinds: SmallFifo) -> tuple[Signal, Signal]:
        """Answer in order; return how many transfers are open, and the oldest's beats left."""
        request, beat = self.dut.request, self.dut.data
        self.kinds = [Signal(name=f"kind_{n}") for n in range(self.OPEN)]
        open_, left = Signal(range(self.OPEN + 1)), Signal(range(GROUP + 1))
        push, fire, pop = Signal(), Signal(), Signal()
        place, kind = Signal.like(open_), Signal()
        m.d.comb += [
            push.eq(request.valid & request.ready), fire.eq(beat.valid & beat.ready),
            pop.eq(fire & beat.payload.last), place.eq(open_ - pop),
            kind.eq(kinds.i.payload), Assert(push == (kinds.i.valid & kinds.i.ready)),
            Assume(~beat.valid | (open_ != 0)),
            Assume(~beat.valid | self.kinds[0] | (beat.payload.last == (left == 1))),
            Assert(kinds.level == open_),
            Assert(~push | kind | (request.payload.beats == GROUP)),
            Assert((open_ == 0) | self.kinds[0] | ((left != 0) & (left <= GROUP))),
        ]  # fmt: skip
        m.d.sync += open_.eq(place + push)
        following = [*self.kinds[1:], Const(0, 1)]
        for n, word in enumerate(self.kinds):
            with m.If(push & (place == n)):
                m.d.sync += word.eq(kind)
            with m.Elif(pop):
                m.d.sync += word.eq(following[n])
            view = kinds.memory.read_port(domain="comb")
            m.d.comb += view.addr.eq((kinds.tail + n) % self.OPEN)
            m.d.comb += Assert((open_ <= n) | (view.data == word))
        with m.If(pop | (open_ == 0)):
            m.d.sync += left.eq(GROUP)
        with m.Elif(fire & ~self.kinds[0]):
            m.d.sync += left.eq(left - 1)
        return open_, left
