"""The perceptron engine: the matrix engine's elements with weights and activations on the chip."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_params import SH_TERMS, SHIFT_BITS, NfpParams
from archsim.config.ngpc_schedule import READ_CYCLES, SUM_CYCLES
from hdl.arith.mac import OutputStationaryPe, pe_signature
from hdl.lib.counting import delayed
from hdl.lib.memory import BufferMemory
from hdl.lib.modules import place
from hdl.ngpc import lane as lanes
from hdl.ngpc.results import Results
from hdl.ngpc.ring import SampleRing
from hdl.ngpc.rounds import Rounds, tile_layout

PE = "ngpc_pe"
"""Name of the Verilog module of a processing element."""


def make_pe(
    params: NfpParams, *, multiplier: str = "generic", verilog: bool = False
) -> OutputStationaryPe:
    """Return a processing element of ``params``' array."""
    f = params.formats
    return OutputStationaryPe(
        a_bits=f.activation_bits, b_bits=f.weight_bits, acc_bits=params.sum_bits,
        multiplier=multiplier, verilog=verilog,
    )  # fmt: skip


def make_lane(params: NfpParams) -> lanes.ShiftLane:
    """Return a lane behind ``params``' array."""
    return lanes.ShiftLane(sum_bits=params.sum_bits, bits=params.formats.activation_bits)


