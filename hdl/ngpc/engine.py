"""The encoding engine of one level: banked memory with elastic queues, and interpolation."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_layout import level_layout
from archsim.config.ngpc_params import NfpParams
from hdl.lib.memory import BufferMemory
from hdl.ngpc.interpolate import Interpolator
from hdl.ngpc.position import Locator
from hdl.ngpc.queue import BankQueue
from hdl.ngpc.words import CornerWords, word_bits

TAGS = 16
"""Samples under way: more than a request can wait in a queue, so that only ``o`` stops them."""


class EncodingEngine(wiring.Component):
    """Encodes positions at one level, in order, as ``archsim.functional.ngpc.FixedGrid`` does.

    A word holds two entries; a row of a cell needs one word where x is even, else two. Requests of
    a sample enter the queues of their banks together; a sample in the cell of the one before asks
    for nothing. Words come back out of order and are gathered by sample.

    Ports:

    * ``load``: stream of a word's number (``address``) and ``data``; taken while nothing is read.
    * ``i``: stream of ``dims`` positions, axis 0 lowest.
    * ``o``: stream of ``features`` numbers, feature 0 lowest.

    ``multiplier`` and ``verilog``: see ``RegisteredProduct``.
    """

    def __init__(
        self, params: NfpParams, level: int, *, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        self.params = params
        self.level = level
        self.verilog = verilog
        grid = params.grid
        self.locator = Locator(params, [level], multiplier=multiplier, verilog=verilog)
        self.tree = Interpolator(params, multiplier=multiplier, verilog=verilog)
        self.latency = self.latency_of(params)
        self.number_bits = word_bits(params, level)
        self.words = level_layout(grid, grid.tables[level]).words
        load = data.StructLayout({"address": self.number_bits, "data": params.word_bits})
        super().__init__(
            {
                "load": In(stream.Signature(load)),
                "i": In(stream.Signature(grid.dims * params.formats.position_bits)),
                "o": Out(stream.Signature(grid.features * params.formats.feature_bits)),
            }
        )
        self.bank_bits = params.banks.bit_length() - 1
        self.accept = Signal()
        self.head = Signal(range(TAGS))  # the oldest sample
        self.tail = Signal(range(TAGS))  # the next sample's place
        self.count = Signal(range(TAGS + 1))

    @staticmethod
    def latency_of(params: NfpParams) -> int:
        """Return the cycles from a sample to its features beside those that its words take."""
        # memory and gathering take 2
        return Locator.latency_of(params) + 2 + Interpolator.latency_of(params)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.locator = locator = self.locator
        m.submodules.corners = corners = CornerWords(self.params, self.level)
        connect(m, flipped(self.i), locator.i)
        cell = Cat(locator.o.payload.cell[axis] for axis in range(self.params.grid.dims))
        same = self._same(m, locator.o.valid, cell)
        asks = Cat(
            ~same & (corners.second if c & 1 else 1) for c in range(self.params.grid.corners)
        )
        m.d.comb += corners.cell.eq(cell)
        queues = self._queues(m, corners, asks)
        room = Signal()
        m.d.comb += [
            room.eq(Cat(q.room for q in queues).all() & (self.count != TAGS)),
            self.accept.eq(locator.o.valid & room),
            locator.o.ready.eq(room),
        ]
        arrived = self._banks(m, queues)
        self._gather(m, locator, corners, asks, same, arrived)
        return m

    def _same(self, m: Module, valid: Value, cell: Value) -> Signal:
        """Whether the sample lies in the cell of the one before it."""
        last = Signal(len(cell))
        known = Signal()
        same = Signal()
        with m.If(self.accept):
            m.d.sync += [last.eq(cell), known.eq(1)]
        with m.If(self.load.valid & self.load.ready):
            m.d.sync += known.eq(0)
        m.d.comb += same.eq(known & (last == cell))
        return same

    def _queues(self, m: Module, corners: CornerWords, asks: Value) -> list[BankQueue]:
        """One queue a bank; a request is address, sample and corner."""
        p = self.params
        lanes = p.grid.corners
        bank_of, requests = [], []
        for c in range(lanes):
            number = corners.word.word_select(c, self.number_bits)
            bank_of.append(number[: self.bank_bits])
            requests.append(Cat(number[self.bank_bits :], self.tail, Const(c, p.grid.dims)))
        width = len(requests[0])
        queues = []
        for b in range(p.banks):
            queue = BankQueue(width=width, lanes=lanes, depth=p.queue_depth)
            m.submodules[f"queue_{b}"] = queue
            m.d.comb += [
                queue.enter.eq(Cat(asks[c] & (bank_of[c] == b) for c in range(lanes))),
                queue.request.eq(Cat(requests)),
                queue.take.eq(self.accept),
            ]
            queues.append(queue)
        return queues

    def _banks(self, m: Module, queues: list[BankQueue]) -> list[tuple[Value, Value, Value, Value]]:
        """The memories; return valid, sample, corner and word of what each read a cycle ago."""
        p = self.params
        idle = Signal()
        depth = -(-self.words // p.banks)
        tag_bits, corner_bits = len(self.tail), p.grid.dims
        m.d.comb += [
            idle.eq(~Cat(q.valid for q in queues).any()),
            self.load.ready.eq(idle),
        ]
        arrived = []
        for b, queue in enumerate(queues):
            memory = BufferMemory(width=p.word_bits, depth=max(2, depth), verilog=self.verilog)
            m.submodules[f"bank_{b}"] = memory
            address = queue.head[: len(queue.head) - tag_bits - corner_bits]
            target = self.load.payload.address
            mine = target[: self.bank_bits] == b
            m.d.comb += [
                memory.write_en.eq(self.load.valid & idle & mine),
                memory.write_addr.eq(target[self.bank_bits :]),
                memory.write_data.eq(self.load.payload.data),
                memory.read_en.eq(queue.valid),
                memory.read_addr.eq(address),
            ]
            late = Signal(1 + tag_bits + corner_bits, name=f"read_{b}")
            m.d.sync += late.eq(Cat(queue.valid, queue.head[len(address) :]))
            arrived.append(
                (late[0], late[1 : 1 + tag_bits], late[1 + tag_bits :], memory.read_data)
            )
        return arrived

    def _gather(
        self, m: Module, locator: Locator, corners: CornerWords, asks: Value, same: Value,
        arrived: list[tuple[Value, Value, Value, Value]],
    ) -> None:  # fmt: skip
        """Collect the words of each sample; hand the oldest on when it has all."""
        p = self.params
        lanes = p.grid.corners
        weights = Cat(locator.o.payload.weight[axis] for axis in range(p.grid.dims))
        about = Cat(weights, corners.half, corners.second, same)
        kept = [Signal(len(about), name=f"about_{t}") for t in range(TAGS)]
        missing = [Signal(lanes, name=f"missing_{t}") for t in range(TAGS)]
        words = [
            [Signal(p.word_bits, name=f"word_{t}_{c}") for c in range(lanes)] for t in range(TAGS)
        ]
        for t in range(TAGS):
            here = self.accept & (self.tail == t)
            came = []
            for c in range(lanes):
                hits = [v & (tag == t) & (corner == c) for v, tag, corner, _ in arrived]
                came.append(Cat(hits).any())
                with m.If(came[-1]):
                    m.d.sync += words[t][c].eq(_one_of(hits, [word for *_, word in arrived]))
            m.d.sync += missing[t].eq(Mux(here, asks, missing[t] & ~Cat(came)))
            with m.If(here):
                m.d.sync += kept[t].eq(about)
        self._emit(m, Array(kept)[self.head], Array(missing)[self.head],
                   [Array(words[t][c] for t in range(TAGS))[self.head] for c in range(lanes)],
                   len(weights))  # fmt: skip

    def _emit(
        self, m: Module, about: Value, missing: Value, words: list[Value], weight_bits: int
    ) -> None:
        """Choose each corner's entry and interpolate."""
        p = self.params
        lanes, entry = p.grid.corners, p.word_bits // 2
        m.submodules.interpolator = tree = self.tree
        connect(m, tree.o, flipped(self.o))
        half = about[weight_bits : weight_bits + lanes]
        second, same = about[weight_bits + lanes], about[-1]
        leave = Signal()
        m.d.comb += [
            tree.i.valid.eq((self.count != 0) & (missing == 0)),
            leave.eq(tree.i.valid & tree.i.ready),
            Cat(tree.i.payload.weight[axis] for axis in range(p.grid.dims)).eq(about[:weight_bits]),
        ]
        held = [Signal(p.word_bits, name=f"held_{c}") for c in range(lanes)]
        for c in range(lanes):
            own = words[c] if not c & 1 else Mux(second, words[c], words[c - 1])
            word = Signal(p.word_bits, name=f"chosen_{c}")
            m.d.comb += [
                word.eq(Mux(same, held[c], own)),
                tree.i.payload.corner[c].eq(Mux(half[c], word[entry:], word[:entry])),
            ]
            with m.If(leave):
                m.d.sync += held[c].eq(word)
        m.d.sync += self.count.eq(self.count + self.accept - leave)
        with m.If(self.accept):
            m.d.sync += self.tail.eq(self.tail + 1)
        with m.If(leave):
            m.d.sync += self.head.eq(self.head + 1)


def _one_of(hits: list[Value], values: list[Value]) -> Value:
    """The value whose hit is high; at most one is."""
    found: Value = values[0]
    for hit, value in zip(hits[1:], values[1:], strict=True):
        found = Mux(hit, value, found)
    return found
