"""Contracts of the Edge-MoE controller: queues, hand-shakes of the sequencer."""

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
    Value,
)

from archsim.config.edgemoe_layout import END, LINEAR, STORE, Layout
from archsim.config.edgemoe_params import EdgeMoeFormats, EdgeMoeParams
from archsim.formats import FixedFormat
from hdl.edgemoe.queues import ExpertQueues
from hdl.edgemoe.sequence import Sequencer
from hdl.formal.contracts import free_inputs, keeps_offer

TINY = EdgeMoeParams(
    channels=1, image_height=4, image_width=8, patch=4, dim=4, heads=2, depth=2, mlp_hidden=4,
    experts=2, top_k=1, expert_hidden=4, tasks=1, tile_in=2, tile_out=2, queries=2, lanes=1,
    gate_lanes=1, weight_bytes=64, formats=EdgeMoeFormats(activation=FixedFormat(32, 16)),
)  # fmt: skip
"""Three tokens, two experts, tiles of two: small enough for a solver."""


class QueuesCheck(Elaboratable):
    """Of one expert, chosen freely: its tokens leave in the order in which they came, no other.

    The model keeps the expert's tokens in a list. Also asserted: the output's contract, the experts
    in ascending order, ``last`` with the last of a pass and only there, nothing in while emptying.
    """

    def __init__(self, passes: int) -> None:
        self.dut = dut = ExpertQueues(TINY, passes=passes)
        self.passes = passes
        self.views = [dut.memory.read_port(domain="comb") for _ in range(TINY.tokens)]
        self.chosen = Signal()
        self.domain = ClockDomain("sync", reset_less=True)
        i, o = self.dut.i, self.dut.o
        self.ports = free_inputs(self.domain, i.valid, i.payload, o.ready, self.chosen)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        i, o = dut.i, dut.o
        x, y = i.payload, o.payload
        depth = TINY.tokens
        before = Signal(name="chosen_before")
        seen = Signal(name="started")
        m.d.sync += [before.eq(self.chosen), seen.eq(1)]
        with m.If(seen):
            m.d.comb += Assume(self.chosen == before)
        keeps_offer(m, i.valid, i.ready, x, Assume, "entry")
        keeps_offer(m, o.valid, o.ready, y, Assert, "exit")
        words = [Signal(len(x.token) + len(x.score), name=f"word_{n}") for n in range(depth)]
        count, at = Signal(range(depth + 1)), Signal(range(depth + 1))
        left = Signal(range(self.passes + 1), init=self.passes)
        totals = [Signal(range(depth + 1), name=f"total_{e}") for e in range(TINY.experts)]
        push = i.valid & i.ready
        pop = o.valid & o.ready
        mine = push & (x.expert == self.chosen)
        m.d.comb += Assume(~i.valid | (x.token < depth))
        for e, total in enumerate(totals):  # a token comes to an expert at most once
            with m.If(i.valid & (x.expert == e)):
                m.d.comb += Assume(total < depth)
            with m.If(push & (x.expert == e)):
                m.d.sync += total.eq(total + 1)
        for n, word in enumerate(words):
            with m.If(mine & (count == n)):
                m.d.sync += word.eq(Value.cast(x)[len(x.expert) : len(x.expert) + len(word)])
        with m.If(mine):
            m.d.sync += count.eq(count + 1)
        expected = Signal(len(words[0]))
        for n, word in enumerate(words):
            with m.If(at == n):
                m.d.comb += expected.eq(word)
        with m.If(o.valid & (y.expert == self.chosen)):
            found = Value.cast(y)[len(y.expert) : len(y.expert) + len(expected)]
            m.d.comb += [
                Assert(found == expected), Assert(at < count), Assert(left != 0),
                Assert(y.last == (at == count - 1)),
            ]  # fmt: skip
            with m.If(pop):
                m.d.sync += at.eq(Mux(y.last, 0, at + 1))
                m.d.sync += left.eq(left - y.last)
        latest = Signal.like(y.expert)
        with m.If(pop):
            m.d.sync += latest.eq(y.expert)
        some = Signal()  # something has left since filling
        m.d.comb += [
            Assert(~(o.valid & i.ready)), Assert(~(o.valid & some) | (y.expert >= latest)),
            Cover(pop & y.last & (count == 2)),
        ]  # fmt: skip
        with m.If(pop):
            m.d.sync += some.eq(1)
        emptied = Signal()  # filling again: all have left
        was = Signal()
        m.d.sync += was.eq(dut.emptying)
        m.d.comb += emptied.eq(was & ~dut.emptying)
        with m.If(emptied):
            m.d.comb += Assert((count == 0) | (left == 0))
            started = push & (x.expert == self.chosen)
            m.d.sync += [count.eq(started), at.eq(0), left.eq(self.passes), some.eq(0)]
            m.d.sync += [t.eq(push & (x.expert == e)) for e, t in enumerate(totals)]
            with m.If(started):
                word = Value.cast(x)[len(x.expert) : len(x.expert) + len(words[0])]
                m.d.sync += words[0].eq(word)
        m.d.comb += [
            Assert(~some | (latest <= dut.expert) | ~dut.emptying),
            Assert(~some | dut.emptying | emptied),
        ]
        self._inside(m, words, count, at, left, totals, emptied)
        return m

    def _inside(
        self, m: Module, words: list[Signal], count: Signal, at: Signal, left: Signal,
        totals: list[Signal], emptied: Signal,
    ) -> None:  # fmt: skip
        """What holds of the registers and the memory, for induction."""
        dut, c = self.dut, self.chosen
        depth = TINY.tokens
        some, lowest = Signal(name="any"), Signal.like(dut.expert)
        length, mine = Signal.like(dut.lengths[0]), Signal.like(dut.lengths[0])
        m.d.comb += some.eq(dut.pending.any())
        for e, counter in reversed(list(enumerate(dut.lengths))):
            m.d.comb += Assert(counter <= depth)
            m.d.comb += Assert(Mux(emptied, counter == 0, counter == totals[e]))
            with m.If(counter != 0):
                m.d.comb += lowest.eq(e)
            with m.If(dut.expert == e):
                m.d.comb += length.eq(counter)
            with m.If(c == e):
                m.d.comb += mine.eq(counter)
        for n, (view, word) in enumerate(zip(self.views, words, strict=True)):
            m.d.comb += view.addr.eq(Cat(Const(n, dut.token_bits), c))
            with m.If(n < mine):
                m.d.comb += Assert(view.data == word)
        m.d.comb += [
            Assert(emptied | (count == mine)),
            Assert(dut.expert < TINY.experts),
            Assert(left <= self.passes),
            Assert(dut.number < self.passes),
        ]
        with m.If(dut.emptying):
            m.d.comb += [Assert(length != 0), Assert(dut.at < length)]
            with m.If(dut.expert == c):
                m.d.comb += [Assert(at == dut.at), Assert(left == self.passes - dut.number)]
            with m.Elif(dut.expert < c):
                m.d.comb += [Assert(at == 0), Assert(left == self.passes)]
            with m.Else():
                m.d.comb += [Assert(at == 0), Assert((left == 0) | (count == 0))]
        with m.Else():
            m.d.comb += [Assert(dut.at == 0), Assert(dut.number == 0)]
            m.d.comb += Assert(~some | (dut.expert == lowest))
            with m.If(~emptied):
                m.d.comb += [Assert(at == 0), Assert(left == self.passes)]


