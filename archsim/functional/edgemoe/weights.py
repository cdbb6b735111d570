"""Weights of the encoder: floating-point numbers, and the integers the accelerator holds.

Both have the same names and shapes. Linear weights are ``[out, in]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.formats import FixedFormat

Arrays = dict[str, NDArray[Any]]
_LINEARS = ("query", "key", "value", "projection")


@dataclass(frozen=True)
class Weights:
    """Arrays by name (``shapes`` lists them), of one encoder."""

    arrays: Mapping[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]

    def block(self, index: int) -> Arrays:
        """Return the arrays of a block, by name within it."""
        start = f"blocks.{index}."
        return {k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)}


def shapes(params: EdgeMoeParams) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of the encoder, in order."""
    p = params
    found: dict[str, tuple[int, ...]] = {
        "patch.weight": (p.dim, p.patch_pixels), "patch.bias": (p.dim,),
        "class_token": (p.dim,), "position": (p.tokens, p.dim),
    }  # fmt: skip
    for index in range(p.depth):
        start = f"blocks.{index}."
        for norm in ("norm1", "norm2"):
            found |= {f"{start}{norm}.scale": (p.dim,), f"{start}{norm}.offset": (p.dim,)}
        for name in _LINEARS:
            found |= {f"{start}{name}.weight": (p.dim, p.dim), f"{start}{name}.bias": (p.dim,)}
        found |= {start + k: v for k, v in _mlp_shapes(p, p.is_moe(index)).items()}
    return found


def _mlp_shapes(p: EdgeMoeParams, moe: bool) -> dict[str, tuple[int, ...]]:
    if not moe:
        return {
            "fc1.weight": (p.mlp_hidden, p.dim), "fc1.bias": (p.mlp_hidden,),
            "fc2.weight": (p.dim, p.mlp_hidden), "fc2.bias": (p.dim,),
        }  # fmt: skip
    e, hidden = p.experts, p.expert_hidden
    return {
        "gate.weight": (p.tasks, e, p.dim),
        "fc1.weight": (e, hidden, p.dim), "fc1.bias": (e, hidden),
        "fc2.weight": (e, p.dim, hidden), "fc2.bias": (e, p.dim),
    }  # fmt: skip


def format_of(params: EdgeMoeParams, name: str) -> FixedFormat:
    """Return the number format of the array ``name``."""
    formats = params.formats
    part, _, kind = name.rpartition(".")
    if name in ("class_token", "position"):
        return formats.activation
    if kind in ("scale", "offset"):
        return formats.norm
    if kind == "weight":
        return formats.patch_weight if part == "patch" else formats.weight
    return formats.attention_bias if part.rpartition(".")[2] in _LINEARS else formats.bias


def to_fixed(x: NDArray[Any], form: FixedFormat) -> NDArray[Any]:
    """Return ``x`` rounded to the nearest number of ``form`` (ties to even), saturated, int64."""
    scaled = np.rint(np.asarray(x, dtype=np.float64) * 2.0**form.fraction_bits)
    return np.clip(scaled, form.minimum, form.maximum).astype(np.int64)


def quantise(params: EdgeMoeParams, floats: Weights) -> Weights:
    """Return the integers of ``floats``; the query carries what the score shift leaves out."""
    arrays = {}
    rest = params.head_dim**-0.5 * 2.0**params.score_shift
    for name, shape in shapes(params).items():
        value = floats[name]
        if value.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, not {value.shape}")
        if name.rpartition(".")[0].endswith(".query"):
            value = value * rest
        arrays[name] = to_fixed(value, format_of(params, name))
    return Weights(arrays)


def to_float(params: EdgeMoeParams, integers: Weights) -> Weights:
    """Return the numbers that quantised weights stand for."""
    rest = params.head_dim**-0.5 * 2.0**params.score_shift
    arrays = {}
    for name, value in integers.arrays.items():
        number = value * format_of(params, name).resolution
        arrays[name] = number / rest if name.rpartition(".")[0].endswith(".query") else number
    return Weights(arrays)


def draw(params: EdgeMoeParams, seed: int) -> Weights:
    """Return random float weights whose activations stay of the size a trained model has.

    The same seed gives the same numbers on every machine. Gates of different tasks differ.
    """
    rng = np.random.Generator(np.random.PCG64([seed, params.dim, params.depth, params.experts]))
    arrays = {}
    for name, shape in shapes(params).items():
        kind = name.rpartition(".")[2]
        value = rng.standard_normal(shape)
        if kind == "weight":
            gain = 2.0 if "gate" in name or "query" in name or "key" in name else 1.0
            value *= gain / np.sqrt(shape[-1])
        elif kind == "scale":
            value = 1.0 + 0.1 * value
        else:
            value *= 0.02
        arrays[name] = value
    return Weights(arrays)
