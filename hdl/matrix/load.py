"""Loading: words from the input stream go to the buffer that the schedule says."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import COUNT_BITS, MatrixParams
from hdl.matrix.job import JOB

_A, _B, _PARAM = range(3)


class Loader(wiring.Component):
    """Cuts the input stream into words and sends each to its buffer, in order of first use.

    For each group: column parameters; the first row tile of A and the first column tile of B in
    turn, word by word; the group's other row tiles; then for every further column tile its
    parameters and words. With ``stream_a`` every column tile comes with the row tile of A.
    A word takes whole beats, the lowest bits first.

    Ports: ``start`` (1, in) with a stable ``job``; ``i`` stream of ``8 * port_bytes`` bits;
    ``a``, ``b``, ``param``: streams of words; ``busy`` (1, out) until the last word is through.
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
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        kind = Signal(2)
        done = self._words(m, kind)
        self._schedule(m, kind, done)
        return m

    def _words(self, m: Module, kind: Signal) -> Value:
        """Collect beats; return the signal of a word's last beat being taken."""
        p = self.params
        sizes = (p.a_word_bits, p.b_word_bits, p.param_word_bits)
        beats = [p.beats(size) or 1 for size in sizes]
        width = 8 * p.port_bytes
        parts = Signal((max(beats) - 1) * width, reset_less=True)
        beat = Signal(range(max(2, *beats)))
        final = Signal()
        ready = Signal()
        with m.Switch(kind):
            for index, target in enumerate((self.a, self.b, self.param)):
                with m.Case(index):
                    m.d.comb += [
                        final.eq(beat == beats[index] - 1),
                        ready.eq(target.ready),
                        target.valid.eq(self.busy & final & self.i.valid),
                    ]
        m.d.comb += self.i.ready.eq(self.busy & (~final | ready))
        whole = Cat(parts, self.i.payload)
        for index, target in enumerate((self.a, self.b, self.param)):
            m.d.comb += target.payload.eq(whole[(max(beats) - beats[index]) * width :])
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [parts.eq(whole[width:]), beat.eq(Mux(final, 0, beat + 1))]
        return self.i.valid & self.i.ready & final

    def _schedule(self, m: Module, kind: Signal, done: Value) -> None:
        k, held, n, group = (Signal(COUNT_BITS, name=x) for x in ("k", "held", "n", "group"))
        both = Signal()  # A and B in turn
        first_kind = Const(_PARAM if self.params.has_params else _A, 2)
        next_kind = _PARAM if self.params.has_params else _B
        with m.If(self.start):
            m.d.sync += [
                self.busy.eq(1), kind.eq(first_kind), both.eq(1), k.eq(self.job.k),
                held.eq(Mux(self.job.groups == 1, self.job.last_held, self.job.held)),
                n.eq(self.job.n_tiles), group.eq(self.job.groups),
            ]  # fmt: skip
        block_end = Signal()
        columns_next = Signal()
        with m.If(done), m.Switch(kind):
            with m.Case(_PARAM):
                m.d.sync += kind.eq(Mux(both, _A, _B))
            with m.Case(_A):
                with m.If(both):
                    m.d.sync += kind.eq(_B)
                with m.Else():
                    m.d.comb += block_end.eq(k == 1)
                    m.d.sync += k.eq(Mux(block_end, self.job.k, k - 1))
            with m.Case(_B):
                m.d.comb += block_end.eq(k == 1)
                m.d.sync += k.eq(Mux(block_end, self.job.k, k - 1))
                with m.If(both):
                    m.d.sync += kind.eq(_A)
        with m.If(block_end):
            with m.If(held != 1):  # more of the group's A
                m.d.sync += [kind.eq(_A), both.eq(0), held.eq(held - 1)]
            with m.Else():
                m.d.comb += columns_next.eq(1)
        with m.If(columns_next):
            with m.If(n != 1):
                m.d.sync += [n.eq(n - 1), both.eq(self.job.stream_a)]
                m.d.sync += kind.eq(Mux(self.job.stream_a, first_kind, next_kind))
            with m.Elif(group != 1):
                m.d.sync += [
                    n.eq(self.job.n_tiles), both.eq(1), kind.eq(first_kind), group.eq(group - 1),
                    held.eq(Mux(group == 2, self.job.last_held, self.job.held)),
                ]  # fmt: skip
            with m.Else():
                m.d.sync += self.busy.eq(0)
