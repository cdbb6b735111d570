"""Contracts of the Edge-MoE fetcher and of the FIFO that skips payload."""

from __future__ import annotations

from amaranth.hdl import (
    Array,
    Assert,
    Assume,
    ClockDomain,
    Const,
    Cover,
    Elaboratable,
    Module,
    Mux,
    Signal,
    Value,
)
from amaranth.lib import data

from archsim.config.edgemoe_layout import DESCRIPTOR_BYTES, END, STORE, TASK, Layout
from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.edgemoe.fetch import DESCRIPTOR, GROUP, Fetcher
from hdl.formal.contracts import FifoState, free_inputs, keeps_offer
from hdl.lib.fifo import StreamFifo

WIDE = EdgeMoeParams(
    channels=1, image_height=4, image_width=8, patch=4, dim=32, heads=2, depth=2, mlp_hidden=32,
    experts=2, top_k=1, expert_hidden=32, tasks=2, tile_in=2, tile_out=32, queries=2, lanes=1,
    gate_lanes=1, weight_bytes=4096,
)  # fmt: skip
"""Two experts, and beats as wide as a descriptor: a few cycles each."""


class SkipCheck(Elaboratable):
    """Words leave as they came; ``skip`` throws away the oldest, ``skipped`` says how many.

    The model is a shift register of ``depth + 2`` words. Also asserted: never more are skipped than
    asked for or held, and something moves within three cycles.
    """

    def __init__(self, depth: int) -> None:
        self.dut = dut = StreamFifo(width=1, depth=depth, skip_bits=3)
        self.state = FifoState(dut)
        self.capacity = depth + 2
        self.domain = ClockDomain("sync", reset_less=True)
        self.wish = Signal(3)
        self.ports = free_inputs(self.domain, dut.i.valid, dut.i.payload, dut.o.ready, self.wish)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        i, o = dut.i, dut.o
        left = Signal(3)  # to be skipped; a new wish when none is left
        keeps_offer(m, i.valid, i.ready, i.payload, Assume, "entry")
        m.d.comb += [
            dut.skip.eq(left), Assume((left == 0) | ~o.ready),
            Assert(dut.skipped <= left),
        ]  # fmt: skip
        m.d.sync += left.eq(Mux(left == 0, self.wish, left - dut.skipped))
        words = [Signal(1, name=f"word_{n}") for n in range(self.capacity)]
        count, waited = Signal(range(self.capacity + 1)), Signal(range(4))
        push, pop = Signal(), Signal()
        gone, place = Signal.like(count), Signal.like(count)
        m.d.comb += [
            push.eq(i.valid & i.ready), pop.eq(o.valid & o.ready & (left == 0)),
            gone.eq(dut.skipped[: len(gone)] + pop), place.eq(count - gone),
            Assert(dut.skipped + pop <= count), Assert(~push | (place != self.capacity)),
            Assert(~o.valid | ((count != 0) & (o.payload == words[0]))),
            Assert(o.valid | (waited != 3)), Cover(dut.skipped == 2),
        ]  # fmt: skip
        moves = o.valid | (dut.skipped != 0)
        m.d.sync += [
            count.eq(place + push),
            waited.eq(Mux(moves | ((count == 0) & ~push), 0, waited + 1)),
        ]
        for n, word in enumerate(words):
            following = Array([*words[n:], *[Const(0, 1)] * (n + 1)])
            m.d.sync += word.eq(Mux(push & (place == n), i.payload, following[gone]))
        self.state.holds(m, words, count, waited)
        with m.If(dut.gone != 0):
            m.d.comb += [
                Assert(~dut.fetched & ~o.valid), Assert(dut.gone <= dut.level),
                Assert(dut.gone <= left),
            ]  # fmt: skip
        return m


FACTS = data.StructLayout(
    {
        "opcode": 4, "expert": 8, "beats": 32, "address": 64, "task_stride": 32, "gather": 1,
        "scatter": 1, "gate": 1,
    }
)  # fmt: skip
"""What the model keeps of a descriptor."""

Facts = list[data.View]


