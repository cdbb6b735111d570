"""Loading: words from the input stream go to the buffer that the schedule says."""

from __future__ import annotations

from abc import abstractmethod

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import MatrixParams
from hdl.lib.countdown import Countdown, Preset
from hdl.lib.counting import delayed
from hdl.lib.credits import Credits
from hdl.lib.skid import SkidBuffer
from hdl.matrix.job import JOB

A, B, PARAM = 1, 2, 4
"""Kinds of word, one hot."""

PARAM_DEPTH = 16
"""Column tiles whose parameters can wait."""


class Loader(wiring.Component):
    """Cuts the input stream into words and sends each to its buffer, in order of first use.

    A word takes whole beats, the lowest bits first. The schedule runs ahead of the words by up to
    three, and the places left in each buffer are counted here, so that ``i.ready`` is a register:
    whether a beat fits is known one cycle before.

    Ports:

    * ``start`` (1, in), a cycle after ``job`` is stable; ``i``: stream of ``8 * port_bytes`` bits.
    * ``a_valid``, ``b_valid``, ``param_valid`` (1, out): a word for that buffer, which must take
      it. Idle 0. With them ``a``, ``b``, ``param``, the words.
    * ``a_freed``, ``b_freed``, ``param_freed`` (1, in): a place is free again; weight-stationary,
      ``b_freed`` is those of a whole block of weights.
    """

    def __init__(self, params: MatrixParams) -> None:
        self.params = params
        widths = (params.a_word_bits, params.b_word_bits, max(1, params.param_word_bits))
        ports = {"start": In(1), "job": In(JOB), "i": In(stream.Signature(8 * params.port_bytes))}
        for name, width in zip(("a", "b", "param"), widths, strict=True):
            ports |= {name: Out(width), f"{name}_valid": Out(1), f"{name}_freed": In(1)}
        super().__init__(ports)

    @property
    def b_places(self) -> int:
        """Places of the B buffer, as ``b_freed`` counts them."""
        return self.params.b_depth

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        self.kind = Signal(3)  # one hot: what the schedule is at; 0 while idle
        self.next_kind = Signal(3)  # after that, or at the start
        self.asks = Signal(init=1)  # whether it needs a place of its buffer
        m.submodules.order = order = SkidBuffer(width=4)
        step = Signal()
        m.d.comb += [
            order.i.valid.eq(self.kind.any()),
            order.i.payload.eq(Cat(self.kind, self.asks)),
            step.eq(order.i.valid & order.i.ready),
            self.next_kind.eq(self.kind),
        ]
        with m.If(self.start | step):
            m.d.sync += self.kind.eq(self.next_kind)
        self._schedule(m, step)
        self._words(m, order.o)
        return m

    @abstractmethod
    def _schedule(self, m: Module, step: Value) -> None:
        """Choose ``next_kind`` and ``asks`` at every ``step`` and at the start."""

    def _words(self, m: Module, order: stream.Interface) -> None:
        """Collect the beats of one word after the other."""
        p = self.params
        beats = [p.beats(x) or 1 for x in (p.a_word_bits, p.b_word_bits, p.param_word_bits)]
        most, width = max(beats), 8 * p.port_bytes
        kind, asks = Signal(3), Signal()  # of the word whose beats come; 0 for none
        idle, go = Signal(init=1), Signal()  # no word is open; a beat may come
        accept, done, advance = Signal(), Signal(), Signal()
        then = order.payload[:3] & order.valid.replicate(3)
        m.d.comb += [
            self.i.ready.eq(go),
            accept.eq(self.i.valid & go),
            advance.eq(idle | done),
            order.ready.eq(advance),
        ]
        with m.If(advance):
            m.d.sync += [kind.eq(then), asks.eq(order.payload[3]), idle.eq(~order.valid)]
        some, left = self._places(m, done & asks, kind, asks)
        fits = Mux(advance, ~order.payload[3] | (then & left).any(), ~asks | (kind & some).any())
        ends = Const(1)  # the next cycle's beat is its word's last
        if most == 1:
            m.d.comb += done.eq(accept)
        else:
            final = Signal()
            m.d.comb += done.eq(accept & final)
            ends = self._ends(m, beats, kind, then, accept, advance, final)
            m.d.sync += final.eq(ends)
        m.d.sync += go.eq(Mux(advance, order.valid, 1) & (fits | ~ends))
        whose = Signal(3)  # one hot: this beat ends a word of that kind
        m.d.comb += whose.eq(Mux(done, kind, 0))
        self._send(m, beats, accept, whose, width)

    def _places(self, m: Module, take: Value, kind: Signal, asks: Signal) -> tuple[Value, Value]:
        """Count the places of the buffers; return, a bit each, whether any is left next cycle: if
        no word ends now, and if the open one does or there is none.
        """
        places = {"a": self.params.a_depth, "b": self.b_places, "param": PARAM_DEPTH}
        credits = [
            Credits(m, name, count, take=take & kind[n], freed=getattr(self, f"{name}_freed"))
            for n, (name, count) in enumerate(places.items())
        ]
        ends = [credit.left(asks & kind[n]) for n, credit in enumerate(credits)]
        return Cat(credit.left(0) for credit in credits), Cat(ends)

    def _ends(
        self, m: Module, beats: list[int], kind: Signal, then: Value, accept: Signal,
        advance: Signal, final: Signal,
    ) -> Value:  # fmt: skip
        """Count a word's beats; return whether the next cycle's is its last."""
        beat = Signal(range(max(beats)))
        with m.If(advance):
            m.d.sync += beat.eq(0)
        with m.Elif(accept):
            m.d.sync += beat.eq(beat + 1)
        single = Const(sum((count == 1) << n for n, count in enumerate(beats)), 3)
        one_more = Cat(beat == count - 2 if count > 1 else Const(0, 1) for count in beats)
        going = Mux(accept, (kind & one_more).any(), final)
        return Mux(advance, (then & single).any(), going)

    def _send(self, m: Module, beats: list[int], accept: Signal, done: Value, width: int) -> None:
        """Shift the beats together, and say whose word they are when the last is there.

        A beat is registered before, so that the wide register's enable is a register too.
        """
        beat = Signal(width, reset_less=True)
        word = Signal(max(beats) * width, reset_less=True)
        arrived = delayed(m, accept, 1, "arrived")
        m.d.sync += beat.eq(self.i.payload)
        with m.If(arrived if max(beats) > 1 else Const(1)):
            m.d.sync += word.eq(Cat(word, beat)[width:])
        valid = delayed(m, done, 2, "valid")
        for n, (name, count) in enumerate(zip(("a", "b", "param"), beats, strict=True)):
            m.d.comb += [
                getattr(self, f"{name}_valid").eq(valid[n]),
                getattr(self, name).eq(word[(max(beats) - count) * width :]),
            ]


