"""The perceptron engine's control: rounds of tiles, slots and steps."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.ngpc_params import NfpParams
from archsim.config.ngpc_schedule import Schedule, schedule, term_step
from hdl.lib.counting import increment


def tile_layout(plan: Schedule) -> data.StructLayout:
    """Return what goes with a tile's sums: ``layer``, ``part``, ``slot``, whether the slot is
    ``present``, and the tile's ``relu``, ``final`` and ``density``."""
    return data.StructLayout(
        {
            "layer": _bits(plan.tiles[-1].layer),
            "part": _bits(max(tile.part for tile in plan.tiles)),
            "slot": _bits(plan.slots - 1),
            "present": 1,
            "relu": 1,
            "final": 1,
            "density": 1,
        }
    )


def _bits(most: int) -> int:
    return most.bit_length()


class Rounds(wiring.Component):
    """Walks through a round's tiles as ``archsim.config.ngpc_schedule`` plans them.

    A round begins when a slot is held and ``room`` is high; it takes up to ``slots`` of them.

    Ports:

    * ``held`` (in), ``give`` (out): of ``SampleRing``; slots go back at the end of a round.
    * ``room`` (1, in): the results of a whole round have room. ``begin`` (1, out) a round begins
      with ``taken`` slots.
    * ``active`` (1, out): a step's operands are read in this cycle. With it ``first`` and ``last``
      of its tile; ``weight`` (word); ``place`` in the ring, ``ring_turn`` and ``ring_lane``;
      ``word`` and ``lane`` of the activation; ``source`` (0 features, 1 activations, 2 harmonics,
      3 zeros); ``tile``.
    """

    def __init__(self, params: NfpParams) -> None:
        p = self.params = params
        plan = self.plan = schedule(p)
        self.ring_lanes = p.engines * p.grid.features
        parts = max(tile.part for tile in plan.tiles) + 1
        self.words = parts * p.mlp_columns // p.mlp_lanes  # of a slot's row between layers
        super().__init__(
            {
                "held": In(range(2 * plan.slots + 1)),
                "give": Out(range(plan.slots + 1)),
                "room": In(1),
                "begin": Out(1),
                "taken": Out(range(plan.slots + 1)),
                "active": Out(1),
                "first": Out(1),
                "last": Out(1),
                "weight": Out(range(plan.weight_words)),
                "place": Out(range(2 * plan.slots)),
                "ring_turn": Out(range(p.levels_per_engine)),
                "ring_lane": Out(range(self.ring_lanes)),
                "word": Out(range(self.words)),
                "lane": Out(range(p.mlp_lanes)),
                "source": Out(2),
                "tile": Out(tile_layout(plan)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        tiles, slots = self.plan.tiles, self.plan.slots
        running, tile = Signal(), Signal(range(len(tiles)))
        slot, step = Signal(range(slots)), Signal(range(max(t.cycles for t in tiles)))
        present = Signal(range(slots + 1))  # slots of this round
        left = Signal(range(2 * slots + 1))  # slots that wait for a round
        tile_ends, slots_end, ends = Signal(), Signal(), Signal()
        m.d.comb += [
            tile_ends.eq(running & (step == self._of(tile, [t.cycles - 1 for t in tiles]))),
            slots_end.eq(tile_ends & (slot == slots - 1)),
            ends.eq(slots_end & (tile == len(tiles) - 1)),
            self.give.eq(Mux(ends, present, 0)),
            left.eq(self.held - Mux(running, present, 0)),
            self.taken.eq(Mux(left > slots, slots, left)),
            self.begin.eq((~running | ends) & (left != 0) & self.room),
        ]
        with m.If(running):
            m.d.sync += step.eq(Mux(tile_ends, 0, step + 1))
        with m.If(tile_ends):
            m.d.sync += slot.eq(Mux(slots_end, 0, slot + 1))
        with m.If(slots_end):
            m.d.sync += tile.eq(Mux(ends, 0, tile + 1))
        with m.If(ends):
            m.d.sync += running.eq(0)
        with m.If(self.begin):
            m.d.sync += [running.eq(1), present.eq(self.taken)]
        enters = self._of(tile, [t.cycles - t.steps for t in tiles])
        number = Signal(range(max(t.steps for t in tiles)))  # of the step
        with m.If(self.active):
            m.d.sync += number.eq(Mux(self.last, 0, number + 1))
        m.d.comb += [
            self.active.eq(running & (step >= enters)),
            self.first.eq(self.active & (number == 0)),
            self.last.eq(tile_ends),
            self.tile.slot.eq(slot),
            self.tile.present.eq(slot < present),
        ]
        for name in ("layer", "part", "relu", "final", "density"):
            values = [int(getattr(t, name)) for t in tiles]
            m.d.comb += getattr(self.tile, name).eq(self._of(tile, values))
        self._weights(m, tile_ends, slots_end, ends)
        self._ring(m, present, tile_ends, slots_end, ends)
        self._operands(m, tile, number, tile_ends)
        return m

    @staticmethod
    def _of(tile: Value, values: list[int]) -> Value:
        return Array(values)[tile] if len(values) > 1 else Array(values * 2)[0]

    def _weights(self, m: Module, tile_ends: Value, slots_end: Value, ends: Value) -> None:
        """The weight word: again for each slot, on for the next tile."""
        base = Signal.like(self.weight)
        following = Signal.like(self.weight)  # the word after the step before
        m.d.comb += following.eq(self.weight + self.active)
        m.d.sync += self.weight.eq(following)
        with m.If(slots_end):
            m.d.sync += [base.eq(following), self.weight.eq(following)]
        with m.Elif(tile_ends):
            m.d.sync += self.weight.eq(base)
        with m.If(ends):
            m.d.sync += [base.eq(0), self.weight.eq(0)]

    def _ring(
        self, m: Module, present: Value, tile_ends: Value, slots_end: Value, ends: Value
    ) -> None:
        """The slot in the ring."""
        count = 2 * self.plan.slots
        base = Signal.like(self.place)
        beyond = Signal(range(2 * count))
        after = Signal.like(self.place)
        m.d.comb += [
            beyond.eq(base + present),
            after.eq(Mux(beyond >= count, beyond - count, beyond)),
        ]
        with m.If(ends):
            m.d.sync += [base.eq(after), self.place.eq(after)]
        with m.Elif(slots_end):
            m.d.sync += self.place.eq(base)
        with m.Elif(tile_ends):
            m.d.sync += self.place.eq(increment(self.place, count))

    def _operands(self, m: Module, tile: Value, step: Value, tile_ends: Value) -> None:
        """Where a step's activations lie."""
        p, tiles = self.params, self.plan.tiles
        features = self._of(tile, [int(t.source == "features") for t in tiles])
        mixed = self._of(tile, [int(t.source == "terms") for t in tiles])
        lane_ends = self.lane == p.mlp_lanes - 1
        ring_ends = self.ring_lane == self.ring_lanes - 1
        with m.If(self.active):
            m.d.sync += [
                self.lane.eq(Mux(lane_ends, 0, self.lane + 1)),
                self.ring_lane.eq(Mux(ring_ends, 0, self.ring_lane + 1)),
            ]
            with m.If(lane_ends):
                m.d.sync += self.word.eq(self.word + 1)
            with m.If(ring_ends):
                m.d.sync += self.ring_turn.eq(self.ring_turn + 1)
        with m.If(tile_ends):
            m.d.sync += Cat(self.lane, self.word, self.ring_lane, self.ring_turn).eq(0)
        given = step < p.grid.outputs
        m.d.comb += self.source.eq(
            Mux(features, Mux(given, 0, 3), Mux(mixed & (step >= term_step(p)), 2, 1))
        )
