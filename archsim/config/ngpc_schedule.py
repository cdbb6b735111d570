"""When the perceptron engine of a neural field processor does what: one plan for RTL and model.

The engine works in rounds. A round has ``slots`` groups of ``mlp_rows`` samples; every layer is
computed for slot after slot, so that a slot's results are rounded and stored while the other slots
keep the multipliers busy. A layer wider than the array takes several tiles. No NumPy here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from archsim.config.ngpc_params import NfpParams, padded

READ_CYCLES = 3
"""From an address to the operands at the multipliers: memory, its output register, selection."""
SUM_CYCLES = 4
"""From the last operands of a sum to its first row at the lanes."""
LANE_CYCLES = 5
"""From a sum to its rounded activation."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One layer for at most ``mlp_columns`` neurons of a slot.

    ``layer`` counts over all perceptrons, ``part`` over the tiles of a layer; ``steps`` are its
    inputs, one a cycle, in the last of its ``cycles``, so that sums end a drain apart.
    ``source``: "features", "activations", or "terms" (activations, then harmonics). ``relu``,
    ``final``: the last perceptron's last layer; ``density``: output 0 of this layer also leaves.
    """

    layer: int
    part: int
    steps: int
    cycles: int
    source: str
    relu: bool
    final: bool
    density: bool


@dataclass(frozen=True)
class Schedule:
    """The tiles of a round in order, and the slots that hide the latency of every layer."""

    params: NfpParams
    tiles: tuple[Tile, ...]
    slots: int

    @property
    def slot_cycles(self) -> int:
        """Cycles of a slot for all layers."""
        return sum(tile.cycles for tile in self.tiles)

    @property
    def round_cycles(self) -> int:
        """Cycles of a round, whether its slots are taken or not."""
        return self.slots * self.slot_cycles

    @property
    def weight_words(self) -> int:
        """Words of ``mlp_columns`` weights, tile after tile."""
        return sum(tile.steps for tile in self.tiles)


def schedule(params: NfpParams) -> Schedule:
    """Return the plan of ``params``' perceptron engine."""
    drain = drain_cycles(params)
    tiles = []
    layer = 0
    for number, mlp in enumerate(params.mlps):
        for at, (inputs, outputs) in enumerate(mlp.shapes):
            last = at == mlp.hidden
            source = "activations" if at else ("terms" if number else "features")
            tiles += [
                Tile(
                    layer, part, inputs, max(inputs, drain), source,
                    relu=not last or mlp.output_activation == "relu",
                    final=last and number == len(params.mlps) - 1,
                    density=last and number < len(params.mlps) - 1,
                )
                for part in range(-(-outputs // params.mlp_columns))
            ]  # fmt: skip
            layer += 1
    slots = fewest_slots([(t.layer, t.steps, t.cycles) for t in tiles], drain)
    return Schedule(params, tuple(tiles), slots)


def drain_cycles(params: NfpParams) -> int:
    """Return the cycles in which all sums of a tile pass the lanes."""
    return params.mlp_rows * params.mlp_columns // params.mlp_lanes


def fewest_slots(layers: Sequence[tuple[int, int, int]], drain: int) -> int:
    """Return the slots with which each layer finds what the one before stored.

    ``layers``: layer, steps and cycles of each tile in order.
    """
    latency = READ_CYCLES + SUM_CYCLES + LANE_CYCLES + drain
    slots = 1
    for (layer, _, cycles), (following, steps, next_cycles) in pairwise(layers):
        if layer == following:
            continue
        wait = cycles + latency - (next_cycles - steps)
        while min(slots * cycles, cycles + (slots - 1) * next_cycles) < wait:
            slots += 1
    return slots


def term_step(params: NfpParams) -> int:
    """Return the step of a ``terms`` tile from which on harmonics enter."""
    return padded(params.mlps[0].outputs)
