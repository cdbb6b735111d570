"""Attention: scores, softmax with the order of the reordered loop, weighted sum."""

from __future__ import annotations

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints, checked
from archsim.functional.edgemoe.fixed import narrow, product
from archsim.functional.edgemoe.softmax import Softmax


def first_keys(params: EdgeMoeParams) -> Ints:
    """Return the key that each query meets first, ``[tokens]``.

    With reordering query slot o is loaded when key o streams past, so its query meets the keys
    from o on and, in the next block, those before; the running sum depends on the order.
    """
    tokens = np.arange(params.tokens)
    reordered = params.techniques.reordered_attention
    return tokens % params.queries if reordered else np.zeros_like(tokens)


class Attention:
    """Multi-head attention between the Q, K, V layers and the projection."""

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.softmax = Softmax(params)
        self._fraction = params.formats.activation.fraction_bits

    def scores(self, query: Ints, key: Ints) -> Ints:
        """Return ``[heads, n, n]``, scaled, truncated and wrapped, of ``[n, dim]`` each."""
        shift = self._fraction + self.params.score_shift
        return narrow(product(self._split(query), self._split(key).swapaxes(1, 2)), shift)

    def __call__(self, query: Ints, key: Ints, value: Ints) -> Ints:
        """Return ``[n, dim]`` of ``[n, dim]`` each."""
        bits = self.params.formats.activation.bits
        for name, x in (("query", query), ("key", key), ("value", value)):
            checked(name, x, bits, signed=True)
            if x.shape != (self.params.tokens, self.params.dim):
                raise ValueError(f"{name} must be [tokens, dim], not {x.shape}")
        scores = self.scores(query, key)
        reciprocal, bias = self.softmax.reduce(scores, first_keys(self.params))
        weights = self.softmax.weights(scores, reciprocal, bias)
        mixed = narrow(product(weights, self._split(value)), self._fraction)
        return np.asarray(mixed.swapaxes(0, 1).reshape(value.shape))

    def _split(self, x: Ints) -> Ints:
        """Return ``[heads, n, head_dim]``."""
        p = self.params
        return np.asarray(x.reshape(-1, p.heads, p.head_dim).swapaxes(0, 1))
