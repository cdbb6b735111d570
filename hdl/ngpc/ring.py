"""Where encoded samples wait for the perceptron engine: slots of a few rows, in a ring."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.ngpc_params import SH_TERMS, NfpParams
from archsim.config.ngpc_schedule import schedule
from hdl.lib.counting import increment
from hdl.lib.memory import BufferMemory


class SampleRing(wiring.Component):
    """``2 * slots`` slots of ``mlp_rows`` samples; a slot is given over when all its rows are in.

    Ports:

    * ``start`` (1, in), ``samples`` (32, in): that many samples come; the last fills its slot.
    * ``i``: stream of a turn's features of all engines, lowest level lowest; ``levels_per_engine``
      of them a sample. ``terms``: stream of a sample's harmonics, where there are directions.
    * ``held`` (out): slots given over and not given back. Idle 0.
    * ``give`` (in): slots given back in this cycle, oldest first. Idle 0.
    * ``slot``, ``turn`` (in): what to read. Two cycles later ``features`` (a word of each row) and
      ``harmonics`` (all terms of each row), row 0 lowest.
    """

    def __init__(self, params: NfpParams, *, verilog: bool = False) -> None:
        p = self.params = params
        self.verilog = verilog
        self.slots = 2 * schedule(p).slots
        self.word_bits = p.engines * p.grid.features * p.formats.feature_bits
        self.term_bits = SH_TERMS * p.formats.activation_bits
        ports = {
            "start": In(1),
            "samples": In(32),
            "i": In(stream.Signature(self.word_bits)),
            "held": Out(range(self.slots + 1)),
            "give": In(range(self.slots // 2 + 1)),
            "slot": In(range(self.slots)),
            "turn": In(range(p.levels_per_engine)),
            "features": Out(p.mlp_rows * self.word_bits),
        }
        if p.directions:
            ports["terms"] = In(stream.Signature(self.term_bits))
            ports["harmonics"] = Out(p.mlp_rows * self.term_bits)
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        left = Signal(32)  # samples to come
        slot = Signal(range(self.slots))
        row = Signal(range(p.mlp_rows))
        turn = Signal(range(p.levels_per_engine))
        open_, taken, ends, full = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            open_.eq((left != 0) & (self.held != self.slots)),
            ends.eq(turn == p.levels_per_engine - 1),
            full.eq(taken & ends & ((row == p.mlp_rows - 1) | (left == 1))),
        ]
        if p.directions:
            terms_ready = ~ends | self.terms.valid
            m.d.comb += self.terms.ready.eq(open_ & ends & self.i.valid)
            self._store(m, "terms", self.terms.payload, taken & ends, slot, row, self.harmonics)
        else:
            terms_ready = 1
        m.d.comb += [
            self.i.ready.eq(open_ & terms_ready),
            taken.eq(self.i.valid & self.i.ready),
        ]
        place = Cat(slot, turn)
        self._store(m, "features", self.i.payload, taken, place, row, self.features)
        with m.If(self.start):
            m.d.sync += left.eq(self.samples)
        with m.Elif(taken & ends):
            m.d.sync += left.eq(left - 1)
        with m.If(taken):
            m.d.sync += turn.eq(Mux(ends, 0, turn + 1))
        with m.If(taken & ends):
            m.d.sync += row.eq(Mux(full, 0, row + 1))
        with m.If(full):
            m.d.sync += slot.eq(increment(slot, self.slots))
        m.d.sync += self.held.eq(self.held + full - self.give)
        return m

    def _store(
        self, m: Module, name: str, word: Value, write: Value, place: Value, row: Value, out: Signal
    ) -> None:
        """A memory a row; the place read is ``slot``, and ``turn`` where the place has one."""
        asked = Cat(self.slot, self.turn)[: len(place)]
        for r in range(self.params.mlp_rows):
            memory = BufferMemory(width=len(word), depth=1 << len(place), verilog=self.verilog)
            m.submodules[f"{name}_{r}"] = memory
            held = Signal(len(word), name=f"{name}_word_{r}", reset_less=True)
            m.d.comb += [
                memory.write_en.eq(write & (row == r)),
                memory.write_addr.eq(place),
                memory.write_data.eq(word),
                memory.read_en.eq(1),
                memory.read_addr.eq(asked),
                out.word_select(r, len(word)).eq(held),
            ]
            m.d.sync += held.eq(memory.read_data)
