"""Tops that hold a component against its contract and a naive model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
)  # fmt: skip
from amaranth.lib import wiring

from hdl.lib.counting import delayed
from hdl.lib.fifo import StreamFifo

Invariant = Callable[[Module, Sequence[Signal], Signal], None]


def free_inputs(domain: ClockDomain, *values: object) -> list[Value]:
    """Return the ports of a top. A signal left out, the clock too, would be a constant."""
    return [domain.clk, *(Value.cast(value) for value in values)]


def keeps_offer(
    m: Module, valid: Value, ready: Value, payload: Value, rule: type, name: str
) -> Signal:
    """Assume or assert (``rule``) that an offered word stays as it is until it is taken.

    Returns whether one waits since the cycle before.
    """
    payload = Value.cast(payload)
    waiting = Signal(name=f"{name}_waiting")
    offered = Signal(len(payload), name=f"{name}_offered")
    m.d.sync += [waiting.eq(valid & ~ready), offered.eq(payload)]
    with m.If(waiting):
        m.d.comb += rule(valid & (payload == offered))
    return waiting


class QueueCheck(Elaboratable):
    """Words leave ``dut`` as they came: none lost, doubled, changed or out of order.

    The model is a shift register of ``capacity`` words. Also asserted: the output's contract, no
    more than ``capacity`` words inside, and a word on the output within ``patience`` cycles after
    the queue has one. ``invariant`` adds assertions on internal state, for induction.
    """

    def __init__(
        self, dut: Elaboratable, entry: wiring.PureInterface, exit_: wiring.PureInterface, *,
        capacity: int, patience: int = 1, invariant: Invariant | None = None,
    ) -> None:  # fmt: skip
        self.dut, self.entry, self.exit = dut, entry, exit_
        self.capacity, self.patience, self.invariant = capacity, patience, invariant
        self.waited = Signal(range(patience + 1))
        self.domain = ClockDomain("sync", reset_less=True)
        self.ports = free_inputs(self.domain, entry.valid, entry.payload, exit_.ready)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = self.dut
        i, o = self.entry, self.exit
        keeps_offer(m, i.valid, i.ready, i.payload, Assume, "entry")
        keeps_offer(m, o.valid, o.ready, o.payload, Assert, "exit")
        words = [Signal(len(i.payload), name=f"word_{n}") for n in range(self.capacity)]
        count = Signal(range(self.capacity + 1))
        waited = self.waited
        push = Signal()
        pop = Signal()
        place = Signal.like(count)
        m.d.comb += [
            push.eq(i.valid & i.ready), pop.eq(o.valid & o.ready), place.eq(count - pop),
            Assert(~push | (place != self.capacity)),
            Assert(~o.valid | ((count != 0) & (o.payload == words[0]))),
            Assert(o.valid | (waited != self.patience)),
            Cover(count == self.capacity),
        ]  # fmt: skip
        m.d.sync += count.eq(place + push)
        m.d.sync += waited.eq(Mux(o.valid | ((count == 0) & ~push), 0, waited + 1))
        following = Array([*words[1:], Const(0, len(i.payload))])
        for n, word in enumerate(words):
            with m.If(push & (place == n)):
                m.d.sync += word.eq(i.payload)
            with m.Elif(pop):
                m.d.sync += word.eq(following[n])
        m.d.comb += Assert(count <= self.capacity)
        if self.invariant is not None:
            self.invariant(m, words, count)
        return m


class FifoState:
    """What holds of a ``StreamFifo`` whose words are those of a list: for induction.

    ``holds`` asserts that its memory, read port and output have the list's ``count`` words in
    order, and that the list's ``waited`` fits where the oldest word is.
    """

    def __init__(self, dut: StreamFifo) -> None:
        if dut.memory.store is None:
            raise ValueError("dut must have a memory of Amaranth's, not an instance")
        self.dut = dut
        store = dut.memory.store
        self.views = [store.read_port(domain="comb") for _ in range(dut.depth)]

    def holds(self, m: Module, words: Sequence[Signal], count: Signal, waited: Signal) -> None:
        """Add the assertions."""
        dut, depth = self.dut, self.dut.depth
        ahead = Signal(2)  # words that have left the memory
        m.d.comb += [
            ahead.eq(dut.fetched + dut.o.valid), Assert(count == dut.level + ahead),
            Assert(dut.level <= depth), Assert(dut.tail < depth),
            Assert(dut.head == (dut.tail + dut.level) % depth),
            Assert(dut.room == (dut.level != depth)), Assert(dut.some == (dut.level != 0)),
            Assert((count != 0) | (waited == 0)),
        ]  # fmt: skip
        with m.If(dut.fetched):
            m.d.comb += Assert(dut.memory.read_data == Mux(dut.o.valid, words[1], words[0]))
        with m.If(~dut.o.valid):
            m.d.comb += Assert(waited <= Mux(dut.fetched | (dut.gone != 0), 2, 1))
        for n, view in enumerate(self.views):
            m.d.comb += view.addr.eq((dut.tail + n) % depth)
            with m.If(n < dut.level):
                m.d.comb += Assert(view.data == Array(words)[ahead + n])


class ArbiterCheck(Elaboratable):
    """One stream is served at a time, its word passes unchanged, offers stay, none starves."""

    def __init__(self, dut: wiring.Component) -> None:
        self.dut = dut
        self.domain = ClockDomain("sync", reset_less=True)
        inputs = [p for s in dut.i for p in (s.valid, s.payload)]
        self.ports = free_inputs(self.domain, dut.o.ready, *inputs)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        o = dut.o
        keeps_offer(m, o.valid, o.ready, o.payload, Assert, "o")
        taken = sum((s.ready & s.valid for s in dut.i), Const(0))
        m.d.comb += [Assert(taken == (o.valid & o.ready)), Assert(dut.held < dut.count)]
        m.d.comb += Assert(dut.served < dut.count)
        locked_on = Array(s.valid for s in dut.i)[dut.held]
        m.d.comb += Assert(~dut.locked | locked_on)
        for n, s in enumerate(dut.i):
            keeps_offer(m, s.valid, s.ready, s.payload, Assume, f"i_{n}")
            m.d.comb += Assert(~s.ready | (o.valid & (dut.source == n)))
            m.d.comb += Assert(~s.ready | (o.payload == s.payload))
            m.d.comb += Assert(o.valid | ~s.valid)
            if dut.policy == "round_robin":
                passed = Signal(range(dut.count + 1), name=f"passed_{n}")
                with m.If(~s.valid | s.ready):
                    m.d.sync += passed.eq(0)
                with m.Elif(o.valid & o.ready):
                    m.d.sync += passed.eq(passed + 1)
                m.d.comb += Assert(passed < dut.count)
                # for induction: those served meanwhile lie in turn between n and the last one
                m.d.comb += Assert(passed <= self._after(n, dut.served))
                with m.If(dut.locked & s.valid & (dut.held != n)):
                    m.d.comb += Assert(passed < self._after(n, dut.held))
        return m

    def _after(self, n: int, other: Value) -> Value:
        """How many places in turn stream ``other`` comes after ``n``."""
        return Mux(other >= n, other - n, other + self.dut.count - n)


class SplitterCheck(Elaboratable):
    """Bursts obey AXI4, follow each other in memory, and add up to their transfer."""

    def __init__(self, dut: wiring.Component) -> None:
        self.dut = dut
        self.domain = ClockDomain("sync", reset_less=True)
        self.ports = free_inputs(self.domain, dut.i.valid, dut.i.payload, dut.o.ready)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        o = dut.o
        burst = o.payload
        keeps_offer(m, o.valid, o.ready, o.payload, Assert, "o")
        left = Signal(dut.count_bits)
        following = Signal(dut.address_bits)
        beats = Signal(9)
        end = Signal(dut.address_bits + 9)
        m.d.comb += [
            beats.eq(burst.length + 1),
            end.eq(burst.address + ((beats - 1) << dut.offset_bits)),
            Assert(o.valid == (left != 0)),
            Assert(dut.i.ready == (left == 0)),
            Assert(left == dut.remaining),
        ]
        with m.If(o.valid):
            m.d.comb += [
                Assert(burst.address == following),
                Assert((burst.address >> 12) == (end >> 12)),
                Assert(beats <= dut.max_burst),
                Assert(beats <= left),
                Assert(burst.last == (beats == left)),
            ]
        with m.If(dut.i.valid & dut.i.ready):
            mask = (1 << dut.address_bits) - dut.beat_bytes
            m.d.sync += [
                left.eq(dut.i.payload.beats), following.eq(dut.i.payload.address & mask),
            ]  # fmt: skip
        with m.Elif(o.valid & o.ready):
            m.d.sync += [
                left.eq(left - beats),
                following.eq(following + (beats << dut.offset_bits)),
            ]
        return m


class ReplayCheck(Elaboratable):
    """A replay buffer against a list of its live words and a read position.

    Assumed of the reader: ``take`` only while ``available``, ``release`` only of the oldest word,
    ``rewind`` only with ``take`` and not with ``release``. Asserted: room, ``available``, ``soon``
    and, with ``words``, the ``data`` of each read three cycles later.
    """

    def __init__(self, dut: wiring.Component, *, words: bool) -> None:
        self.dut, self.words = dut, words
        self.domain = ClockDomain("sync", reset_less=True)
        self.ports = free_inputs(
            self.domain, dut.i.valid, dut.i.payload, dut.take, dut.release, dut.rewind
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        count, place = Signal(range(dut.depth + 1)), Signal(range(dut.depth + 1))
        push, free, promised = Signal(), Signal(), Signal()
        keeps_offer(m, dut.i.valid, dut.i.ready, dut.i.payload, Assume, "i")
        m.d.comb += [
            Assume(~dut.take | dut.available),
            Assume(~dut.release | (dut.take & (place == 0))),
            Assume(~dut.rewind | (dut.take & ~dut.release)),
            push.eq(dut.i.valid & (count != dut.depth)),
            free.eq(dut.take & dut.release),
            Assert(dut.i.ready == (count != dut.depth)),
            Assert(dut.available == (place < count)),
            Assert(dut.available == promised),
            Cover((count == dut.depth) & dut.rewind),
        ]
        m.d.sync += [
            promised.eq(dut.soon),
            count.eq(count + push - free),
            place.eq(Mux(dut.rewind, 0, place + (dut.take & ~dut.release))),
        ]
        self._state(m, count, place)
        if self.words:
            self._data(m, count, place, push, free)
        return m

    def _state(self, m: Module, count: Signal, place: Signal) -> None:
        """Assert what the registers mean, for induction."""
        dut = self.dut
        ahead = Mux(dut.rewound, dut.level, dut.ahead + dut.more - dut.less)
        m.d.comb += [
            Assert(count <= dut.depth), Assert(place <= count),
            Assert(dut.level == count + dut.freed), Assert(ahead == count - place),
            Assert(dut.oldest < dut.depth), Assert(dut.ahead_one == (count - place == 1)),
            Assert(~(dut.more & dut.less)), Assert(~(dut.rewound & (dut.freed | dut.more))),
        ]  # fmt: skip

    def _data(self, m: Module, count: Signal, place: Signal, push: Signal, free: Signal) -> None:
        """Keep the live words and compare what is read."""
        dut = self.dut
        words = [Signal(dut.width, name=f"word_{n}") for n in range(dut.depth)]
        following = Array([*words[1:], Const(0, dut.width)])
        for n, word in enumerate(words):
            with m.If(push & ((count - free) == n)):
                m.d.sync += word.eq(dut.i.payload)
            with m.Elif(free):
                m.d.sync += word.eq(following[n])
        read = Signal(dut.width)
        m.d.comb += read.eq(Array(words)[place])
        taken = delayed(m, dut.take, dut.LATENCY, "taken")
        want = delayed(m, read, dut.LATENCY, "want")
        m.d.comb += Assert(~taken | (dut.data == want))
