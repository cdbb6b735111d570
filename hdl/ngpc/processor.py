"""The neural field processor: encoding engines that feed the perceptron engine on the chip."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_layout import level_offsets
from archsim.config.ngpc_params import SHIFT_BITS, NfpParams
from hdl.lib.skid import SkidBuffer
from hdl.ngpc.engine import EncodingEngine
from hdl.ngpc.harmonics import Harmonics
from hdl.ngpc.perceptron import PerceptronEngine
from hdl.ngpc.serial import SerialEngine


def engine_levels(params: NfpParams, engine: int) -> tuple[int, ...]:
    """Return the levels of an encoding engine, in the order of their turns."""
    return tuple(range(engine, params.grid.levels, params.engines))


def memory_words(params: NfpParams, engine: int) -> int:
    """Return the words of an encoding engine's grid memory."""
    return level_offsets(params.grid, engine_levels(params, engine))[-1]


def engine_latency(params: NfpParams) -> int:
    """Return the cycles of an encoding engine beside those that its words take."""
    return (SerialEngine if params.banks == 1 else EncodingEngine).latency_of(params)


def encoding_engine(
    params: NfpParams, engine: int, **choices: Any
) -> EncodingEngine | SerialEngine:
    """Return an encoding engine: with one bank, levels may take turns on it."""
    levels = engine_levels(params, engine)
    if params.banks == 1:
        return SerialEngine(params, levels, **choices)
    return EncodingEngine(params, levels[0], **choices)


class Processor(wiring.Component):
    """``archsim.functional.ngpc.FixedNetwork`` for a stream of samples.

    Ports:

    * ``grid``: stream of ``engine``, ``address`` and ``data``: a word of its grid memory.
      ``weights``: stream of the perceptron engine's weights. Both for use while nothing is
      ``left``.
    * ``shifts``, ``term_shift`` (in): of the layers and of the harmonics; stable.
    * ``start`` (1, in) with ``samples`` (32, in); ``left`` (32, out): results not yet taken.
    * ``i``: stream of samples: positions, axis 0 lowest, and the direction, x lowest, if any.
    * ``o``: stream of a sample's ``outputs`` numbers, output 0 lowest.
    * ``working`` (1, out): operands enter the perceptron engine's multipliers.
    """

    def __init__(
        self, params: NfpParams, *, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        p = self.params = params
        chosen: dict[str, Any] = {"multiplier": multiplier, "verilog": verilog}
        self.chosen = chosen
        self.engines = [encoding_engine(p, e, **chosen) for e in range(p.engines)]
        self.perceptron = PerceptronEngine(p, **chosen)
        self.position_bits = p.grid.dims * p.formats.position_bits
        direction_bits = 3 * p.formats.direction_bits * p.directions
        grid = data.StructLayout(
            {
                "engine": range(p.engines),
                "address": max(engine.number_bits for engine in self.engines),
                "data": p.word_bits,
            }
        )
        weights = self.perceptron.load.payload.shape()
        super().__init__(
            {
                "grid": In(stream.Signature(grid)),
                "weights": In(stream.Signature(weights)),
                "shifts": In(len(self.perceptron.shifts)),
                "term_shift": In(SHIFT_BITS),
                "start": In(1),
                "samples": In(32),
                "left": Out(32),
                "i": In(stream.Signature(self.position_bits + direction_bits)),
                "o": Out(stream.Signature(len(self.perceptron.o.payload))),
                "working": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p, perceptron = self.params, self.perceptron
        m.submodules.perceptron = perceptron
        connect(m, flipped(self.weights), perceptron.load)
        connect(m, perceptron.o, flipped(self.o))
        m.d.comb += [
            perceptron.shifts.eq(self.shifts), perceptron.start.eq(self.start),
            perceptron.samples.eq(self.samples), self.left.eq(perceptron.left),
            self.working.eq(perceptron.working),
        ]  # fmt: skip
        branches = []
        loads = []
        for number, engine in enumerate(self.engines):
            m.submodules[f"engine_{number}"] = engine
            skid = self._branch(m, f"engine_{number}", self.i.payload[: self.position_bits])
            connect(m, skid.o, engine.i)
            branches.append(skid.i)
            mine = self.grid.payload.engine == number
            m.d.comb += [
                engine.load.valid.eq(self.grid.valid & mine),
                engine.load.payload.address.eq(self.grid.payload.address),
                engine.load.payload.data.eq(self.grid.payload.data),
            ]
            loads.append(engine.load.ready | ~mine)
        m.d.comb += self.grid.ready.eq(Cat(loads).all())
        if p.directions:
            m.submodules.harmonics = harmonics = Harmonics(p, **self.chosen)
            skid = self._branch(m, "harmonics", self.i.payload[self.position_bits :])
            connect(m, skid.o, harmonics.i)
            connect(m, harmonics.o, perceptron.terms)
            m.d.comb += harmonics.shift.eq(self.term_shift)
            branches.append(skid.i)
        self._fork(m, branches)
        self._join(m)
        return m

    def _branch(self, m: Module, name: str, word: Value) -> SkidBuffer:
        """A buffer for one of those that take a sample."""
        skid = SkidBuffer(width=len(word))
        m.submodules[f"{name}_input"] = skid
        m.d.comb += skid.i.payload.eq(word)
        return skid

    def _fork(self, m: Module, branches: list[Any]) -> None:
        """A sample goes to all branches in one cycle."""
        ready = Signal()
        m.d.comb += [ready.eq(Cat(b.ready for b in branches).all()), self.i.ready.eq(ready)]
        for branch in branches:
            m.d.comb += branch.valid.eq(self.i.valid & ready)

    def _join(self, m: Module) -> None:
        """The features of a turn go on when all engines have theirs."""
        valid = Signal()
        target = self.perceptron.i
        m.d.comb += [
            valid.eq(Cat(engine.o.valid for engine in self.engines).all()),
            target.valid.eq(valid),
            target.payload.eq(Cat(engine.o.payload for engine in self.engines)),
        ]
        for engine in self.engines:
            m.d.comb += engine.o.ready.eq(valid & target.ready)