class TileLoader(Loader):
    """Output-stationary. For each group: column parameters; the first row tile of A and the first
    column tile of B in turn, word by word; the group's other row tiles; then for every further
    column tile its parameters and words. With ``stream_a`` every column tile comes with the row
    tile of A.
    """

    def _schedule(self, m: Module, step: Value) -> None:
        names = ("k", "groups", "held", "last_held", "n_tiles")
        job = {name: Preset(m, name, getattr(self.job, name)) for name in names}
        stream_a = self.job.stream_a
        kind, following = self.kind, self.next_kind
        k = Countdown(m, "k", job["k"])
        held = Countdown(m, "held", job["held"], job["last_held"])
        n = Countdown(m, "n", job["n_tiles"])
        group = Countdown(m, "group", job["groups"])
        both = Signal()  # A and B in turn
        block_end = Signal()
        first_kind = Const(PARAM if self.params.has_params else A, 3)
        next_kind = Const(PARAM if self.params.has_params else B, 3)
        counts = Signal()  # this word ends a k
        m.d.comb += [
            counts.eq((kind == B) | ((kind == A) & ~both)),
            block_end.eq(counts & k.one),
        ]
        with m.If(self.start):
            m.d.comb += following.eq(first_kind)
            m.d.sync += [
                both.eq(1), *k.load(), *held.load(job["groups"].one), *n.load(), *group.load(),
            ]  # fmt: skip
        with m.Elif(step):
            with m.If(kind[2]):
                m.d.comb += following.eq(Mux(both, A, B))
            with m.Elif(both):
                m.d.comb += following.eq(Mux(kind[0], B, A))
            with m.If(counts):
                m.d.sync += k.step()
            with m.If(block_end):
                m.d.sync += k.load()
                with m.If(~held.one):  # more of the group's A
                    m.d.comb += following.eq(A)
                    m.d.sync += [both.eq(0), *held.step()]
                with m.Elif(~n.one):
                    m.d.sync += [both.eq(stream_a), *n.step()]
                    m.d.comb += following.eq(Mux(stream_a, first_kind, next_kind))
                with m.Elif(~group.one):
                    m.d.comb += following.eq(first_kind)
                    m.d.sync += [
                        *n.load(), both.eq(1), *group.step(), *held.load(group.two),
                    ]  # fmt: skip
                with m.Else():
                    m.d.comb += following.eq(0)