class SequencerCheck(Elaboratable):
    """A step runs once, is the same until it is taken, and is taken only when it is done.

    Free: steps, queued tokens, when the datapath is done. Also asserted: an expert's layers run if
    and only if it has tokens, the second with the rows of the first; rows are ``tiles`` tiles of
    which the last has ``last_rows``; counters add up.
    """

    def __init__(self) -> None:
        self.dut = dut = Sequencer(Layout(TINY))
        self.domain = ClockDomain("sync", reset_less=True)
        self.ports = free_inputs(
            self.domain, dut.start, dut.steps.valid, dut.steps.payload, dut.queued.valid,
            dut.queued.payload, dut.done, dut.discarded, dut.full, dut.pending,
        )  # fmt: skip

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        step, tile = dut.step, TINY.tile_in
        offer = dut.steps
        waits = keeps_offer(m, offer.valid, offer.ready, offer.payload, Assume, "steps")
        keeps_offer(m, dut.queued.valid, dut.queued.ready, dut.queued.payload, Assume, "queued")
        at_work, was_discard, was_done, was_full = Signal(), Signal(), Signal(), Signal()
        m.d.sync += was_full.eq(dut.full)
        is_gate = (step.opcode == LINEAR) & step.gate
        expert = step.gather | step.scatter
        ends = (step.opcode == END) | (step.opcode > STORE)
        m.d.comb += [
            Assume(~expert | (step.opcode == LINEAR)), Assume(~(step.gather & step.scatter)),
            Assume(~(expert & step.gate)),
            # a gate's step ends in the cycle after its last token was queued
            Assume(~dut.full | (at_work & is_gate & ~was_done & ~dut.done & ~was_full)),
            Assume(~(at_work & is_gate & dut.done) | was_full), Assume(~was_full | dut.done),
            Assume((step.rows != 0) & (step.rows <= TINY.tokens)),
            Assert(~dut.run | (dut.steps.valid & ~at_work)),
            Assert(~dut.steps.ready | (dut.steps.valid & (at_work | ends))),
            Assert(~(dut.run & ends)), Assert(~dut.ended | (ends & dut.steps.ready)),
            Assert(~dut.illegal | (dut.ended & (step.opcode != END))),
            Assert(~(dut.run & dut.discard) | expert),
            Assert(~(dut.run & dut.discard) | ~dut.routed.bit_select(step.expert, 1)),
            Assert(~dut.table_write | (dut.queued.valid & dut.queued.ready & step.gather)),
            Cover(at_work & dut.steps.ready),
        ]  # fmt: skip
        with m.If(dut.run):
            m.d.sync += [at_work.eq(1), was_discard.eq(dut.discard), was_done.eq(0)]
        with m.If(at_work & dut.done):
            m.d.sync += was_done.eq(1)
        with m.If(dut.steps.ready):
            m.d.sync += at_work.eq(0)
        finished = Mux(was_discard, dut.discarded, (was_done | dut.done) & dut.discarded)
        m.d.comb += Assert(~(dut.steps.ready & at_work) | finished)
        filled = Signal(range(TINY.tokens + 2))  # tokens of the expert that is filled in
        with m.If(dut.table_write):
            m.d.sync += filled.eq(Mux(dut.table_index == 0, 1, filled + 1))
        plain = (step.opcode == LINEAR) & ~expert
        with m.If(dut.run & ~dut.discard & (step.opcode == LINEAR) & ~step.scatter):
            rows = Mux(expert, filled, step.rows)
            m.d.comb += [
                Assert(dut.rows == rows), Assert((dut.last_rows != 0) & (dut.last_rows <= tile)),
                Assert((dut.tiles - 1) * tile + dut.last_rows == rows),
            ]  # fmt: skip
        m.d.comb += Cover(dut.run & plain & (dut.tiles == 2))
        state = dut.state
        m.d.comb += [
            Assert(state["idle"] | waits), Assert(at_work == (state["drain"] | state["work"])),
            Assert(dut.known == was_full), Assert(~was_full | (state["work"] & is_gate)),
            Assert(~state["drain"] | was_discard | was_done),
            Assert(~state["work"] | ~(was_discard | was_done)),
            Assert(~(state["drain"] & was_discard) | expert),
        ]  # fmt: skip
        self._planned(m, expert, ends, filled)
        return m

    def _planned(self, m: Module, expert: Value, ends: Value, filled: Signal) -> None:
        """What each state knows of its step, and the plan on its way, for induction."""
        dut, state, tile = self.dut, self.dut.state, TINY.tile_in
        step, at = dut.step, dut.table_index
        has_tokens = dut.routed.bit_select(step.expert, 1)
        rows = Mux(step.gather, filled, step.rows)
        m.d.comb += [
            Assert(~state["leave"] | (expert & ~has_tokens)), Assert(~state["fill"] | step.gather),
            Assert(~state["plan"] | ((step.opcode == LINEAR) & ~step.scatter)),
            Assert(~(state["run"] | state["work"]) | ~ends),
        ]  # fmt: skip
        with m.If(state["fill"]):
            m.d.comb += Assert(dut.tiles == 1)
            with m.If(at != 0):
                m.d.comb += Assert(filled == at)
        with m.If(state["plan"]):
            m.d.comb += [
                Assert(dut.rows == rows), Assert(dut.left != 0), Assert(dut.tiles != 0),
                Assert((dut.tiles - 1) * tile + dut.left == rows),
            ]  # fmt: skip
        with m.If(state["run"] & (step.opcode == LINEAR) & ~step.scatter):
            m.d.comb += [
                Assert(dut.rows == rows), Assert((dut.last_rows != 0) & (dut.last_rows <= tile)),
                Assert((dut.tiles - 1) * tile + dut.last_rows == rows),
            ]  # fmt: skip
