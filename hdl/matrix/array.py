"""The systolic array of either dataflow: skewed operands in, whole rows of sums out."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import MatrixParams
from hdl.arith.mac import OutputStationaryPe, WeightStationaryPe, pe_signature
from hdl.lib.modules import place
from hdl.matrix.accumulate import Accumulator

PE = "matrix_pe"
ROW = "matrix_row"
"""Names of the Verilog modules."""


def make_pe(
    params: MatrixParams, *, verilog: bool = False
) -> OutputStationaryPe | WeightStationaryPe:
    """Return one processing element of an engine with ``params``."""
    stationary = WeightStationaryPe if params.weights_stay else OutputStationaryPe
    return stationary(
        a_bits=params.a_bits,
        b_bits=params.b_bits,
        acc_bits=params.acc_bits,
        product_cycles=params.product_cycles,
        multiplier=params.multiplier,
        verilog=verilog,
    )


def row_signature(params: MatrixParams) -> wiring.Signature:
    """Return the ports of a row."""
    n = params.columns
    return wiring.Signature(
        {
            "a_i": In(params.a_bits),
            "first_i": In(1),
            "last_i": In(1),
            "b_i": In(n * params.b_bits),
            "b_o": Out(n * params.b_bits),
            "drain_i": In(n * params.acc_bits),
            "drain_o": Out(n * params.acc_bits),
            "shift": In(n),
            "capture": In(n),
        }
    )


class SystolicRow(wiring.Component):
    """``columns`` processing elements side by side.

    Ports: ``a_i``, ``first_i``, ``last_i`` enter at column 0. ``b_i``/``b_o`` and
    ``drain_i``/``drain_o`` are the vertical buses of all columns, column 0 lowest. ``shift`` and
    ``capture`` have one bit per column.
    """

    def __init__(self, params: MatrixParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        super().__init__(row_signature(params))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        a: Value = self.a_i
        first: Value = self.first_i
        last: Value = self.last_i
        ports = pe_signature(p.a_bits, p.b_bits, p.acc_bits)
        b_out = []
        drain_out = []
        for j in range(p.columns):
            pe = place(m, f"pe_{j}", lambda: make_pe(p), ports, PE if self.verilog else None)
            m.d.comb += [
                pe.a_i.eq(a),
                pe.first_i.eq(first),
                pe.last_i.eq(last),
                pe.b_i.eq(self.b_i.word_select(j, p.b_bits)),
                pe.drain_i.eq(self.drain_i.word_select(j, p.acc_bits)),
                pe.shift.eq(self.shift[j]),
                pe.capture.eq(self.capture[j]),
            ]
            a, first, last = pe.a_o, pe.first_o, pe.last_o
            b_out.append(pe.b_o.as_unsigned())
            drain_out.append(pe.drain_o.as_unsigned())
        m.d.comb += [self.b_o.eq(Cat(b_out)), self.drain_o.eq(Cat(drain_out))]
        return m


class SystolicArray(wiring.Component):
    """``rows`` x ``columns`` multiply-accumulates a cycle, without a gap between tiles.

    Logical row i sits in physical row ``rows - 1 - i``. Output-stationary: the rows of a tile
    leave the bottom in order, one a cycle; the ends of two tiles must be at least ``rows`` cycles
    apart. Weight-stationary: each word of A gives one row of sums, over the ``rows`` products of
    its block; the block's weights come before it, the word of logical row 0 first.

    Ports:

    * ``a`` (rows * a_bits), ``b`` (columns * b_bits), in: the operands of one k, element 0
      lowest. Output-stationary: a cycle without work must have both 0.
    * ``first`` (1, in): with the first word of A of a tile or block. Idle 0.
    * ``last`` (1, in): output-stationary: with the last k of a tile; weight-stationary: with every
      word of A. Idle 0. ``info`` (any width, in): anything, taken with ``last``.
    * ``shift``, ``capture`` (1, in): weight-stationary: ``b`` is a weight word; the block's last.
    * ``start`` (1, out): ``latency`` cycles after ``last``; idle 0. ``start_info``: its ``info``.
    * ``row`` (columns * acc_bits, out): after ``early`` more cycles. Weight-stationary: the word's
      row of sums; output-stationary: row 0 of the tile, row 1 in the cycle after, and so on.
    """

    def __init__(self, params: MatrixParams, *, info_bits: int, verilog: bool = False) -> None:
        self.params = params
        self.info_bits = info_bits
        self.verilog = verilog
        self.early = Accumulator.EARLY if params.weights_stay else 1
        self.latency = latency(params) - self.early
        super().__init__(
            {
                "a": In(params.a_word_bits),
                "b": In(params.b_word_bits),
                "first": In(1),
                "last": In(1),
                "shift": In(1),
                "capture": In(1),
                "info": In(info_bits),
                "start": Out(1),
                "start_info": Out(info_bits),
                "row": Out(params.columns * params.acc_bits),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        width = self.info_bits
        ends = Signal(self.latency)
        infos = Signal(width * self.latency, reset_less=True)
        m.d.sync += [
            ends.eq(Cat(self.last, ends)),
            infos.eq(Cat(self.info, infos)),
        ]
        m.d.comb += [self.start.eq(ends[-1]), self.start_info.eq(infos[-width:])]
        shift, capture = self._moves(m, ends)
        b: Value = Cat(
            _line(m, self.b.word_select(j, p.b_bits), j, f"b_{j}") for j in range(p.columns)
        )
        drain: Value = Signal(p.columns * p.acc_bits, name="drain_top")
        for i in range(p.rows):
            row = place(
                m,
                f"row_{i}",
                lambda: SystolicRow(p),
                row_signature(p),
                ROW if self.verilog else None,
            )
            logical = p.rows - 1 - i
            m.d.comb += [
                row.a_i.eq(_line(m, self.a.word_select(logical, p.a_bits), i, f"a_{i}")),
                Cat(row.first_i, row.last_i).eq(
                    _line(m, Cat(self.first, self.last), i, f"flags_{i}")
                ),
                row.b_i.eq(b),
                row.drain_i.eq(drain),
                row.shift.eq(shift),
                row.capture.eq(capture),
            ]
            b, drain = row.b_o, row.drain_o
        m.d.comb += self.row.eq(
            Cat(
                _line(m, drain.word_select(j, p.acc_bits), p.columns - 1 - j, f"out_{j}")
                for j in range(p.columns)
            )
        )
        return m

    def _moves(self, m: Module, ends: Signal) -> tuple[Value, Value]:
        """Return ``shift`` and ``capture`` of the columns: when sums drain, or weights move."""
        p = self.params
        if p.weights_stay:
            flags = Cat(self.shift, self.capture)
            lines = [_line(m, flags, j, f"moves_{j}") for j in range(p.columns)]
            return Cat(line[0] for line in lines), Cat(line[1] for line in lines)
        at = p.rows + p.product_cycles + OutputStationaryPe.CAPTURE - 3
        return Cat(ends[at + j] for j in range(p.columns)), Const(0, p.columns)


def latency(params: MatrixParams) -> int:
    """Return the cycles from a tile's last operands at the array to its row 0 at the output.

    Weight-stationary: from a word of A to its row of sums.
    """
    product = params.rows + params.columns - 2 + params.product_cycles
    return product + (WeightStationaryPe.SUM if params.weights_stay else OutputStationaryPe.CAPTURE)


def _line(m: Module, value: Value, cycles: int, name: str) -> Value:
    """Return ``value`` delayed by ``cycles`` in one wide shift register without reset."""
    if cycles == 0:
        return value
    width = len(value)
    line = Signal(width * cycles, name=f"{name}_line", reset_less=True)
    m.d.sync += line.eq(Cat(value, line)[: width * cycles])
    return line[-width:]
