"""Parameters, gradients and Adam: a network of a neural field processor that can be trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import MlpParams, NfpParams
from archsim.functional.ngpc import Network, float_harmonics
from workloads.neural.encode import GridBatch

Array = NDArray[Any]

_BETAS = (0.9, 0.99)
_EPSILON = 1e-15


class Trainable:
    """A network with its gradient: grid features and perceptrons, initialised as tiny-cuda-nn."""

    def __init__(self, params: NfpParams, seed: int) -> None:
        self.params = params
        rng = np.random.default_rng(seed)
        shape = (params.grid.entries, params.grid.features)
        self.table = rng.uniform(-1e-4, 1e-4, shape).astype(np.float32)
        self.weights = [[_xavier(rng, s) for s in mlp.shapes] for mlp in params.mlps]

    @property
    def parameters(self) -> list[Array]:
        """All trained arrays, the table first; updated in place."""
        return [self.table, *(w for weights in self.weights for w in weights)]

    def network(self) -> Network:
        """Return the trained numbers."""
        return Network(self.table, tuple(tuple(w) for w in self.weights))

    def forward(self, positions: Array, directions: Array | None) -> Array:
        """Return outputs ``[n, params.outputs]`` and keep what ``backward`` needs."""
        p = self.params
        self._batch = GridBatch(p.grid, positions)
        x = self._batch.encode(self.table)
        self._first = _Pass(p.mlps[0], self.weights[0], x)
        out = self._first.out
        if not p.directions:
            return out[:, : p.outputs]
        if directions is None:
            raise ValueError("directions must be given for this network, not None")
        both = np.concatenate((out, float_harmonics(directions)), axis=1)
        self._second = _Pass(p.mlps[1], self.weights[1], both)
        return np.concatenate((out[:, :1], self._second.out[:, : p.mlps[1].outputs]), axis=1)

    def backward(self, upstream: Array) -> list[Array]:
        """Return the gradients of ``parameters`` for that of the outputs."""
        p = self.params
        first = np.zeros_like(self._first.out)
        later: list[Array] = []
        if p.directions:
            second = np.zeros_like(self._second.out)
            second[:, : p.mlps[1].outputs] = upstream[:, 1:]
            into, later = self._second.backward(second)
            first += into[:, : first.shape[1]]
            first[:, 0] += upstream[:, 0]
        else:
            first[:, : p.outputs] = upstream
        features, gradients = self._first.backward(first)
        return [self._batch.gradient(features), *gradients, *later]


class _Pass:
    """One perceptron on one batch."""

    def __init__(self, mlp: MlpParams, weights: Sequence[Array], x: Array) -> None:
        self.mlp = mlp
        self.weights = weights
        self.inputs = []
        x = np.pad(x, ((0, 0), (0, mlp.shapes[0][0] - mlp.inputs)))
        for layer, weight in enumerate(weights):
            self.inputs.append(x)
            x = x @ weight
            if self._relu(layer):
                x = np.maximum(x, 0)
        self.out = x

    def _relu(self, layer: int) -> bool:
        return layer < self.mlp.hidden or self.mlp.output_activation == "relu"

    def backward(self, upstream: Array) -> tuple[Array, list[Array]]:
        """Return the gradient of the input (no padding) and of each weight matrix."""
        gradients: list[Array] = []
        after = self.out
        for layer in reversed(range(len(self.weights))):
            if self._relu(layer):
                upstream = upstream * (after > 0)
            gradients.append(self.inputs[layer].T @ upstream)
            upstream = upstream @ self.weights[layer].T
            after = self.inputs[layer]
        return upstream[:, : self.mlp.inputs], gradients[::-1]


class Adam:
    """Adam with bias correction (Kingma & Ba, 2015), as tiny-cuda-nn configures it."""

    def __init__(self, parameters: list[Array]) -> None:
        self.parameters = parameters
        self._means = [np.zeros_like(p) for p in parameters]
        self._squares = [np.zeros_like(p) for p in parameters]
        self._step = 0

    def step(self, gradients: Sequence[Array], rate: float) -> None:
        """Move every parameter against its gradient."""
        self._step += 1
        a, b = _BETAS
        rate *= math.sqrt(1 - b**self._step) / (1 - a**self._step)
        for p, g, mean, square in zip(
            self.parameters, gradients, self._means, self._squares, strict=True
        ):
            mean += (1 - a) * (g - mean)
            square += (1 - b) * (g * g - square)
            p -= (rate * mean / (np.sqrt(square) + _EPSILON)).astype(np.float32)


def _xavier(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    reach = math.sqrt(6 / sum(shape))
    return rng.uniform(-reach, reach, shape).astype(np.float32)
