"""The output-stationary systolic array: skewed operands in, whole rows of sums out."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import MatrixParams
from hdl.arith.mac import OutputStationaryPe, pe_signature
from hdl.lib.modules import place

PE = "matrix_pe"
ROW = "matrix_row"
"""Names of the Verilog modules."""


def make_pe(params: MatrixParams, *, verilog: bool = False) -> OutputStationaryPe:
    """Return one processing element of an engine with ``params``."""
    return OutputStationaryPe(
        a_bits=params.a_bits,
        b_bits=params.b_bits,
        acc_bits=params.acc_bits,
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
        }
    )


class SystolicRow(wiring.Component):
    """``columns`` processing elements side by side.

    Ports: ``a_i``, ``first_i``, ``last_i`` enter at column 0. ``b_i``/``b_o`` and
    ``drain_i``/``drain_o`` are the vertical buses of all columns, column 0 lowest. ``shift``
    has one bit per column.
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
            ]
            a, first, last = pe.a_o, pe.first_o, pe.last_o
            b_out.append(pe.b_o.as_unsigned())
            drain_out.append(pe.drain_o.as_unsigned())
        m.d.comb += [self.b_o.eq(Cat(b_out)), self.drain_o.eq(Cat(drain_out))]
        return m


class SystolicArray(wiring.Component):
    """``rows`` x ``columns`` sums at once; the next tile may follow the last without a gap.

    Logical row i of a tile sits in physical row ``rows - 1 - i``, so that rows leave the bottom
    in order, one a cycle. The ends of two tiles must be at least ``rows`` cycles apart.

    Ports:

    * ``a`` (rows * a_bits), ``b`` (columns * b_bits), in: the operands of one k, element 0
      lowest. A cycle without work must have both 0.
    * ``first``, ``last`` (1, in): with the first and last k of a tile. Idle 0.
    * ``info`` (2, in): anything, taken with ``last``.
    * ``start`` (1, out): ``LATENCY`` cycles after ``last``; idle 0. In this cycle and the next
      ``rows - 1``, ``row`` (columns * acc_bits) is row 0, 1, ... of the tile.
    * ``start_info`` (2, out): the tile's ``info``, valid with ``start``.
    """

    def __init__(self, params: MatrixParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        self.latency = latency(params)
        super().__init__(
            {
                "a": In(params.a_word_bits),
                "b": In(params.b_word_bits),
                "first": In(1),
                "last": In(1),
                "info": In(2),
                "start": Out(1),
                "start_info": Out(2),
                "row": Out(params.columns * params.acc_bits),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        ends = Signal(self.latency)
        infos = Signal(2 * self.latency)
        m.d.sync += [
            ends.eq(Cat(self.last, ends)),
            infos.eq(Cat(self.info, infos)),
        ]
        m.d.comb += [self.start.eq(ends[-1]), self.start_info.eq(infos[-2:])]
        shift = [ends[p.rows + OutputStationaryPe.CAPTURE - 3 + j] for j in range(p.columns)]
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
                row.shift.eq(Cat(shift)),
            ]
            b, drain = row.b_o, row.drain_o
        m.d.comb += self.row.eq(
            Cat(
                _line(m, drain.word_select(j, p.acc_bits), p.columns - 1 - j, f"out_{j}")
                for j in range(p.columns)
            )
        )
        return m


def latency(params: MatrixParams) -> int:
    """Return the cycles from a tile's last operands at the array to its row 0 at the output."""
    return params.rows + params.columns - 2 + OutputStationaryPe.CAPTURE


def _line(m: Module, value: Value, cycles: int, name: str) -> Value:
    """Return ``value`` delayed by ``cycles`` in one wide shift register without reset."""
    if cycles == 0:
        return value
    width = len(value)
    line = Signal(width * cycles, name=f"{name}_line", reset_less=True)
    m.d.sync += line.eq(Cat(value, line)[: width * cycles])
    return line[-width:]
