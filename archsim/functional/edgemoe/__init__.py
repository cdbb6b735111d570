"""The Edge-MoE accelerator's arithmetic: the M3ViT encoder in integers, and in float64."""

from archsim.functional.edgemoe.encoder import Block, Encoder
from archsim.functional.edgemoe.reference import FloatEncoder, errors, sqnr_db
from archsim.functional.edgemoe.weights import Weights, draw, quantise, to_float

__all__ = [
    "Block", "Encoder", "FloatEncoder", "Weights", "draw", "errors", "quantise", "sqnr_db",
    "to_float",
]  # fmt: skip
