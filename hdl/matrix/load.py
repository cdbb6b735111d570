"""Loading: words from the input stream go to the buffer that the schedule says."""

from __future__ import annotations

from abc import abstractmethod

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import COUNT_BITS, MatrixParams
from hdl.lib.countdown import Countdown, Preset
from hdl.matrix.job import JOB

A, B, PARAM = 1, 2, 4
"""Kinds of word, one hot."""


class Loader(wiring.Component):
    """Cuts the input stream into words and sends each to its buffer, in order of first use.

    A word takes whole beats, the lowest bits first.

    Ports: ``start`` (1, in) with a stable ``job``; ``i`` stream of ``8 * port_bytes`` bits;
    ``a``, ``b``, ``param``: streams of words; ``b_freed`` (1, in): a
    block of weights has left its buffer; ``busy`` (1, out) until the last word is through.
    """

    def __init__(self, params: MatrixParams) -> None:
        self.params = params
        super().__init__(
            {
                "start": In(1),
                "job": In(JOB),
                "busy": Out(1),
                "i": In(stream.Signature(8 * params.port_bytes)),
                "a": Out(stream.Signature(params.a_word_bits)),
                "b": Out(stream.Signature(params.b_word_bits)),
                "param": Out(stream.Signature(max(1, params.param_word_bits))),
                "b_freed": In(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        self.kind = Signal(3)  # one hot: whose word comes; 0 while idle
        self.next_kind = Signal(3)  # after this word, or at the start
        self.b_open = Signal(init=1)  # whether the B buffer has room beyond a word
        done = self._words(m)
        m.d.comb += self.next_kind.eq(self.kind)
        with m.If(self.start | done):
            m.d.sync += self.kind.eq(self.next_kind)
        self._schedule(m, done)
        return m

    @abstractmethod
    def _schedule(self, m: Module, done: Value) -> None:
        """Choose ``next_kind`` when a word is ``done`` and at the start."""

    def _words(self, m: Module) -> Value:
        """Collect beats; return the signal of a word's last beat being taken."""
        p = self.params
        sizes = (p.a_word_bits, p.b_word_bits, p.param_word_bits)
        beats = [p.beats(size) or 1 for size in sizes]
        width = 8 * p.port_bytes
        parts = Signal((max(beats) - 1) * width, reset_less=True)
        beat = Signal(range(max(2, *beats)))
        final = Signal(3)  # one hot: this beat is the last of that kind of word
        targets = (self.a, self.b, self.param)
        wanted = Cat(self.a.ready, self.b.ready & self.b_open, self.param.ready)
        accept = Signal()
        done = Signal()
        m.d.comb += [
            self.i.ready.eq(self.busy & ~(final & ~wanted).any()),
            accept.eq(self.i.valid & self.i.ready),
            done.eq(self.i.valid & (final & wanted).any()),
        ]
        whole = Cat(parts, self.i.payload)
        for index, target in enumerate(targets):
            gate = self.b_open if target is self.b else 1
            m.d.comb += [
                target.valid.eq(final[index] & self.i.valid & gate),
                target.payload.eq(whole[(max(beats) - beats[index]) * width :]),
            ]
        single = Const(sum((count == 1) << index for index, count in enumerate(beats)), 3)
        last_but_one = Cat(beat == count - 2 if count > 1 else Const(0) for count in beats)
        with m.If(accept):
            m.d.sync += [parts.eq(whole[width:]), beat.eq(Mux(done, 0, beat + 1))]
        with m.If(self.start | accept):
            following = Mux(self.start | done, self.next_kind & single, self.kind & last_but_one)
            m.d.sync += final.eq(following)
        return done


class TileLoader(Loader):
    """Output-stationary. For each group: column parameters; the first row tile of A and the first
    column tile of B in turn, word by word; the group's other row tiles; then for every further
    column tile its parameters and words. With ``stream_a`` every column tile comes with the row
    tile of A.
    """

    def _schedule(self, m: Module, done: Value) -> None:
        names = ("k", "groups", "held", "last_held", "n_tiles")
        job = {name: Preset(m, name, getattr(self.job, name)) for name in names}
        stream_a = self.job.stream_a
        kind, following = self.kind, self.next_kind
        k, held, n, group = (Countdown(x, COUNT_BITS) for x in ("k", "held", "n", "group"))
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
                self.busy.eq(1), both.eq(1), *k.load(job["k"].now),
                *held.choose(job["groups"].now.one, job["last_held"].now, job["held"].now),
                *n.load(job["n_tiles"].now), *group.load(job["groups"].now),
            ]  # fmt: skip
        with m.Elif(done):
            with m.If(kind[2]):
                m.d.comb += following.eq(Mux(both, A, B))
            with m.Elif(both):
                m.d.comb += following.eq(Mux(kind[0], B, A))
            with m.If(counts):
                m.d.sync += k.step()
            with m.If(block_end):
                m.d.sync += k.load(job["k"])
                with m.If(~held.one):  # more of the group's A
                    m.d.comb += following.eq(A)
                    m.d.sync += [both.eq(0), *held.step()]
                with m.Elif(~n.one):
                    m.d.sync += [both.eq(stream_a), *n.step()]
                    m.d.comb += following.eq(Mux(stream_a, first_kind, next_kind))
                with m.Elif(~group.one):
                    m.d.comb += following.eq(first_kind)
                    m.d.sync += [
                        *n.load(job["n_tiles"]), both.eq(1), *group.step(),
                        *held.choose(group.two, job["last_held"], job["held"]),
                    ]  # fmt: skip
                with m.Else():
                    m.d.comb += following.eq(0)
                    m.d.sync += self.busy.eq(0)
