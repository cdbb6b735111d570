"""References of the neural field processor: in float as tiny-cuda-nn, and in the RTL's integers."""

from archsim.functional.ngpc.cells import corner_indices, hash_index
from archsim.functional.ngpc.grid import FixedGrid, FloatGrid
from archsim.functional.ngpc.harmonics import fixed_harmonics, float_harmonics
from archsim.functional.ngpc.network import (
    FixedNetwork,
    FloatNetwork,
    Network,
    keep_levels,
    quantise,
)
from archsim.functional.ngpc.perceptron import fixed_perceptron, float_perceptron
from archsim.functional.ngpc.storage import engine_words, stored_words, weight_words

__all__ = [
    "FixedGrid",
    "FixedNetwork",
    "FloatGrid",
    "FloatNetwork",
    "Network",
    "corner_indices",
    "engine_words",
    "fixed_harmonics",
    "fixed_perceptron",
    "float_harmonics",
    "float_perceptron",
    "hash_index",
    "keep_levels",
    "quantise",
    "stored_words",
    "weight_words",
]
