"""Behind the perceptron engine: a sample's outputs gathered into a word, and room for them."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_params import NfpParams
from archsim.config.ngpc_schedule import Schedule
from hdl.lib.fifo import StreamFifo
from hdl.ngpc.rounds import tile_layout


class Results(wiring.Component):
    """Takes beats of activations that cannot wait; keeps a FIFO of two rounds' results.

    Ports:

    * ``start`` (1, in), ``samples`` (32, in): results to give; ``left`` (32, out): not yet taken.
    * ``begin`` (1, in) with ``taken`` (in): a round of so many slots begins; only with ``room``.
    * ``valid`` (1, in), ``tile``, ``row``, ``beat``, ``activations`` (in): a beat.
    * ``o``: stream of a sample's outputs, output 0 lowest.
    """

    def __init__(self, params: NfpParams, plan: Schedule, *, verilog: bool = False) -> None:
        p = self.params = params
        self.plan = plan
        self.verilog = verilog
        bits = p.formats.activation_bits
        self.samples_a_round = plan.slots * p.mlp_rows
        self.depth = 2 * self.samples_a_round
        self.beats = -(-p.mlps[-1].outputs // p.mlp_lanes)
        super().__init__(
            {
                "start": In(1),
                "samples": In(32),
                "left": Out(32),
                "begin": In(1),
                "taken": In(range(plan.slots + 1)),
                "room": Out(1),
                "valid": In(1),
                "tile": In(tile_layout(plan)),
                "row": In(range(p.mlp_rows)),
                "beat": In(range(p.mlp_columns // p.mlp_lanes)),
                "activations": In(p.mlp_lanes * bits),
                "o": Out(stream.Signature(p.outputs * bits)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        m.submodules.fifo = fifo = StreamFifo(
            width=len(self.o.payload), depth=self.depth, verilog=self.verilog
        )
        connect(m, fifo.o, flipped(self.o))
        popped, push = Signal(), Signal()
        coming = Signal(32)  # results not yet pushed; beyond them a slot's rows are empty
        free = Signal(range(self.depth + 1), init=self.depth)
        wanted = self.tile.final & self.tile.present
        m.d.comb += [
            popped.eq(self.o.valid & self.o.ready),
            push.eq(self.valid & wanted & (self.beat == self.beats - 1) & (coming != 0)),
            fifo.i.valid.eq(push),
            self.room.eq(free >= self.samples_a_round),
        ]
        with m.If(self.start):
            m.d.sync += [
                coming.eq(self.samples), self.left.eq(self.samples), free.eq(self.depth)
            ]  # fmt: skip
        with m.Else():
            begun = Mux(self.begin, self.taken * p.mlp_rows, 0)
            m.d.sync += free.eq(free + popped - begun)
            m.d.sync += [coming.eq(coming - push), self.left.eq(self.left - popped)]
        self._word(m, fifo)
        return m

    def _word(self, m: Module, fifo: StreamFifo) -> None:
        """Earlier beats of a row stand beside the last; the density was kept when it came."""
        p = self.params
        bits = p.formats.activation_bits
        parts = [self.activations]
        for n in range(self.beats - 1):
            held = Signal(len(self.activations), name=f"beat_{n}")
            with m.If(self.valid):
                m.d.sync += held.eq(parts[0])
            parts.insert(0, held)
        numbers = Cat(parts)[: p.mlps[-1].outputs * bits]
        if not p.directions:
            m.d.comb += fifo.i.payload.eq(numbers)
            return
        place = Cat(self.row, self.tile.slot)
        m.submodules.density = memory = Memory(shape=bits, depth=1 << len(place), init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.valid & self.tile.density & (self.beat == 0)),
            write.addr.eq(place),
            write.data.eq(self.activations[:bits]),
            read.addr.eq(place),
            fifo.i.payload.eq(Cat(read.data, numbers)),
        ]
