"""Where the Edge-MoE accelerator keeps its activations, and the descriptors that it works through.

What follows from ``EdgeMoeParams`` and is read alike by ``hdl.edgemoe`` (the controller), by
``archsim.mapping.edgemoe_program`` (which writes descriptor lists) and by the model.

Activations lie on chip in three memories, in *granules* of ``granule`` elements; a memory has
``banks`` banks, so that a run of ``banks`` granules from any granule on is one access.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from archsim.config.edgemoe_params import EdgeMoeParams

ELEMENT_BITS = 32
DESCRIPTOR_BYTES = 64

READ_AHEAD = 8
"""Descriptors that the controller may read before their turn, behind a list's end too."""

END, TASK, LOAD, PIXELS, NORM, LINEAR, ATTENTION, STORE = range(8)
"""Opcodes of descriptors."""

UNITS = ("embed", "norm", "linear", "attention", "gate", "expert", "output")
"""What a descriptor's cycles are counted as, named as the model's phases; by field ``unit``."""

COUNTERS = ("cycles", "fetch", *UNITS, "weights", "compute")
"""Performance counters. ``cycles`` are those of a list, the sum of ``fetch`` (no descriptor is
there) and of the units; ``weights`` of them lacked a payload, ``compute`` were the engine's."""

FIELDS: dict[str, tuple[int, int]] = {
    "opcode": (0, 4), "unit": (4, 4), "gelu": (8, 1), "add": (9, 1), "gather": (10, 1),
    "scatter": (11, 1), "gate": (12, 1), "wide_bias": (13, 1), "wide_weight": (14, 1),
    "expert": (16, 8), "memory": (24, 2), "rows": (32, 16), "k": (48, 16), "n_tiles": (64, 16),
    "source": (96, 32), "target": (128, 32),
    "source_stride": (160, 16), "target_stride": (176, 16), "address": (192, 64),
    "beats": (256, 32), "task_stride": (288, 32),
}  # fmt: skip
"""Lowest bit and width of each field of a descriptor.

``source``, ``target``: first granule of a row; ``*_stride``: granules from row to row.
``wide_bias``: biases have the attention's format; ``wide_weight``: weights have 16 bits, whatever
the others have. ``address``, ``beats``: the payload in external memory (or where ``STORE`` writes);
``task_stride`` bytes are added to the address for each task before the current one.
"""


def descriptor(**values: int) -> bytes:
    """Return a descriptor of the given fields; ``ValueError`` for one that does not fit."""
    word = 0
    for name, value in values.items():
        low, bits = FIELDS[name]
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} must be 0 to {(1 << bits) - 1}, not {value!r}")
        word |= value << low
    return word.to_bytes(DESCRIPTOR_BYTES, "little")


@dataclass(frozen=True)
class Layout:
    """What follows from ``params`` for memories, streams and descriptors."""

    params: EdgeMoeParams

    @property
    def norm_lanes(self) -> int:
        """Elements of layer norm a cycle."""
        return min(self.params.lanes, 16)

    @property
    def granule(self) -> int:
        """Elements that are addressed together."""
        return math.gcd(self.params.tile_out, self.params.lanes, self.norm_lanes)

    @cached_property
    def banks(self) -> int:
        """Granules that are read or written at once: enough for every unit's word."""
        p = self.params
        widest = max(p.tile_in, p.tile_out, p.lanes)
        return 1 << (-(-widest // self.granule) - 1).bit_length()

    @property
    def width(self) -> int:
        """Elements of an access."""
        return self.granule * self.banks

    @property
    def token(self) -> int:
        """Granules of a token."""
        return self.params.dim // self.granule

    @property
    def hidden(self) -> int:
        """Granules from row to row of the widest intermediate: a hidden layer, or patches."""
        p = self.params
        return max(p.mlp_hidden, p.expert_hidden, p.patch_pixels) // self.granule

    @property
    def pixel_run(self) -> int:
        """Pixels that are stored at once: as many as one access takes of a patch's row."""
        p = self.params
        whole = [
            n for n in range(self.granule, min(p.patch, self.width) + 1, self.granule)
            if p.patch % n == 0
        ]  # fmt: skip
        return max(whole, default=self.granule)

    @cached_property
    def regions(self) -> dict[str, tuple[int, int]]:
        """Memory and first granule of every region.

        ``x``: the residual stream; ``q``, ``k``, ``v``; ``y``: a normalised token or the
        attention's result; ``h``: patches or a hidden layer.
        """
        all_tokens = self.params.tokens * self.token
        return {
            "x": (0, 0), "q": (0, all_tokens), "y": (1, 0), "k": (1, all_tokens),
            "h": (1, 2 * all_tokens), "v": (2, 0),
        }  # fmt: skip

    @cached_property
    def depths(self) -> tuple[int, int, int]:
        """Granules of each memory."""
        all_tokens = self.params.tokens * self.token
        hidden = self.params.tokens * self.hidden
        return (2 * all_tokens, 2 * all_tokens + hidden, all_tokens)

    @property
    def address_bits(self) -> int:
        """Bits of a granule's address."""
        return max(1, (max(self.depths) + self.banks).bit_length())

    @property
    def port_bytes(self) -> int:
        """Bytes of an AXI beat: the weights of an input, for all outputs of a tile, fit."""
        return 1 << (2 * self.params.tile_out - 1).bit_length()

    @property
    def packed(self) -> int:
        """Inputs whose weights lie in one word of a layer: 1, 2 or 4, by the weights' width."""
        return 16 // next(bits for bits in (4, 8, 16) if bits >= self.params.formats.weight.bits)

    def layer_words(self, k: int, n_tiles: int, wide: bool = False) -> int:
        """Return the words of ``16 * tile_out`` bits of a layer of ``k`` inputs.

        Each of ``n_tiles`` column tiles has its biases, then its weights; ``wide``: of 16 bits.
        """
        return n_tiles * (1 + -(-k // (1 if wide else self.packed)))

    @property
    def payload_beats(self) -> int:
        """Beats of payload that wait on chip."""
        return max(16, self.params.weight_bytes // self.port_bytes)

    @property
    def pixel_shift(self) -> int:
        """Left shift of a pixel that makes it an operand of the linear unit."""
        formats = self.params.formats
        product = formats.activation.fraction_bits + formats.weight.fraction_bits
        return product - formats.pixel.fraction_bits - formats.patch_weight.fraction_bits

    def faults(self) -> list[tuple[str, object, str]]:
        """Return field, value and rule of everything that the controller cannot serve."""
        p, g = self.params, self.granule
        rules = (
            ("encoder.experts", p.experts, p.experts <= p.tile_out,
             f"at most linear.tile_out ({p.tile_out})"),
            ("encoder.patch", p.patch, p.patch % g == 0, f"a multiple of {g}"),
            ("encoder.dim", p.dim, p.dim * ELEMENT_BITS // 8 % self.port_bytes == 0,
             f"such that a token is a multiple of {self.port_bytes} bytes"),
            ("linear.tile_in", p.tile_in, p.tile_in <= 2 * p.tile_out,
             f"at most twice linear.tile_out ({p.tile_out})"),
            ("formats.weight_bits", p.formats.weight.bits, self.pixel_shift >= 0,
             "such that a pixel fits above the patch weights' fraction"),
        )  # fmt: skip
        return [(name, value, rule) for name, value, good, rule in rules if not good]
