"""The same encoder in float64 with exact functions, and the error of the integers against it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.edgemoe.encoder import Encoder, Watch
from archsim.functional.edgemoe.layers import PatchEmbedding
from archsim.functional.edgemoe.weights import Arrays, Weights

Floats = NDArray[np.float64]
EPSILON = 1e-6
_erf = np.vectorize(math.erf, otypes=[np.float64])


def gelu(x: Floats) -> Floats:
    """Return the exact GELU."""
    return np.asarray(0.5 * x * (1.0 + _erf(x / math.sqrt(2.0))))


def softmax(x: Floats) -> Floats:
    """Return the softmax along the last axis."""
    power = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(power / power.sum(axis=-1, keepdims=True))


class FloatEncoder:
    """The encoder with real numbers; the same names to ``watch`` as ``Encoder``."""

    def __init__(self, params: EdgeMoeParams, weights: Weights) -> None:
        self.params = params
        self.weights = weights

    def __call__(self, pixels: NDArray[Any], task: int = 0, watch: Watch | None = None) -> Floats:
        """Return ``[tokens, dim]``; ``pixels`` are the integers that ``Encoder`` takes."""
        tell = watch or (lambda _name, _value: None)
        patches = PatchEmbedding(self.params).patches(pixels)
        numbers = patches * self.params.formats.pixel.resolution
        embedded = numbers @ self.weights["patch.weight"].T + self.weights["patch.bias"]
        x = np.concatenate([self.weights["class_token"][None, :], embedded])
        x = x + self.weights["position"]
        tell("embedding", x)
        for index in range(self.params.depth):
            x = self._block(x, index, task, tell)
        return np.asarray(x)

    def _block(self, x: Floats, index: int, task: int, tell: Watch) -> Floats:
        w, start = self.weights.block(index), f"blocks.{index}."
        y = _norm(x, w, "norm1")
        tell(start + "norm1", y)
        parts = []
        for name in ("query", "key", "value"):
            parts.append(_linear(y, w, name))
            tell(start + name, parts[-1])
        y = self._attention(*parts)
        tell(start + "attention", y)
        x = x + _linear(y, w, "projection")
        tell(start + "residual1", x)
        y = _norm(x, w, "norm2")
        tell(start + "norm2", y)
        if self.params.is_moe(index):
            y = self._experts(y, w, task, start, tell)
        else:
            y = _linear(gelu(_linear(y, w, "fc1")), w, "fc2")
        x = x + y
        tell(start + "output", x)
        return x

    def _attention(self, query: Floats, key: Floats, value: Floats) -> Floats:
        p = self.params
        q, k, v = (t.reshape(-1, p.heads, p.head_dim).swapaxes(0, 1) for t in (query, key, value))
        weights = softmax(q @ k.swapaxes(1, 2) / math.sqrt(p.head_dim))
        return np.asarray((weights @ v).swapaxes(0, 1).reshape(value.shape))

    def _experts(self, x: Floats, w: Arrays, task: int, start: str, tell: Watch) -> Floats:
        scores = softmax(x @ w["gate.weight"][task].T)
        experts = np.argsort(-scores, axis=-1, kind="stable")[:, : self.params.top_k]
        tell(start + "gate.experts", experts)
        tell(start + "gate.scores", np.take_along_axis(scores, experts, axis=-1))
        total = np.zeros_like(x)
        for expert in range(self.params.experts):
            tokens = np.nonzero((experts == expert).any(axis=1))[0]
            hidden = gelu(x[tokens] @ w["fc1.weight"][expert].T + w["fc1.bias"][expert])
            y = hidden @ w["fc2.weight"][expert].T + w["fc2.bias"][expert]
            total[tokens] += scores[tokens, expert][:, None] * y
        return total


def _linear(x: Floats, w: Arrays, name: str) -> Floats:
    return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])


def _norm(x: Floats, w: Arrays, name: str) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    return np.asarray(centred / deviation * w[f"{name}.scale"] + w[f"{name}.offset"])


def sqnr_db(exact: NDArray[Any], found: NDArray[Any]) -> float:
    """Return the signal to quantisation noise ratio in dB; infinity where nothing differs."""
    noise = float(((exact - found) ** 2).sum())
    return 10.0 * math.log10(float((exact**2).sum()) / noise) if noise else math.inf


def errors(
    params: EdgeMoeParams, floats: Weights, integers: Weights, pixels: NDArray[Any], task: int
) -> dict[str, float]:
    """Return the SQNR in dB of every result by name, integers against float64.

    For ``gate.experts`` it is instead the share of tokens whose set of experts is the same.
    """
    exact: dict[str, NDArray[Any]] = {}
    FloatEncoder(params, floats)(pixels, task, exact.__setitem__)
    scale = params.formats.activation.resolution
    found: dict[str, float] = {}

    def compare(name: str, value: NDArray[Any]) -> None:
        if name.endswith("gate.experts"):
            same = np.sort(value, axis=-1) == np.sort(exact[name], axis=-1)
            found[name] = float(same.all(axis=-1).mean())
        else:
            found[name] = sqnr_db(exact[name], value * scale)

    Encoder(params, integers)(pixels, task, compare)
    return found
