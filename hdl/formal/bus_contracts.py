"""Tops that hold the AXI components and the double buffer against naive models.

The other side of a bus is assumed to keep AXI's rules and nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import (
    Array,
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
)  # fmt: skip

from hdl.formal.contracts import free_inputs, keeps_offer
from hdl.lib.axi_burst import PAGE_BYTES
from hdl.lib.axi_control import ControlStatus
from hdl.lib.axi_master import AxiReader, AxiWriter
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.sram import DoubleBuffer


class Check(Elaboratable):
    """A top with free ``inputs``."""

    def __init__(self, *inputs: object) -> None:
        self.domain = ClockDomain("sync", reset_less=True)
        self.ports = free_inputs(self.domain, *inputs)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        self.check(m)
        return m

    def check(self, m: Module) -> None:
        """Add component, model, assumptions and assertions."""
        raise NotImplementedError


class DoubleBufferCheck(Check):
    """Banks come to the reader in the order, and with the words, in which they were handed over.

    The model is a list of banks, each of which knows one word: the one at a free address. A word
    that was not written since its bank came back is not checked.
    """

    def __init__(self, dut: DoubleBuffer) -> None:
        self.dut = dut
        self.place = Signal(range(dut.depth))
        views = [memory.read_port(domain="comb") for memory in dut.memories]
        if len(views) == 1:
            views.append(dut.memories[0].read_port(domain="comb"))
        self.views = views
        super().__init__(
            self.place, dut.write, dut.write_address, dut.write_data, dut.filled, dut.read,
            dut.read_address, dut.drained,
        )  # fmt: skip

    def check(self, m: Module) -> None:
        """Add component, model, assumptions and assertions."""
        m.submodules.dut = dut = self.dut
        place = still(m, self.place)
        m.d.comb += [
            Assume(place < dut.depth), Assume(dut.write_address < dut.depth),
            Assume(dut.read_address < dut.depth), Assume(~dut.write | dut.free),
            Assume(~dut.filled | dut.free), Assume(~dut.read | dut.ready),
            Assume(~dut.drained | dut.ready),
        ]  # fmt: skip
        word, known = Signal(dut.width), Signal()  # of the bank being filled, after this write
        held, held_known = Signal(dut.width), Signal()
        banks = [(Signal(dut.width, name=f"bank_{n}"), Signal(name=f"known_{n}")) for n in (0, 1)]
        count = Signal(range(3))
        writes = dut.write & (dut.write_address == place)
        m.d.comb += [word.eq(Mux(writes, dut.write_data, held)), known.eq(writes | held_known)]
        m.d.sync += [held.eq(word), held_known.eq(known & ~dut.filled)]
        left = Signal.like(count)
        m.d.comb += left.eq(count - dut.drained)
        m.d.sync += count.eq(left + dut.filled)
        with m.If(dut.drained):
            m.d.sync += Cat(*banks[0]).eq(Cat(*banks[1]))
        for n, bank in enumerate(banks):
            with m.If(dut.filled & (left == n)):
                m.d.sync += Cat(*bank).eq(Cat(word, known))
        want, sure = Signal(dut.width), Signal()
        with m.If(dut.read):
            m.d.sync += [want.eq(banks[0][0]), sure.eq(banks[0][1] & (dut.read_address == place))]
        m.d.comb += [
            Assert(dut.free == (count != 2)), Assert(dut.ready == (count != 0)),
            Assert(~sure | (dut.read_data == want)), Cover(sure & (count == 2)),
        ]  # fmt: skip
        self._state(m, count, (held, held_known), banks)

    def _state(
        self, m: Module, count: Signal, held: tuple[Signal, Signal],
        banks: Sequence[tuple[Signal, Signal]],
    ) -> None:  # fmt: skip
        """Assert what the registers and memories mean, for induction."""
        dut = self.dut
        one = len(dut.memories) == 1
        for n, view in enumerate(self.views):
            m.d.comb += view.addr.eq(Cat(self.place, Const(n, 1)) if one else self.place)
        words = Array(view.data for view in self.views)
        oldest, writers = words[dut.drain], words[dut.fill]
        m.d.comb += [
            Assert(count == dut.full[0] + dut.full[1]), Assert(count != 3),
            Assert((dut.fill == dut.drain) == (count != 1)),
            Assert(~held[1] | (count == 2) | (writers == held[0])),
            Assert(~(held[1] & (count == 2))),
            Assert((count == 0) | ~banks[0][1] | (oldest == banks[0][0])),
            Assert((count != 2) | ~banks[1][1] | (words[~dut.drain] == banks[1][0])),
            Assert((count != 1) | dut.full.bit_select(dut.drain, 1)),
        ]  # fmt: skip


class ControlStatusCheck(Check):
    """Registers behind AXI4-Lite: a list of words, written by byte where strobes say so."""

    def __init__(self, dut: ControlStatus) -> None:
        self.dut = dut
        b = dut.bus
        super().__init__(
            b.awaddr, b.awvalid, b.wdata, b.wstrb, b.wvalid, b.bready, b.araddr, b.arvalid,
            b.rready, dut.status,
        )  # fmt: skip

    def check(self, m: Module) -> None:
        """Add component, model, assumptions and assertions."""
        m.submodules.dut = dut = self.dut
        b = dut.bus
        keeps_offer(m, b.awvalid, b.awready, b.awaddr, Assume, "aw")
        keeps_offer(m, b.wvalid, b.wready, Cat(b.wdata, b.wstrb), Assume, "w")
        keeps_offer(m, b.arvalid, b.arready, b.araddr, Assume, "ar")
        keeps_offer(m, b.bvalid, b.bready, b.bresp, Assert, "b")
        keeps_offer(m, b.rvalid, b.rready, Cat(b.rdata, b.rresp), Assert, "r")
        wrote, answered, asked = Signal(), Signal(), Signal()
        m.d.comb += [
            wrote.eq(b.awvalid & b.awready), asked.eq(b.arvalid & b.arready),
            Assert((b.awvalid & b.awready) == (b.wvalid & b.wready)),
            Assert(b.bvalid == answered), Assert((b.bresp == 0) & (b.rresp == 0)),
            Assert(~(b.awvalid & b.wvalid & ~b.bvalid) | wrote),  # served at once
            Assert(~(b.arvalid & ~b.rvalid) | asked), Cover(b.bvalid & b.rvalid),
        ]  # fmt: skip
        m.d.sync += answered.eq(wrote | (answered & ~b.bready))
        self._registers(m, wrote, asked)

    def _registers(self, m: Module, wrote: Signal, asked: Signal) -> None:
        """Keep the words in a list and compare what is read."""
        dut, b = self.dut, self.dut.bus
        words = [Signal(32, name=f"word_{n}") for n in range(dut.controls)]
        for n, word in enumerate(words):
            written = Signal(name=f"written_{n}")
            m.d.comb += [Assert(dut.control.word_select(n, 32) == word)]
            m.d.comb += [Assert(dut.written[n] == written)]
            m.d.sync += written.eq(wrote & (b.awaddr >> 2 == n))
            for byte in range(4):
                with m.If(wrote & (b.awaddr >> 2 == n) & b.wstrb[byte]):
                    at = slice(8 * byte, 8 * byte + 8)
                    m.d.sync += word[at].eq(b.wdata[at])
        seen, waiting = Signal(32), Signal()
        m.d.sync += waiting.eq(asked | (waiting & ~b.rready))
        m.d.comb += [Assert(b.rvalid == waiting), Assert(~waiting | (b.rdata == seen))]
        with m.If(asked):
            m.d.sync += seen.eq(0)
            for n, word in enumerate([*words, *_words(dut.status)]):
                with m.If(b.araddr >> 2 == n):
                    m.d.sync += seen.eq(word)


def _words(value: Value) -> list[Value]:
    return [value.word_select(n, 32) for n in range(len(value) // 32)]


def still(m: Module, value: Signal) -> Signal:
    """Assume that the free ``value`` never changes; return it."""
    begun, before = Signal(), Signal.like(value)
    m.d.sync += [begun.eq(1), before.eq(value)]
    m.d.comb += Assume(~begun | (value == before))
    return value


class ManagerCheck(Check):
    """What reader and writer share: the bursts that they open, in order, and their sum.

    The model is the list of open bursts: how many beats each has, and whether it is its
    transfer's last. Bursts obey AXI4, follow each other in memory and add up to their transfer;
    no more than ``outstanding`` are open.
    """

    prefix = ""

    def __init__(self, dut: AxiReader | AxiWriter, *inputs: object) -> None:
        self.dut = dut
        self.flags = views(dut.flags)
        self.bus = {
            name: getattr(dut.axi, self.prefix + name)
            for name in ("addr", "len", "size", "burst", "valid", "ready")
        }
        super().__init__(dut.i.valid, dut.i.payload, self.bus["ready"], *inputs)

    def bursts(self, m: Module, closed: Value) -> tuple[list[Signal], list[Signal], Signal]:
        """Model the address channel; ``closed``: the oldest burst ends in this cycle.

        Return the open bursts' lengths (beats less one), whether each is its transfer's last, and
        how many are open.
        """
        m.submodules.dut = dut = self.dut
        bus, split = self.bus, dut.splitter
        payload = Cat(bus["addr"], bus["len"], bus["size"], bus["burst"])
        keeps_offer(m, dut.i.valid, dut.i.ready, dut.i.payload, Assume, "i")
        keeps_offer(m, bus["valid"], bus["ready"], payload, Assert, "address")
        most = dut.outstanding
        lengths = [Signal(8, name=f"length_{n}") for n in range(most)]
        lasts = [Signal(name=f"last_{n}") for n in range(most)]
        count, kept = Signal(range(most + 1)), Signal(range(most + 1))
        todo, following = Signal(split.count_bits), Signal(dut.address_bits)
        sent, beats, end = Signal(), Signal(9), Signal(dut.address_bits + 9)
        m.d.comb += [
            sent.eq(bus["valid"] & bus["ready"]), kept.eq(count - closed),
            beats.eq(bus["len"] + 1),
            end.eq(bus["addr"] + ((beats - 1) << split.offset_bits)),
            Assert(bus["valid"] == ((todo != 0) & (count != most))),
            Assert(dut.i.ready == (todo == 0)), Assert(count <= most),
        ]  # fmt: skip
        with m.If(bus["valid"]):
            m.d.comb += [
                Assert(bus["addr"] == following), Assert(beats <= todo),
                Assert(beats <= split.max_burst), Assert(bus["size"] == split.offset_bits),
                Assert(bus["addr"] // PAGE_BYTES == end // PAGE_BYTES), Assert(bus["burst"] == 1),
            ]  # fmt: skip
        m.d.sync += count.eq(kept + sent)
        with m.If(dut.i.valid & dut.i.ready):
            mask = (1 << dut.address_bits) - split.beat_bytes
            m.d.sync += [
                todo.eq(dut.i.payload.beats), following.eq(dut.i.payload.address & mask),
            ]  # fmt: skip
        with m.Elif(sent):
            m.d.sync += [
                todo.eq(todo - beats), following.eq(following + (beats << split.offset_bits)),
            ]  # fmt: skip
        shift(m, lengths, closed, sent, kept, bus["len"])
        shift(m, lasts, closed, sent, kept, beats == todo)
        m.d.comb += [Assert(split.remaining == todo)]
        m.d.comb += [Assert((todo == 0) | ((split.beat << split.offset_bits) == following))]
        same_queue(m, dut.flags, self.flags, count, lasts)
        return lengths, lasts, count


def views(fifo: SmallFifo) -> list[object]:
    """Return a view of each word of a FIFO's memory."""
    return [fifo.memory.read_port(domain="comb") for _ in range(fifo.depth)]