class FetcherCheck(Elaboratable):
    """Steps come in the order of the list, each with its own payload, whatever memory holds.

    Free: descriptors, latency, when routing is known. Payloads lie in the upper half of the address
    space, lists in the lower, so that the model can tell a transfer by its address. Asserted:
    groups are read one behind the other; a step is the next descriptor that is no task's;
    ``loaded`` if and only if its transfer was asked for, from the address of the task at hand and
    of its length; only a known expert without tokens is left out; beats go where their transfer
    belongs, in order; nothing is asked for behind the end.
    """

    LISTED = 8
    OPEN = 5
    script = "flatten\nmemory_map\nopt -full\n"
    """Most bits of descriptors are constant here, which only registers show."""

    FREE = {
        "opcode": 4, "gather": 1, "scatter": 1, "gate": 1, "expert": 2, "beats": 2, "address": 3,
        "task_stride": 2,
    }  # fmt: skip
    """Bits of each field that are free; the others are 0."""

    def __init__(self) -> None:
        self.dut = dut = Fetcher(Layout(WIDE))
        self.domain = ClockDomain("sync", reset_less=True)
        self.routes = Signal()
        self.beat, self.place = Signal(sum(self.FREE.values())), Signal(2)
        self.last = Signal()
        self.ports = free_inputs(
            self.domain, dut.start, self.place, dut.request.ready, dut.data.valid,
            self.last, self.beat, dut.payload.ready,
            dut.step.ready, dut.routed, self.routes,
        )  # fmt: skip

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        kept = Signal(64)
        begun = Signal()
        with m.If(dut.start):
            m.d.sync += [begun.eq(1), kept.eq(dut.list)]
        given = data.View(DESCRIPTOR, dut.data.payload.data[: 8 * DESCRIPTOR_BYTES])
        at = 0
        for name, bits in self.FREE.items():
            field = Value.cast(getattr(given, name))
            m.d.comb += field[:bits].eq(self.beat[at : at + bits])
            if name == "address":
                m.d.comb += field[-1].eq(1)
            at += bits
        m.d.comb += [
            dut.list.eq(self.place << 6), dut.data.payload.last.eq(self.last),
            Assume(~(dut.start & begun)), Assume(~begun | (dut.list == kept)),
        ]  # fmt: skip
        group, beats = self._memory(m)
        facts, received = self._descriptors(m, group)
        asked = self._requests(m, kept)
        self._steps(m, facts, received, asked)
        m.d.comb += Cover(beats & dut.payload.valid & (received > GROUP))
        return m

    def _memory(self, m: Module) -> tuple[Value, Value]:
        """Answer requests in order; return whether a beat of a group comes, or one of payload."""
        dut = self.dut
        request, beat = dut.request, dut.data
        queue = [Signal(34, name=f"open_{n}") for n in range(self.OPEN)]  # beats, is payload, open
        fire, last = Signal(), Signal()
        now = queue[0]
        m.d.comb += [
            fire.eq(beat.valid & beat.ready), last.eq(now[:32] == 1),
            Assume(~beat.valid | now[33]), Assume(beat.payload.last == last),
            Assert(~(request.valid & request.ready & queue[-1][33])),
        ]  # fmt: skip
        keeps_offer(m, beat.valid, beat.ready, beat.payload, Assume, "data")
        done = fire & last
        entry = request.payload.beats | (request.payload.address[-1] << 32) | (1 << 33)
        placed = Const(0, 1)
        for n, word in enumerate(queue):
            behind = queue[n + 1] if n + 1 < self.OPEN else Const(0, 34)
            stays = Mux(done, behind, word)
            if n == 0:
                stays = Mux(done, behind, Mux(fire, word - 1, word))
            free = Signal(name=f"free_{n}")
            here = Signal(name=f"here_{n}")
            m.d.comb += [free.eq(~Mux(done, behind[33], word[33])), here.eq(free & ~placed)]
            m.d.sync += word.eq(Mux(request.valid & request.ready & here, entry, stays))
            placed = placed | free
        m.d.comb += [
            Assert(~dut.payload.valid | (now[33] & now[32])),
            Assert(~dut.payload.valid | (dut.payload.payload == beat.payload.data)),
            Assert(~(fire & now[32]) | (dut.payload.valid & dut.payload.ready)),
            Assert(~(dut.payload.valid & dut.payload.ready) | fire),
        ]  # fmt: skip
        return fire & ~now[32], fire & now[32]

    def _descriptors(
        self, m: Module, group: Value
    ) -> tuple[list[data.View[data.StructLayout]], Signal]:
        """Keep the descriptors that come; return them and how many there are."""
        found = data.View(DESCRIPTOR, self.dut.data.payload.data[: 8 * DESCRIPTOR_BYTES])
        received = Signal(range(4 * self.LISTED))
        facts = [
            data.View(FACTS, Signal(FACTS.size, name=f"facts_{n}")) for n in range(self.LISTED)
        ]
        with m.If(group):
            m.d.sync += received.eq(received + 1)
        for n, view in enumerate(facts):
            with m.If(group & (received == n)):
                m.d.sync += [getattr(view, f).eq(getattr(found, f)) for f, _ in FACTS]
        m.d.comb += Assume(received <= self.LISTED)
        return facts, received

    def _requests(self, m: Module, start: Signal) -> list[Signal]:
        """Check groups; return the payloads' transfers in order, and how many there are."""
        request = self.dut.request
        fire = request.valid & request.ready
        is_payload = request.payload.address[-1]
        groups, count = Signal(4), Signal(range(self.LISTED + 1))
        with m.If(fire & ~is_payload):
            m.d.sync += groups.eq(groups + 1)
        expected = start + (groups << (GROUP * DESCRIPTOR_BYTES).bit_length() - 1)
        m.d.comb += [
            Assert(~(fire & ~is_payload) | (request.payload.beats == GROUP)),
            Assert(~(fire & ~is_payload) | (request.payload.address == expected[:64])),
        ]  # fmt: skip
        words = [Signal(96, name=f"asked_{n}") for n in range(self.LISTED)]
        with m.If(fire & is_payload):
            m.d.sync += count.eq(count + 1)
            for n, word in enumerate(words):
                with m.If(count == n):
                    m.d.sync += word.eq(Value.cast(request.payload))
        return [*words, count]

    def _steps(self, m: Module, facts: Facts, received: Signal, asked: list[Signal]) -> None:
        """Walk through the model's descriptors as steps come."""
        dut = self.dut
        step = dut.step.payload
        *transfers, count = asked
        at, used = Signal.like(received), Signal(range(self.LISTED + 1))
        task, gates, ended = Signal(8), Signal(4), Signal()
        f = data.View(FACTS, Signal(FACTS.size, name="here"))
        transfer = Signal(96)
        m.d.comb += [
            Value.cast(f).eq(Array([Value.cast(x) for x in facts])[at]),
            transfer.eq(Array(transfers)[used]),
        ]
        there = (at < received) & (at < self.LISTED)
        fire = dut.step.valid & dut.step.ready
        keeps_offer(m, dut.step.valid, dut.step.ready, step, Assert, "step")
        ends = (f.opcode == END) | (f.opcode > STORE)
        with m.If(there & (f.opcode == TASK) & ~ended):
            m.d.sync += [task.eq(f.expert), at.eq(at + 1)]
        address = f.address + f.task_stride * task
        now = Signal(4)  # gates up to this step
        expert = f.gather | f.scatter
        m.d.comb += now.eq(gates + f.gate)
        # the sequencer knows a gate's routing some time after its step; it stays until the next
        known, was = Signal(4), Signal(WIDE.experts)
        m.d.sync += was.eq(dut.routed)
        m.d.comb += [
            dut.gates.eq(known), Assume((dut.routed == was) | (self.routes & (known != gates))),
        ]  # fmt: skip
        with m.If(self.routes & (known != gates)):
            m.d.sync += known.eq(known + 1)
        wants = (f.beats != 0) & (f.opcode != STORE) & ~ends
        absent = expert & (known == now) & ~dut.routed.bit_select(f.expert, 1)
        with m.If(dut.step.valid):
            m.d.comb += [
                Assert(there & ~ended), Assert(f.opcode != TASK), Assert(step.opcode == f.opcode),
                Assert(step.expert == f.expert), Assert(step.beats == f.beats),
                Assert(step.address == f.address),
            ]  # fmt: skip
            with m.If(~ends):
                m.d.comb += Assert(Mux(step.loaded, wants, ~wants | absent))
            with m.If(~ends & step.loaded):
                m.d.comb += [
                    Assert(used < count), Assert(transfer[:64] == address[:64]),
                    Assert(transfer[64:] == f.beats),
                ]  # fmt: skip
        with m.If(fire):
            m.d.sync += [at.eq(at + 1), gates.eq(now), ended.eq(ends)]
            with m.If(~ends):
                m.d.sync += used.eq(used + step.loaded)
        quiet = Signal()  # no transfer may follow
        m.d.sync += quiet.eq(ended)
        m.d.comb += [
            Assert(~(quiet & dut.request.valid)), Assert(~ended | (used == count)),
            Cover(fire & (at == 3)),
        ]  # fmt: skip
