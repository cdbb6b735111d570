"""The unified linear unit: the matrix engine, and what every layer needs behind it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.edgemoe_params import EdgeMoeParams, engine_params
from archsim.numeric.edgemoe import gelu_params
from hdl.arith.gelu import Gelu
from hdl.edgemoe.erf import ErfGelu
from hdl.edgemoe.pipeline import RigidUnit, later, operate, registered
from hdl.matrix.engine import COUNTERS, MatrixEngine
from hdl.matrix.job import JOB

GELU_CYCLES = 5
EPILOGUE_CYCLES = GELU_CYCLES + 3
"""GELU or as long, two registers of the product with the score, the sum."""


class Epilogue(RigidUnit):
    """Rows of sums become activations: truncated, through GELU or not, scored and added or not.

    Ports: ``i``, stream of ``sum`` (``tile_out`` sums of the engine), ``gelu``, ``weigh``,
    ``score`` and ``old`` (``tile_out`` activations, the result so far); the last two count where
    ``weigh`` is high. ``o``, stream of ``tile_out`` activations, 8 cycles later.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        form = params.formats.activation
        self.acc_bits = engine_params(params).acc_bits
        shape = data.StructLayout(
            {
                "sum": params.tile_out * self.acc_bits,
                "gelu": 1,
                "weigh": 1,
                "score": form.fraction_bits + 1,
                "old": params.tile_out * form.bits,
            }
        )
        super().__init__(shape, params.tile_out * form.bits)

    def build(self, m: Module) -> tuple[Value, Value]:
        """Column by column."""
        results = [self._column(m, n) for n in range(self.params.tile_out)]
        (valid,) = later(m, EPILOGUE_CYCLES, "valid", self.take)
        return valid, Cat(results)

    def _column(self, m: Module, column: int) -> Value:
        form, shift = self.params.formats.activation, self.params.formats.weight.fraction_bits
        x = self.i.payload
        total = x.sum.word_select(column, self.acc_bits)
        value = total[shift : shift + form.bits].as_signed()
        plain, gelu, weigh, score, old = later(
            m, GELU_CYCLES, f"of_gelu_{column}", value, x.gelu, x.weigh, x.score,
            x.old.word_select(column, form.bits),
        )  # fmt: skip
        kept: Value = plain
        if self.params.techniques.gelu_table:
            curved = operate(m, Gelu(gelu_params(self.params)), f"gelu_{column}", value)
            kept = Mux(gelu, curved, plain).as_signed()
        product = registered(m, registered(m, kept * score, f"product_{column}"), f"p_{column}")
        kept, weigh, old = later(m, 2, f"of_product_{column}", kept, weigh, old)
        scored = product[form.fraction_bits : form.fraction_bits + form.bits]
        return registered(m, Mux(weigh, scored + old, kept)[: form.bits], f"result_{column}")


class LinearUnit(wiring.Component):
    """One linear layer: ``x @ weight.T + bias``, with GELU, or scored and added to a result.

    Ports:

    * ``start`` (1, in) with a stable ``job``, ``gelu`` and ``weigh`` until the last row;
      ``busy`` (1, out) until the engine's last row is taken.
    * ``i``: the engine's input stream, as ``hdl.matrix.load`` says: ``tile_in`` tokens a row tile,
      ``tile_out`` outputs a column tile, biases at the product's fraction bits.
    * ``score``: stream of scores, in, one for each row that leaves, where ``weigh`` is high.
    * ``old``: stream of words of ``tile_out`` activations, in, likewise.
    * ``o``: stream of words of ``tile_out`` activations, out, tile by tile, row by row.
    * ``counters``: those of the engine.
    """

    def __init__(self, params: EdgeMoeParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        self.engine_params = engine_params(params)
        form = params.formats.activation
        word = params.tile_out * form.bits
        super().__init__(
            {
                "start": In(1),
                "job": In(JOB),
                "gelu": In(1),
                "weigh": In(1),
                "busy": Out(1),
                "i": In(stream.Signature(8 * self.engine_params.port_bytes)),
                "score": In(stream.Signature(form.fraction_bits + 1)),
                "old": In(stream.Signature(word)),
                "o": Out(stream.Signature(word)),
                "counters": Out(32 * len(COUNTERS)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.engine = engine = MatrixEngine(self.engine_params, verilog=self.verilog)
        m.submodules.epilogue = epilogue = Epilogue(self.params)
        connect(m, flipped(self.i), engine.i)
        there = ~self.weigh | (self.score.valid & self.old.valid)
        x = epilogue.i.payload
        rows = engine.o if self.params.techniques.gelu_table else self._serial(m, engine)
        go = rows.valid & there & epilogue.i.ready
        m.d.comb += [
            engine.start.eq(self.start), engine.job.eq(self.job),
            self.busy.eq(engine.busy), self.counters.eq(engine.counters),
            epilogue.i.valid.eq(rows.valid & there),
            rows.ready.eq(go),
            self.score.ready.eq(go & self.weigh), self.old.ready.eq(go & self.weigh),
            x.sum.eq(rows.payload), x.gelu.eq(self.gelu), x.weigh.eq(self.weigh),
            x.score.eq(self.score.payload), x.old.eq(self.old.payload),
            self.o.valid.eq(epilogue.o.valid), self.o.payload.eq(epilogue.o.payload),
            epilogue.o.ready.eq(self.o.ready),
        ]  # fmt: skip
        return m

    def _serial(self, m: Module, engine: MatrixEngine) -> stream.Interface:
        """Return the engine's rows, those of a layer with GELU through the serial unit."""
        p = self.params
        form, shift = p.formats.activation, p.formats.weight.fraction_bits
        acc_bits = self.engine_params.acc_bits
        m.submodules.erf = erf = ErfGelu(p)
        rows = stream.Signature(len(engine.o.payload)).create(path=("rows",))
        columns = range(p.tile_out)
        sums = [engine.o.payload.word_select(n, acc_bits) for n in columns]
        curved = [erf.o.payload.word_select(n, form.bits).as_signed() for n in columns]
        m.d.comb += [
            erf.i.payload.eq(Cat(total[shift : shift + form.bits] for total in sums)),
            erf.i.valid.eq(engine.o.valid & self.gelu),
            engine.o.ready.eq(Mux(self.gelu, erf.i.ready, rows.ready)),
            rows.valid.eq(Mux(self.gelu, erf.o.valid, engine.o.valid)),
            erf.o.ready.eq(rows.ready),
        ]  # fmt: skip
        for n, (total, value) in enumerate(zip(sums, curved, strict=True)):
            placed = (value << shift).as_signed()
            sign = placed[-1].replicate(max(0, acc_bits - len(placed)))
            part = rows.payload.word_select(n, acc_bits)
            m.d.comb += part.eq(Mux(self.gelu, Cat(placed, sign)[:acc_bits], total))
        return rows