def same_queue(
    m: Module, fifo: SmallFifo, ports: Sequence[object], count: Value, words: Sequence[Value]
) -> None:
    """Assert that ``fifo`` holds the first ``count`` of ``words``, for induction."""
    m.d.comb += [Assert(fifo.level == count), Assert(fifo.tail < fifo.depth)]
    m.d.comb += Assert(fifo.head == (fifo.tail + count) % fifo.depth)
    for n, (port, word) in enumerate(zip(ports, words, strict=True)):
        m.d.comb += port.addr.eq((fifo.tail + n) % fifo.depth)  # type: ignore[attr-defined]
        m.d.comb += Assert((count <= n) | (port.data == word))  # type: ignore[attr-defined]


def shift(
    m: Module, words: Sequence[Signal], pop: Value, push: Value, place: Value, word: Value
) -> None:
    """Keep a list: ``pop`` takes its first word, ``push`` puts ``word`` at ``place`` after that."""
    following = [*words[1:], Const(0, len(words[0]))]
    for n, (register, after) in enumerate(zip(words, following, strict=True)):
        with m.If(push & (place == n)):
            m.d.sync += register.eq(word)
        with m.Elif(pop):
            m.d.sync += register.eq(after)


class ReaderCheck(ManagerCheck):
    """Beats pass unchanged; ``last`` is on the last beat of a transfer's last burst, nowhere else.

    Assumed of the memory: beats of open bursts only, in order, ``rlast`` on each burst's last.
    """

    prefix = "ar"
    dut: AxiReader

    def __init__(self, dut: AxiReader) -> None:
        axi = dut.axi
        super().__init__(dut, axi.rdata, axi.rresp, axi.rlast, axi.rvalid, dut.o.ready)

    def check(self, m: Module) -> None:
        """Add component, model, assumptions and assertions."""
        dut, axi = self.dut, self.dut.axi
        moved, beat = Signal(), Signal(8)
        m.d.comb += moved.eq(axi.rvalid & axi.rready)
        lengths, lasts, count = self.bursts(m, moved & axi.rlast)
        word = Cat(axi.rdata, axi.rresp, axi.rlast)
        keeps_offer(m, axi.rvalid, axi.rready, word, Assume, "r")
        keeps_offer(m, dut.o.valid, dut.o.ready, dut.o.payload, Assert, "o")
        m.d.comb += [
            Assume(~axi.rvalid | (count != 0)),
            Assume(~axi.rvalid | (axi.rlast == (beat == lengths[0]))),
            Assert((count == 0) | (beat <= lengths[0])), Assert((count != 0) | (beat == 0)),
            Assert(axi.rready == dut.o.ready), Assert(dut.o.valid == axi.rvalid),
            Cover(dut.o.valid & dut.o.payload.last & (beat != 0) & (count == dut.outstanding)),
        ]  # fmt: skip
        with m.If(dut.o.valid):
            m.d.comb += [
                Assert(dut.o.payload.data == axi.rdata),
                Assert(dut.o.payload.error == (axi.rresp >= 2)),
                Assert(dut.o.payload.last == ((beat == lengths[0]) & lasts[0])),
            ]
        with m.If(moved):
            m.d.sync += beat.eq(Mux(axi.rlast, 0, beat + 1))


