"""Parameters of the Edge-MoE accelerator: the choices that its arithmetic and RTL depend on.

The same frozen object goes to ``archsim.functional.edgemoe``, to ``hdl.edgemoe`` and to the
CUDA kernels. Sizes and formats of the presets are Edge-MoE's (Sarkar et al., ICCAD 2023:
``include/model.hpp``, ``datatypes.hpp``, ``hardware.hpp``). No NumPy here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from archsim.config.matrix import FORMATS, MatrixParams
from archsim.formats import FixedFormat


def _range(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low} to {high}, not {value!r}")


def _multiple(name: str, value: int, of: int, what: str) -> None:
    if value % of:
        raise ValueError(f"{name} must be a multiple of {what} ({of}), not {value!r}")


@dataclass(frozen=True, kw_only=True)
class EdgeMoeFormats:
    """Number formats; Vivado's ``ap_fixed<W, I>`` is ``FixedFormat(W, W - I)``.

    Results are truncated (toward minus infinity) and wrap. The activation's width is fixed.
    """

    activation: FixedFormat = FixedFormat(32, 22)
    weight: FixedFormat = FixedFormat(16, 14)
    """Linear layers and gates."""
    attention_bias: FixedFormat = FixedFormat(16, 9)
    bias: FixedFormat = FixedFormat(16, 11)
    norm: FixedFormat = FixedFormat(16, 11)
    """Scale and offset of the layer norm."""
    patch_weight: FixedFormat = FixedFormat(16, 16)
    pixel: FixedFormat = FixedFormat(8, 8, signed=False)

    def __post_init__(self) -> None:
        if self.activation.bits != 32 or not 16 <= self.activation.fraction_bits <= 22:
            raise ValueError(
                f"activation must have 32 bits and 16 to 22 fraction bits, not {self.activation}"
            )
        for name in ("weight", "attention_bias", "bias", "norm", "patch_weight"):
            form = getattr(self, name)
            if not (form.signed and 2 <= form.bits <= 16 and 0 <= form.fraction_bits <= 22):
                raise ValueError(
                    f"{name} must be signed with 2 to 16 bits and 0 to 22 fraction bits, not {form}"
                )
        if self.pixel.signed or self.pixel.bits > 16:
            raise ValueError(f"pixel must be unsigned with at most 16 bits, not {self.pixel}")


@dataclass(frozen=True, kw_only=True)
class Techniques:
    """Edge-MoE's techniques, each on or off."""

    expert_by_expert: bool = True
    """An expert's weights are loaded once and meet all of its tokens; else token by token."""
    single_pass_softmax: bool = True
    """The sum follows a running maximum; else a pass for the maximum and one for the sum."""
    gelu_table: bool = True
    """``ReLU(x) - table(|x|)``; else the error function."""
    unified_linear: bool = True
    """One linear unit for every layer; else one for each kind of layer."""
    reordered_attention: bool = True
    """A key streams past all query slots, skewed; else each slot loads its own keys."""


LINEAR_MODULES = 4
"""Linear modules without the unified one: embedding and gate, attention, MLP, experts."""


