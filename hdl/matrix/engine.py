"""The matrix engine: buffers, array, post-processing and their control."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.matrix import MatrixParams
from hdl.arith.requant import PostLane, lane_signature, latency
from hdl.lib.counting import delayed
from hdl.lib.fifo import StreamFifo
from hdl.lib.modules import place
from hdl.lib.narrow import Narrower
from hdl.lib.replay import ReplayBuffer
from hdl.matrix.array import SystolicArray
from hdl.matrix.issue import Issuer
from hdl.matrix.job import JOB
from hdl.matrix.load import Loader

PARAM_DEPTH = 16
"""Column tiles whose parameters can wait."""

LANE = "matrix_lane"
"""Name of the Verilog module of ``PostLane``."""

COUNTERS = ("cycles", "compute", "stall_input", "stall_output", "stall_drain", "tail")
"""Counted from start to done; ``cycles`` is the sum of the others."""


class MatrixEngine(wiring.Component):
    """``out = act(requantise(A x B + bias))`` for one job, streams in and out.

    Ports:

    * ``start`` (1, in) with a stable ``job``; ``busy`` (1, out): from the next cycle until the last
      result is taken.
    * ``i``: stream of ``8 * port_bytes`` bits, as ``Loader`` says.
    * ``o``: stream of ``8 * port_bytes`` bits: per tile its rows in order, each row's columns
      lowest first in whole beats; ``last`` (1, out): this beat ends the job.
    * ``counters``: 32 bits for each of ``COUNTERS``, cleared by ``start``.
    """

    def __init__(self, params: MatrixParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        super().__init__(
            {
                "start": In(1),
                "job": In(JOB),
                "busy": Out(1),
                "i": In(stream.Signature(8 * params.port_bytes)),
                "o": Out(stream.Signature(8 * params.port_bytes)),
                "last": Out(1),
                "counters": Out(32 * len(COUNTERS)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        m.submodules.loader = loader = Loader(p)
        m.submodules.issuer = issuer = Issuer(p)
        m.submodules.a_buffer = a = ReplayBuffer(
            width=p.a_word_bits, depth=p.a_depth, verilog=self.verilog
        )
        m.submodules.b_buffer = b = ReplayBuffer(
            width=p.b_word_bits, depth=p.b_depth, verilog=self.verilog
        )
        m.submodules.array = array = SystolicArray(p, verilog=self.verilog)
        connect(m, flipped(self.i), loader.i)
        connect(m, loader.a, a.i)
        connect(m, loader.b, b.i)
        for block in (loader, issuer):
            m.d.comb += [block.start.eq(self.start), block.job.eq(self.job)]
        m.d.comb += [
            issuer.a_available.eq(a.available), issuer.b_available.eq(b.available),
            a.take.eq(issuer.take), b.take.eq(issuer.take),
            a.release.eq(issuer.a_release), a.rewind.eq(issuer.a_rewind),
            b.release.eq(issuer.b_release), b.rewind.eq(issuer.b_rewind),
        ]  # fmt: skip
        flags = Cat(issuer.take, issuer.first, issuer.last, issuer.partial, issuer.pop)
        take, first, last, partial, pop = delayed(m, _signal(m, flags), ReplayBuffer.LATENCY)
        m.d.comb += [
            array.a.eq(Mux(take, a.data, 0)), array.b.eq(Mux(take, b.data, 0)),
            array.first.eq(first), array.last.eq(last), array.info.eq(Cat(partial, pop)),
        ]  # fmt: skip
        rows = self._results(m, array, loader)
        self._output(m, rows, issuer)
        self._count(m, issuer)
        return m

    def _results(self, m: Module, array: SystolicArray, loader: Loader) -> stream.Interface:
        """Count out the rows of each tile and process them; return the stream of rows."""
        p = self.params
        left = Signal(range(p.rows + 1))  # rows of the tile still to come, this one not counted
        kept = Signal(range(p.rows))  # rows of it still to come that are results
        pop = Signal()
        running = Signal()
        valid = Signal()
        m.d.comb += [running.eq(array.start | (left != 0)), valid.eq(array.start | (kept != 0))]
        with m.If(array.start):
            m.d.sync += [left.eq(p.rows - 1), pop.eq(array.start_info[1])]
            m.d.sync += kept.eq(Mux(array.start_info[0], self.job.last_rows - 1, p.rows - 1))
        with m.Else():
            with m.If(left != 0):
                m.d.sync += left.eq(left - 1)
            with m.If(kept != 0):
                m.d.sync += kept.eq(kept - 1)
        word = self._columns(
            m,
            loader,
            running
            & (left == 1 if p.rows > 1 else 1)
            & (pop if p.rows > 1 else array.start_info[1]),
        )
        results = []
        for j in range(p.columns):
            lane = place(
                m,
                f"lane_{j}",
                lambda: PostLane(p),
                lane_signature(p),
                LANE if self.verilog else None,
            )
            m.d.comb += [
                lane.sum.eq(array.row.word_select(j, p.acc_bits)),
                lane.param.eq(word.word_select(j, max(1, p.param_column_bits))),
            ]
            results.append(lane.result.as_unsigned())
        rows = stream.Signature(p.out_word_bits).create(path=("rows",))
        m.d.comb += [
            rows.valid.eq(delayed(m, valid, latency(p), "row_valid")),
            rows.payload.eq(Cat(results)),
        ]
        return rows

    def _columns(self, m: Module, loader: Loader, pop: object) -> Signal:
        """Keep the column parameters until ``pop``; return those of the current tile."""
        p = self.params
        if not p.has_params:
            return Signal(p.columns, name="no_params")
        m.submodules.columns = fifo = StreamFifo(
            width=p.param_word_bits, depth=PARAM_DEPTH, verilog=self.verilog
        )
        connect(m, loader.param, fifo.i)
        m.d.comb += fifo.o.ready.eq(pop)
        return fifo.o.payload

    def _output(self, m: Module, rows: stream.Interface, issuer: Issuer) -> None:
        p = self.params
        m.submodules.out_buffer = buffer = StreamFifo(
            width=p.out_word_bits, depth=p.out_depth, verilog=self.verilog
        )
        m.submodules.narrower = narrower = Narrower(
            width=p.out_word_bits, beat_bits=8 * p.port_bytes
        )
        ending = Signal()
        m.d.comb += [
            buffer.i.valid.eq(rows.valid),
            buffer.i.payload.eq(rows.payload),
            issuer.row_out.eq(buffer.o.valid & buffer.o.ready),
            ending.eq(~issuer.busy & issuer.one_left),
            self.last.eq(ending & narrower.final),
        ]
        connect(m, buffer.o, narrower.i)
        connect(m, narrower.o, flipped(self.o))

    def _count(self, m: Module, issuer: Issuer) -> None:
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(~issuer.busy & issuer.empty):
            m.d.sync += self.busy.eq(0)
        tail = self.busy & ~issuer.busy
        events = {
            "cycles": self.busy,
            "compute": issuer.take,
            "stall_input": issuer.stall_input,
            "stall_output": issuer.stall_output,
            "stall_drain": issuer.stall_drain,
            "tail": tail,
        }
        for index, name in enumerate(COUNTERS):
            counter = Signal(32, name=name)
            with m.If(self.start):
                m.d.sync += counter.eq(0)
            with m.Elif(events[name]):
                m.d.sync += counter.eq(counter + 1)
            m.d.comb += self.counters.word_select(index, 32).eq(counter)


def _signal(m: Module, value: object) -> Signal:
    """Return ``value`` as a named signal."""
    signal = Signal(len(value))  # type: ignore[arg-type]
    m.d.comb += signal.eq(value)
    return signal
