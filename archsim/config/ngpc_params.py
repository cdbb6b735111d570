"""Parameters of a neural field processor: what its RTL, its reference and its model share.

The same frozen object goes to ``functional.ngpc``, ``hdl.ngpc`` and ``models.ngpc``. No NumPy.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import ClassVar

from archsim.config.ngpc_grid import GridParams

PAD = 16
"""tiny-cuda-nn pads inputs and outputs of a perceptron to a multiple of this."""

SH_TERMS = 16
"""Spherical harmonics of degree 4."""

ENTRIES_PER_WORD = 2
"""Neighbours along x whose lower index is even share a word of the grid memory."""

OUTPUT_ACTIVATIONS = ("none", "relu")
SHIFT_BITS = 6


def padded(count: int) -> int:
    """Return ``count`` rounded up to a multiple of ``PAD``."""
    return -(-count // PAD) * PAD


@dataclass(frozen=True, kw_only=True)
class MlpParams:
    """A fused perceptron without biases: ``hidden`` layers of ``width`` with ReLU, then outputs.

    ``hidden`` counts as tiny-cuda-nn's ``n_hidden_layers``: ``hidden + 1`` weight matrices.
    """

    inputs: int
    outputs: int
    width: int = 64
    hidden: int = 2
    output_activation: str = "none"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("inputs", 1, 256), ("outputs", 1, 256), ("width", 16, 256), ("hidden", 1, 8),
        ):  # fmt: skip
            _integer(name, getattr(self, name), low, high)
        if self.width % PAD:
            raise ValueError(f"width must be a multiple of {PAD}, not {self.width!r}")
        if self.output_activation not in OUTPUT_ACTIVATIONS:
            words = ", ".join(OUTPUT_ACTIVATIONS)
            raise ValueError(
                f"output_activation must be one of {words}, not {self.output_activation!r}"
            )

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each weight matrix, padding included."""
        square = ((self.width, self.width),) * (self.hidden - 1)
        return ((padded(self.inputs), self.width), *square, (self.width, padded(self.outputs)))

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one sample, padding included."""
        return sum(rows * columns for rows, columns in self.shapes)


@dataclass(frozen=True, kw_only=True)
class NfpFormats:
    """Widths of the numbers inside; the scale of features, weights and activations is data.

    ``position_bits``: unsigned positions in [0, 1). ``scale_fraction_bits``: of a level's scale.
    ``fraction_bits``: of the position in its cell, so of the interpolation's weights.
    ``feature_bits``, ``weight_bits``, ``activation_bits``: signed. ``direction_bits``: signed
    directions in [-1, 1] with two bits before the point, for spherical harmonics.
    """

    position_bits: int = 18
    scale_fraction_bits: int = 8
    fraction_bits: int = 8
    feature_bits: int = 16
    weight_bits: int = 16
    activation_bits: int = 16
    direction_bits: int = 16

    def __post_init__(self) -> None:
        for name, low, high in (
            ("position_bits", 8, 32), ("scale_fraction_bits", 0, 16), ("fraction_bits", 1, 16),
            ("feature_bits", 2, 16), ("weight_bits", 2, 16), ("activation_bits", 8, 16),
            ("direction_bits", 8, 18),
        ):  # fmt: skip
            _integer(name, getattr(self, name), low, high)
        if self.activation_bits < self.feature_bits:
            raise ValueError(
                f"activation_bits must be at least feature_bits ({self.feature_bits}), "
                f"not {self.activation_bits!r}"
            )
        if self.position_bits + self.scale_fraction_bits < self.fraction_bits:
            raise ValueError(
                "fraction_bits must be at most position_bits + scale_fraction_bits, "
                f"not {self.fraction_bits!r}"
            )

    @property
    def direction_fraction_bits(self) -> int:
        """Fraction bits of a direction."""
        return self.direction_bits - 2


@dataclass(frozen=True, kw_only=True)
class NfpParams:
    """A neural field processor: grid, perceptrons, formats, and how much hardware works on them.

    ``mlps``: one perceptron fed by the encoding; or two, where the second takes the
    spherical harmonics of a direction after the first's outputs. ``levels_per_engine`` levels
    take turns on an encoding engine. ``banks`` of the grid memory have one port each and a
    request queue of ``queue_depth``. ``mlp_rows`` samples and ``mlp_columns`` neurons are worked
    on at once; ``mlp_lanes`` of their sums are rounded and stored in a cycle. ``processors`` share
    the samples of a job.
    """

    MACHINE: ClassVar[str] = "ngpc"

    grid: GridParams = field(default_factory=GridParams)
    mlps: tuple[MlpParams, ...]
    formats: NfpFormats = field(default_factory=NfpFormats)
    banks: int = 8
    queue_depth: int = 8
    levels_per_engine: int = 1
    mlp_rows: int = 64
    mlp_columns: int = 64
    mlp_lanes: int = 64
    processors: int = 1

    def __post_init__(self) -> None:
        for name, low, high in (
            ("banks", 1, 32), ("queue_depth", 1, 64), ("levels_per_engine", 1, 32),
            ("mlp_rows", 1, 256), ("mlp_columns", 1, 256), ("mlp_lanes", 1, 256),
            ("processors", 1, 1024),
        ):  # fmt: skip
            _integer(name, getattr(self, name), low, high)
        if self.mlp_columns % self.mlp_lanes:
            raise ValueError(
                f"mlp_lanes must divide mlp_columns ({self.mlp_columns}), not {self.mlp_lanes!r}"
            )
        if self.banks & (self.banks - 1):
            raise ValueError(f"banks must be a power of two, not {self.banks!r}")
        if len(self.mlps) not in (1, 2):
            raise ValueError(f"mlps must be one or two perceptrons, not {len(self.mlps)}")
        if self.mlps[0].inputs != self.grid.outputs:
            raise ValueError(
                f"mlps[0].inputs must be the {self.grid.outputs} features of the grid, "
                f"not {self.mlps[0].inputs!r}"
            )
        if self.directions and self.mlps[1].inputs != padded(self.mlps[0].outputs) + SH_TERMS:
            raise ValueError(
                f"mlps[1].inputs must be {padded(self.mlps[0].outputs) + SH_TERMS}, the first "
                f"perceptron's outputs and {SH_TERMS} harmonics, not {self.mlps[1].inputs!r}"
            )

    @property
    def directions(self) -> bool:
        """Whether a sample has a direction beside its position."""
        return len(self.mlps) == 2

    @property
    def engines(self) -> int:
        """Encoding engines."""
        return -(-self.grid.levels // self.levels_per_engine)

    @property
    def outputs(self) -> int:
        """Numbers that leave for each sample: all outputs of the last perceptron, and the
        first's output 0 (the density) before them where there are two."""
        return self.mlps[-1].outputs + self.directions

    @property
    def word_bits(self) -> int:
        """Bits of a word of the grid memory."""
        return ENTRIES_PER_WORD * self.grid.features * self.formats.feature_bits

    @property
    def sum_bits(self) -> int:
        """Signed bits that hold every layer's exact sum."""
        most = max(inputs for mlp in self.mlps for inputs, _ in mlp.shapes)
        f = self.formats
        return (most << (f.activation_bits - 1 + f.weight_bits - 1)).bit_length() + 1

    def scale_raw(self, level: int) -> int:
        """Return the scale of ``level`` as the hardware holds it, in ``scale_fraction_bits``."""
        return round(self.grid.tables[level].scale * (1 << self.formats.scale_fraction_bits))

    @property
    def digest(self) -> str:
        """SHA-256 over all parameters."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _integer(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low} to {high}, not {value!r}")