@dataclass(frozen=True, kw_only=True)
class EdgeMoeParams:
    """A vision transformer encoder with a mixture of experts in its odd blocks, and its units.

    ``tile_in`` x ``tile_out`` products a cycle in the linear unit; ``queries`` query slots of
    ``lanes`` products a cycle in each attention pass; ``gate_lanes`` inputs a cycle for all
    experts of the gate.
    """

    MACHINE: ClassVar[str] = "edgemoe"

    channels: int = 3
    image_height: int = 128
    image_width: int = 256
    patch: int = 16
    dim: int = 192
    heads: int = 3
    depth: int = 12
    mlp_hidden: int = 768
    experts: int = 16
    top_k: int = 2
    expert_hidden: int = 384
    tasks: int = 2
    tile_in: int = 16
    tile_out: int = 16
    queries: int = 4
    lanes: int = 8
    gate_lanes: int = 8
    weight_bytes: int = 589824
    """Weights that wait on chip."""
    formats: EdgeMoeFormats = field(default_factory=EdgeMoeFormats)
    techniques: Techniques = field(default_factory=Techniques)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("channels", 1, 16), ("image_height", 1, 4096), ("image_width", 1, 4096),
            ("patch", 1, 64), ("dim", 4, 1024), ("heads", 1, 64), ("depth", 1, 64),
            ("mlp_hidden", 1, 4096), ("experts", 1, 64), ("top_k", 1, 16),
            ("expert_hidden", 1, 4096), ("tasks", 1, 16), ("tile_in", 1, 128),
            ("tile_out", 1, 128), ("queries", 1, 64), ("lanes", 1, 256), ("gate_lanes", 1, 256),
            ("weight_bytes", 1, 1 << 28),
        ):  # fmt: skip
            _range(name, getattr(self, name), low, high)
        _multiple("image_height", self.image_height, self.patch, "patch")
        _multiple("image_width", self.image_width, self.patch, "patch")
        _multiple("dim", self.dim, self.heads, "heads")
        if self.head_dim & (self.head_dim - 1):
            raise ValueError(f"dim / heads must be a power of two, not {self.head_dim!r}")
        if self.top_k > self.experts:
            raise ValueError(f"top_k must be at most experts ({self.experts}), not {self.top_k!r}")
        if self.tokens > 1023:
            raise ValueError(f"tokens must be at most 1023, not {self.tokens!r}")
        if self.queries > self.tokens:
            raise ValueError(f"queries must be at most tokens ({self.tokens}), not {self.queries}")
        self._check_tiles()

    def _check_tiles(self) -> None:
        widths = {"dim": self.dim, "mlp_hidden": self.mlp_hidden}
        widths["expert_hidden"] = self.expert_hidden
        for name, value in widths.items():
            _multiple(name, value, self.tile_in, "tile_in")
            _multiple(name, value, self.tile_out, "tile_out")
        _multiple("dim / heads", self.head_dim, self.lanes, "lanes")
        _multiple("dim", self.dim, self.gate_lanes, "gate_lanes")

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return self.image_height // self.patch * (self.image_width // self.patch)

    @property
    def tokens(self) -> int:
        """Tokens of an image: its patches behind the class token."""
        return self.patches + 1

    @property
    def patch_pixels(self) -> int:
        """Numbers of a patch, over all channels."""
        return self.channels * self.patch * self.patch

    @property
    def head_dim(self) -> int:
        """Width of a head."""
        return self.dim // self.heads

    @property
    def tile_rows(self) -> int:
        """Rows of a linear module: all of ``tile_in``, or its share where each kind has its own."""
        return self.tile_in if self.techniques.unified_linear else self.tile_in // LINEAR_MODULES

    @property
    def score_shift(self) -> int:
        """Right shift that scales attention scores: half of ``log2(head_dim)``, rounded down.

        Where that is not exact the weights of the query carry the missing ``1 / sqrt(2)``.
        """
        return (self.head_dim.bit_length() - 1) // 2

    @property
    def query_blocks(self) -> int:
        """Passes of all keys past the query slots: ``ceil((N + p - 1) / p)`` where reordered."""
        extra = self.queries - 1 if self.techniques.reordered_attention else 0
        return -(-(self.tokens + extra) // self.queries)

    def is_moe(self, block: int) -> bool:
        """Return whether ``block`` has a mixture of experts: the odd ones do."""
        return block % 2 == 1

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all parameters."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def engine_params(params: EdgeMoeParams) -> MatrixParams:
    """Return the matrix engine of the linear unit: ``tile_rows`` tokens by ``tile_out`` outputs.

    Its sums leave in full width, a row of them a beat; the buffers hold all tokens' inputs of the
    widest layer, so that every weight is taken once, and two column tiles of its weights.
    """
    widest = max(params.dim, params.mlp_hidden, params.expert_hidden, params.patch_pixels)
    row_bytes = params.tile_out * FORMATS["w16a32"][2] // 8
    return MatrixParams(
        rows=params.tile_rows,
        columns=params.tile_out,
        format="w16a32",
        bias=True,
        requantise=False,
        a_depth=-(-params.tokens // params.tile_rows) * widest,
        b_depth=2 * widest,
        out_depth=max(2, 4 * params.tile_rows),
        port_bytes=1 << (row_bytes - 1).bit_length(),
    )


M3VIT_TINY = EdgeMoeParams()
"""Edge-MoE as published: M3ViT on ViT-Tiny, 129 tokens of 192, 16 experts, top 2."""

M3VIT_SMALL = replace(M3VIT_TINY, dim=384, heads=12, mlp_hidden=1536, expert_hidden=384, top_k=4)
"""M3ViT on ViT-Small (Fan et al. 2022): 384 wide, 12 heads of 32, top 4."""

TRAINED = EdgeMoeParams(
    image_height=32, image_width=64, patch=8, dim=64, heads=4, depth=4, mlp_hidden=256,
    experts=8, expert_hidden=64,
)  # fmt: skip
"""The small two-task model that ``scripts/train_m3vit.py`` trains."""

SMALL = EdgeMoeParams(
    image_height=16, image_width=32, patch=8, dim=32, heads=2, depth=3, mlp_hidden=64, experts=4,
    expert_hidden=32, tile_in=4, tile_out=4, queries=4, lanes=1, gate_lanes=4, weight_bytes=8192,
)  # fmt: skip
"""A complete encoder for co-simulation: 9 tokens of 32; the second of 3 blocks has experts."""
