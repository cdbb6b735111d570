"""The matrix engine: buffers, array, post-processing and their control."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.matrix import MatrixParams
from hdl.arith.requant import PostLane, lane_signature, latency
from hdl.lib.counting import delayed, increment
from hdl.lib.fifo import StreamFifo
from hdl.lib.memory import BufferMemory
from hdl.lib.modules import place
from hdl.lib.narrow import Narrower
from hdl.lib.replay import ReplayBuffer
from hdl.matrix.accumulate import Accumulator
from hdl.matrix.array import SystolicArray
from hdl.matrix.issue import Issuer, TileIssuer
from hdl.matrix.issue_blocks import BlockIssuer
from hdl.matrix.job import JOB
from hdl.matrix.load import PARAM_DEPTH, Loader, TileLoader
from hdl.matrix.load_blocks import BlockLoader

LANE = "matrix_lane"
"""Name of the Verilog module of ``PostLane``."""

COUNTERS = ("cycles", "compute", "stall_input", "stall_output", "stall_drain", "tail")
"""Counted from start to done; ``cycles`` is the sum of the others."""


class _Rows(NamedTuple):
    """Rows of finished sums: ``row``; whether it is one; whether the next cycle's is its column
    tile's last.
    """

    row: Value
    valid: Value
    column_end: Value


class MatrixEngine(wiring.Component):
    """``out = act(requantise(A x B + bias))`` for one job, streams in and out.

    Ports:

    * ``start`` (1, in) with a stable ``job``; ``busy`` (1, out): from the next cycle until the last
      result is taken.
    * ``i``: stream of ``8 * port_bytes`` bits, as ``Loader`` says.
    * ``o``: stream of ``8 * port_bytes`` bits: per tile (or, weight-stationary,
      per group of rows and column tile) its rows in order, each row's columns
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
        loader: Loader = BlockLoader(p) if p.weights_stay else TileLoader(p)
        issuer: Issuer = BlockIssuer(p) if p.weights_stay else TileIssuer(p)
        m.submodules.loader = loader
        m.submodules.issuer = issuer
        m.submodules.a_buffer = a = ReplayBuffer(
            width=p.a_word_bits, depth=p.a_depth, verilog=self.verilog
        )
        m.submodules.b_buffer = b = ReplayBuffer(
            width=p.b_word_bits, depth=p.b_depth, verilog=self.verilog
        )
        m.submodules.array = array = SystolicArray(
            p, info_bits=issuer.INFO_BITS, verilog=self.verilog
        )
        connect(m, flipped(self.i), loader.i)
        begin = Signal()  # presets of the job are registers, valid one cycle after it
        m.d.sync += begin.eq(self.start)
        for block in (loader, issuer):
            m.d.comb += [block.start.eq(begin), block.job.eq(self.job)]
        m.d.comb += [
            issuer.a_available.eq(a.available), issuer.b_available.eq(b.available),
            issuer.a_soon.eq(a.soon), issuer.b_soon.eq(b.soon),
            a.take.eq(issuer.take), b.take.eq(issuer.b_take),
            a.release.eq(issuer.a_release), a.rewind.eq(issuer.a_rewind),
            b.release.eq(issuer.b_release), b.rewind.eq(issuer.b_rewind),
            a.i.valid.eq(loader.a_valid), a.i.payload.eq(loader.a),
            b.i.valid.eq(loader.b_valid), b.i.payload.eq(loader.b),
            loader.a_freed.eq(issuer.take & issuer.a_release),
            loader.b_freed.eq(
                issuer.b_capture if p.weights_stay else issuer.b_take & issuer.b_release
            ),
        ]  # fmt: skip
        self._feed(m, issuer, a, b, array)
        sums = self._blocks(m, array) if p.weights_stay else self._tiles(m, array)
        rows = self._results(m, sums, loader)
        self._output(m, rows, issuer)
        self._count(m, issuer, begin)
        return m

    def _feed(
        self, m: Module, issuer: Issuer, a: ReplayBuffer, b: ReplayBuffer, array: SystolicArray
    ) -> None:
        """Bring operands and the issuer's flags to the array in the same cycle."""
        flags = Cat(issuer.sent, issuer.first, issuer.last, issuer.shift, issuer.capture)
        flags = delayed(m, _signal(m, Cat(flags, issuer.info)), ReplayBuffer.LATENCY - 1)
        take, first, last, shift, capture = flags[:5]
        m.d.comb += [
            array.first.eq(first), array.last.eq(last), array.info.eq(flags[5:]),
            array.shift.eq(shift), array.capture.eq(capture),
        ]  # fmt: skip
        if self.params.weights_stay:
            m.d.comb += [array.a.eq(a.data), array.b.eq(b.data)]
        else:
            m.d.comb += [array.a.eq(Mux(take, a.data, 0)), array.b.eq(Mux(take, b.data, 0))]

    def _tiles(self, m: Module, array: SystolicArray) -> _Rows:
        """Count out the rows of each tile, one cycle before they come."""
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
        last_row = (left == 1) & pop if p.rows > 1 else array.start_info[1]
        return _Rows(array.row, delayed(m, valid, 1, "row"), running & last_row)

    def _blocks(self, m: Module, array: SystolicArray) -> _Rows:
        """Add up the rows of each block of weights."""
        m.submodules.accumulator = sums = Accumulator(self.params, verilog=self.verilog)
        m.d.comb += [
            sums.valid.eq(array.start), sums.info.eq(array.start_info), sums.row.eq(array.row),
        ]  # fmt: skip
        return _Rows(sums.o, sums.o_valid, sums.o_end)

    def _results(self, m: Module, sums: _Rows, loader: Loader) -> stream.Interface:
        """Process finished rows of sums; return the stream of rows."""
        p = self.params
        word = self._columns(m, loader, sums.column_end)
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
                lane.sum.eq(sums.row.word_select(j, p.acc_bits)),
                lane.param.eq(word.word_select(j, max(1, p.param_column_bits))),
            ]
            results.append(lane.result.as_unsigned())
        rows = stream.Signature(p.out_word_bits).create(path=("rows",))
        m.d.comb += [
            rows.valid.eq(delayed(m, sums.valid, latency(p), "row_valid")),
            rows.payload.eq(Cat(results)),
        ]
        return rows

    def _columns(self, m: Module, loader: Loader, pop: Value) -> Signal:
        """Keep the column parameters; return those of the current tile, the next two cycles after
        ``pop``. The loader counts the places.
        """
        p = self.params
        if not p.has_params:
            return Signal(p.columns, name="no_params")
        m.submodules.columns = memory = BufferMemory(
            width=p.param_word_bits, depth=PARAM_DEPTH, verilog=self.verilog
        )
        for name, moves in (("write", loader.param_valid), ("read", pop)):
            place = Signal(range(PARAM_DEPTH), name=f"columns_{name}")
            m.d.comb += getattr(memory, f"{name}_addr").eq(place)
            with m.If(moves):
                m.d.sync += place.eq(increment(place, PARAM_DEPTH))
        m.d.comb += [
            memory.write_en.eq(loader.param_valid), memory.write_data.eq(loader.param),
            memory.read_en.eq(1), loader.param_freed.eq(pop),
        ]  # fmt: skip
        return memory.read_data

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

    def _count(self, m: Module, issuer: Issuer, begin: Signal) -> None:
        with m.If(self.start):
            m.d.sync += self.busy.eq(1)
        with m.Elif(~issuer.busy & issuer.empty & ~begin):
            m.d.sync += self.busy.eq(0)
        tail = self.busy & ~issuer.busy & ~begin
        events = {
            "cycles": self.busy,
            "compute": issuer.take,
            "stall_input": issuer.stall_input | begin,
            "stall_output": issuer.stall_output,
            "stall_drain": issuer.stall_drain,
            "tail": tail,
        }
        for index, name in enumerate(COUNTERS):
            counter = Signal(32, name=name)
            event = Signal(name=f"{name}_event")  # counted one cycle later
            m.d.sync += event.eq(events[name])
            with m.If(self.start):
                m.d.sync += counter.eq(0)
            with m.Elif(event):
                m.d.sync += counter.eq(counter + 1)
            m.d.comb += self.counters.word_select(index, 32).eq(counter)


def _signal(m: Module, value: object) -> Signal:
    """Return ``value`` as a named signal."""
    signal = Signal(len(value))  # type: ignore[arg-type]
    m.d.comb += signal.eq(value)
    return signal