class PerceptronEngine(wiring.Component):
    """``archsim.functional.ngpc.fixed_perceptron`` for a stream of encoded samples.

    An element (r, c) sums neuron c of row r's sample; ``schedule`` says when. All sums of a tile
    end together and move, ``mlp_lanes`` a cycle, row after row, to the lanes, which round them
    and store them as the next layer's inputs.

    Ports:

    * ``load``: stream of weights, ``address`` (step by step, tile after tile) and ``data``
      (``mlp_columns`` weights); always ready, for use while not ``busy``.
    * ``shifts`` (SHIFT_BITS a layer, in), layer 0 lowest; stable while ``busy``.
    * ``start`` (1, in) with ``samples`` (32, in); ``left`` (32, out): results not yet taken.
    * ``i``, ``terms``: encoded samples and harmonics, see ``SampleRing``.
    * ``o``: stream of a sample's ``outputs`` numbers, output 0 lowest, in order.
    * ``working`` (1, out): a round is under way.
    """

    def __init__(
        self, params: NfpParams, *, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        p = self.params = params
        self.multiplier = multiplier
        self.verilog = verilog
        self.ring = SampleRing(p, verilog=verilog)
        self.rounds = Rounds(p)
        self.plan = self.rounds.plan
        f = p.formats
        words = {"address": range(self.plan.weight_words),
                 "data": p.mlp_columns * f.weight_bits}  # fmt: skip
        ports: dict[str, Any] = {
            "load": In(stream.Signature(data.StructLayout(words))),
            "shifts": In(SHIFT_BITS * (self.plan.tiles[-1].layer + 1)),
            "start": In(1),
            "samples": In(32),
            "left": Out(32),
            "i": In(stream.Signature(self.ring.word_bits)),
            "o": Out(stream.Signature(p.outputs * f.activation_bits)),
            "working": Out(1),
        }
        if p.directions:
            ports["terms"] = In(stream.Signature(self.ring.term_bits))
        super().__init__(ports)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p, ring, rounds = self.params, self.ring, self.rounds
        m.submodules.ring = ring
        m.submodules.rounds = rounds
        m.submodules.results = results = Results(p, self.plan, verilog=self.verilog)
        connect(m, flipped(self.i), ring.i)
        connect(m, results.o, flipped(self.o))
        if p.directions:
            connect(m, flipped(self.terms), ring.terms)
        m.d.comb += [
            ring.start.eq(self.start), ring.samples.eq(self.samples),
            results.start.eq(self.start), results.samples.eq(self.samples),
            self.left.eq(results.left),
            rounds.held.eq(ring.held), ring.give.eq(rounds.give),
            rounds.room.eq(results.room), results.begin.eq(rounds.begin),
            results.taken.eq(rounds.taken),
            ring.slot.eq(rounds.place), ring.turn.eq(rounds.ring_turn),
            self.working.eq(rounds.active),
        ]  # fmt: skip
        weights = self._weights(m)
        stored = SimpleNamespace()
        operands = self._operands(m, stored)
        heads = self._array(m, operands, weights)
        beat = self._beats(m)
        shift, relu = Signal(SHIFT_BITS), Signal()
        shifts = Array(
            self.shifts.word_select(n, SHIFT_BITS) for n in range(self.plan.tiles[-1].layer + 1)
        )
        m.d.sync += [shift.eq(shifts[beat.following.layer]), relu.eq(beat.following.relu)]
        activations = []
        signature = lanes.lane_signature(p.sum_bits, p.formats.activation_bits)
        for n, head in enumerate(heads):
            module = lanes.MODULE if self.verilog else None
            lane = place(m, f"lane_{n}", lambda: make_lane(p), signature, module)
            m.d.comb += [lane.sum.eq(head), lane.shift.eq(shift), lane.relu.eq(relu)]
            activations.append(lane.result.as_unsigned())
        self._store(m, stored, results, beat, Cat(activations))
        return m

    def _weights(self, m: Module) -> Value:
        """The weights' memory; return the word of the step of ``READ_CYCLES`` ago."""
        p = self.params
        m.submodules.weights = memory = BufferMemory(
            width=p.mlp_columns * p.formats.weight_bits, depth=self.plan.weight_words,
            verilog=self.verilog,
        )  # fmt: skip
        word = Signal(memory.width, name="weight_word", reset_less=True)
        at = delayed(m, self.rounds.weight, READ_CYCLES - 2, "weight_at")
        m.d.comb += [
            self.load.ready.eq(1),
            memory.write_en.eq(self.load.valid),
            memory.write_addr.eq(self.load.payload.address),
            memory.write_data.eq(self.load.payload.data),
            memory.read_en.eq(1),
            memory.read_addr.eq(at),
        ]
        m.d.sync += word.eq(memory.read_data)
        return word

    def _operands(self, m: Module, stored: SimpleNamespace) -> list[Value]:
        """Each row's activation of the step of ``READ_CYCLES`` ago; memories go to ``stored``."""
        p, rounds, ring = self.params, self.rounds, self.ring
        bits, feature = p.formats.activation_bits, p.formats.feature_bits
        parity = rounds.tile.layer[0]  # a perceptron has two layers or more
        stored.address = Signal(len(Cat(rounds.word, rounds.tile.slot, parity)))
        about = Signal(2 + len(rounds.lane) + len(rounds.ring_lane) + 4)
        m.d.comb += [
            stored.address.eq(Cat(rounds.word, rounds.tile.slot, parity)),
            about.eq(Cat(rounds.source, self._term(m), rounds.lane, rounds.ring_lane)),
        ]
        late = delayed(m, about, 2, "about")
        source, term = late[:2], late[2:6]
        lane = late[6 : 6 + len(rounds.lane)]
        ring_lane = late[6 + len(rounds.lane) :]
        stored.memories, operands = [], []
        for r in range(p.mlp_rows):
            memory = BufferMemory(
                width=p.mlp_lanes * bits, depth=1 << len(stored.address), verilog=self.verilog
            )
            m.submodules[f"activations_{r}"] = memory
            stored.memories.append(memory)
            word = Signal(memory.width, name=f"activations_word_{r}", reset_less=True)
            m.d.comb += [memory.read_en.eq(1), memory.read_addr.eq(stored.address)]
            m.d.sync += word.eq(memory.read_data)
            features = ring.features.word_select(r, ring.word_bits)
            feature_r = _pick(features, ring_lane, feature, rounds.ring_lanes).as_signed()
            choices: list[Value] = [
                feature_r, _pick(word, lane, bits, p.mlp_lanes).as_signed()
            ]  # fmt: skip
            if p.directions:
                terms = ring.harmonics.word_select(r, ring.term_bits)
                choices.append(_pick(terms, term, bits, SH_TERMS).as_signed())
            operand = Signal(bits, name=f"operand_{r}", reset_less=True)
            chosen: Value = Mux(source == 0, choices[0], choices[1])
            if p.directions:
                chosen = Mux(source == 2, choices[2], chosen)
            m.d.sync += operand.eq(Mux(source == 3, 0, chosen))
            operands.append(operand)
        return operands

    def _term(self, m: Module) -> Signal:
        """The harmonic of this step: terms begin at a multiple of their number."""
        term = Signal(4)
        with m.If(self.rounds.active):
            m.d.sync += term.eq(Mux(self.rounds.last, 0, term + 1))
        return term

    def _array(self, m: Module, operands: list[Value], weights: Value) -> list[Value]:
        """The elements; return the sums at the head of the way to the lanes."""
        p = self.params
        f = p.formats
        flags = Signal(2)
        m.d.comb += flags.eq(Cat(self.rounds.first, self.rounds.last))
        late = delayed(m, flags, READ_CYCLES, "flags")
        signature = pe_signature(f.activation_bits, f.weight_bits, p.sum_bits)
        elements = []
        for r in range(p.mlp_rows):
            for c in range(p.mlp_columns):
                pe = place(
                    m, f"pe_{r}_{c}", lambda: make_pe(p), signature, PE if self.verilog else None
                )
                m.d.comb += [
                    pe.a_i.eq(operands[r]),
                    pe.b_i.eq(weights.word_select(c, f.weight_bits)),
                    pe.first_i.eq(late[0]),
                    pe.last_i.eq(late[1]),
                    pe.shift.eq(1),
                ]
                elements.append(pe)
        for n, pe in enumerate(elements[: -p.mlp_lanes]):
            m.d.comb += pe.drain_i.eq(elements[n + p.mlp_lanes].drain_o)
        return [pe.drain_o for pe in elements[: p.mlp_lanes]]

    def _beats(self, m: Module) -> SimpleNamespace:
        """Which sums are at the head: tile, row, and beat within the row."""
        p = self.params
        beats = p.mlp_columns // p.mlp_lanes
        delay = READ_CYCLES + SUM_CYCLES
        ended = Signal(1 + len(self.rounds.tile.as_value()))
        m.d.comb += ended.eq(Cat(self.rounds.last, self.rounds.tile))
        coming = delayed(m, ended, delay - 1, "ended")
        now = delayed(m, coming, 1, "ended_now")
        kept = Signal(tile_layout(self.plan))
        tile = Signal(tile_layout(self.plan))
        following = Signal(tile_layout(self.plan))  # the tile of the next cycle
        row, beat = Signal(range(p.mlp_rows)), Signal(range(beats))
        valid, more = Signal(), Signal()
        starts = now[0]
        at_end = (beat == beats - 1) & (row == p.mlp_rows - 1)
        m.d.comb += [
            valid.eq(starts | more), tile.eq(Mux(starts, now[1:], kept)),
            following.eq(Mux(coming[0], coming[1:], tile)),
        ]  # fmt: skip
        with m.If(starts):
            m.d.sync += kept.eq(now[1:])
        with m.If(valid):
            m.d.sync += [
                more.eq(~at_end),
                beat.eq(Mux(beat == beats - 1, 0, beat + 1)),
                row.eq(Mux(at_end, 0, row + (beat == beats - 1))),
            ]
        return SimpleNamespace(valid=valid, tile=tile, following=following, row=row, beat=beat)

    def _store(
        self, m: Module, stored: SimpleNamespace, results: Results, beat: SimpleNamespace,
        activations: Value,
    ) -> None:  # fmt: skip
        """Write activations for the next layer, and hand results on."""
        p = self.params
        layout = data.StructLayout(
            {"valid": 1, "tile": beat.tile.shape(), "row": len(beat.row), "beat": len(beat.beat)}
        )
        about = Signal(layout)
        m.d.comb += [
            about.valid.eq(beat.valid), about.tile.eq(beat.tile),
            about.row.eq(beat.row), about.beat.eq(beat.beat),
        ]  # fmt: skip
        flat = Signal(layout.size)
        m.d.comb += flat.eq(about)
        late = layout(delayed(m, flat, lanes.ShiftLane.LATENCY, "beat"))
        word = Signal(range(self.rounds.words))
        m.d.comb += word.eq(late.tile.part * (p.mlp_columns // p.mlp_lanes) + late.beat)
        parity = ~late.tile.layer[0]
        for r, memory in enumerate(stored.memories):
            m.d.comb += [
                memory.write_en.eq(late.valid & (late.row == r) & ~late.tile.final),
                memory.write_addr.eq(Cat(word, late.tile.slot, parity)),
                memory.write_data.eq(activations),
            ]
        m.d.comb += [
            results.valid.eq(late.valid), results.tile.eq(late.tile), results.row.eq(late.row),
            results.beat.eq(late.beat), results.activations.eq(activations),
        ]  # fmt: skip


def _pick(word: Value, number: Value, bits: int, count: int) -> Value:
    """Number ``number`` of the ``count`` in ``word``."""
    return Array(word.word_select(n, bits) for n in range(count))[number] if count > 1 else word
