"""One neural field processor: cycles a sample, its pipeline's depth, storage, and spills."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.ngpc import NgpcDevice
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_layout import level_layout
from archsim.config.ngpc_params import ENTRIES_PER_WORD
from archsim.config.ngpc_schedule import fewest_slots
from archsim.models.ngpc.banks import interval

SECTOR_BYTES = 32
"""What a spilled word costs the L2."""

ENCODING_STAGES = 23
"""Cycles of an encoding engine beside its words; three axes, linear weights, one bank."""


@dataclass(frozen=True)
class Processor:
    """What a sample costs one processor.

    ``encoding_cycles`` and ``perceptron_cycles``: between two samples in a full pipeline.
    ``fill_cycles``: from the first position to the first output. ``words``: read from grid memory.
    ``stored_bytes`` of all levels, ``kept_bytes`` of them on the chip; ``spilled_words``: read from
    L2 instead, the rest of the words being on the chip.
    """

    encoding_cycles: float
    perceptron_cycles: float
    fill_cycles: float
    words: float
    stored_bytes: int
    kept_bytes: int
    spilled_words: float
    macs: int

    @property
    def interval_cycles(self) -> float:
        """Cycles between two samples."""
        return max(self.encoding_cycles, self.perceptron_cycles)


def processor(
    device: NgpcDevice, grid: GridParams, layers: tuple[tuple[int, int], ...]
) -> Processor:
    """Return the cost of a sample with ``grid`` and perceptron ``layers`` (inputs, outputs)."""
    choice = device.encoding
    word_bytes = ENTRIES_PER_WORD * grid.features * device.formats.feature_bits / 8
    engines = max(1, -(-device.grid.levels // choice.levels_per_engine))
    cycles = [0.0] * engines
    held = [float(choice.sram_bytes)] * engines
    words = stored = kept = spilled = 0.0
    for level in grid.tables:
        engine = level.number % engines
        each, read = interval(grid, level.number, choice.banks, choice.queue_depth, True)
        cycles[engine] += each
        words += read
        level_bytes = level_layout(grid, level).words * word_bytes
        here = min(level_bytes, held[engine])
        held[engine] -= here
        stored += level_bytes
        kept += here
        spilled += read * (1 - here / level_bytes)
    array = device.perceptron
    drain = array.rows * array.columns // array.lanes
    tiles = [
        (layer, inputs, max(inputs, drain))
        for layer, (inputs, outputs) in enumerate(layers)
        for _ in range(-(-outputs // array.columns))
    ]
    slot = sum(each for *_, each in tiles)
    perceptron = slot / array.rows
    macs = sum(i * o for i, o in layers) + grid.outputs * (grid.corners - 1)
    fill = ENCODING_STAGES + max(cycles) + fewest_slots(tiles, drain) * slot
    return Processor(
        max(cycles), perceptron, fill, words, round(stored), round(kept), spilled, macs
    )