class WriterCheck(ManagerCheck):
    """Data follows its bursts in order, ``wlast`` ends each; one answer a transfer, as it went.

    Assumed of the memory: a response only for a burst whose data it has, in order.
    """

    prefix = "aw"
    dut: AxiWriter

    def __init__(self, dut: AxiWriter) -> None:
        axi = dut.axi
        self.lengths = views(dut.lengths)
        super().__init__(
            dut, dut.d.valid, dut.d.payload, dut.o.ready, axi.wready, axi.bvalid, axi.bresp
        )

    def check(self, m: Module) -> None:
        """Add component, model, assumptions and assertions."""
        dut, axi = self.dut, self.dut.axi
        answer, moved, ends = Signal(), Signal(), Signal()
        m.d.comb += [
            answer.eq(axi.bvalid & axi.bready), moved.eq(axi.wvalid & axi.wready),
            ends.eq(moved & axi.wlast),
        ]  # fmt: skip
        lengths, lasts, count = self.bursts(m, answer)
        keeps_offer(m, dut.d.valid, dut.d.ready, dut.d.payload, Assume, "d")
        keeps_offer(m, axi.bvalid, axi.bready, axi.bresp, Assume, "b")
        word = Cat(axi.wdata, axi.wlast)
        keeps_offer(m, axi.wvalid, axi.wready, word, Assert, "w")
        keeps_offer(m, dut.o.valid, dut.o.ready, dut.o.payload, Assert, "o")
        done, beat = Signal.like(count), Signal(8)  # bursts whose data is sent; beat of the next
        now = Array([*lengths, Const(0, 8)])[done]
        sending = Signal()
        m.d.comb += [
            sending.eq(done != count), Assert(done <= count),
            Assume(~axi.bvalid | (done != 0)),
            Assert(axi.wvalid == (dut.d.valid & sending)), Assert(axi.wstrb.all()),
            Assert(dut.d.ready == (axi.wready & sending)), Assert(axi.wdata == dut.d.payload),
            Assert(~axi.wvalid | (axi.wlast == (beat == now))), Assert(~sending | (beat <= now)),
            Assert(sending | (beat == 0)), Assert(dut.beat == beat),
        ]  # fmt: skip
        m.d.sync += done.eq(done + ends - answer)
        with m.If(moved):
            m.d.sync += beat.eq(Mux(beat == now, 0, beat + 1))
        behind = [Array([*lengths, *[Const(0, 8)] * dut.outstanding])[done + n]
                  for n in range(dut.outstanding)]  # fmt: skip
        same_queue(m, dut.lengths, self.lengths, count - done, behind)
        self._answers(m, answer, lasts[0], count)

    def _answers(self, m: Module, answer: Signal, last: Signal, count: Signal) -> None:
        """Model the words on ``o``: whether a response of the transfer was an error."""
        dut, axi = self.dut, self.dut.axi
        bad, waiting, word = Signal(), Signal(), Signal()
        with m.If(answer):
            m.d.sync += bad.eq(~last & (bad | (axi.bresp >= 2)))
        m.d.sync += waiting.eq((answer & last) | (waiting & ~dut.o.ready))
        with m.If(answer & last):
            m.d.sync += word.eq(bad | (axi.bresp >= 2))
        m.d.comb += [
            Assert(dut.o.valid == waiting), Assert(~waiting | (dut.o.payload == word)),
            Assert(axi.bready == (~waiting | dut.o.ready)), Assert(dut.failed == bad),
            Cover(dut.o.valid & dut.o.payload & (count == dut.outstanding)),
        ]  # fmt: skip
