"""The whole encoder in integers: what the accelerator computes, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints
from archsim.functional.edgemoe.attention import Attention
from archsim.functional.edgemoe.erf import ErfGelu
from archsim.functional.edgemoe.fixed import narrow
from archsim.functional.edgemoe.layers import LayerNorm, Linear, PatchEmbedding, add
from archsim.functional.edgemoe.routing import Gate, Routing
from archsim.functional.edgemoe.weights import Arrays, Weights
from archsim.functional.gelu import Gelu
from archsim.numeric.edgemoe import gelu_params

Watch = Callable[[str, NDArray[Any]], None]
"""Is told of every result by its name, such as ``blocks.1.attention``."""


class Encoder:
    """The M3ViT encoder, from pixels to the tokens after its last block, for one task."""

    def __init__(self, params: EdgeMoeParams, weights: Weights) -> None:
        self.params = params
        self.weights = weights
        self.block = Block(params)

    def embed(self, pixels: Ints) -> Ints:
        """Return the tokens ``[tokens, dim]`` of ``pixels`` ``[channels, height, width]``."""
        names = ("patch.weight", "patch.bias", "class_token", "position")
        return PatchEmbedding(self.params)(pixels, *(self.weights[name] for name in names))

    def __call__(self, pixels: Ints, task: int = 0, watch: Watch | None = None) -> Ints:
        """Return ``[tokens, dim]`` as int64; ``task`` chooses the gates."""
        x = self.embed(pixels)
        tell = watch or (lambda _name, _value: None)
        tell("embedding", x)
        for index in range(self.params.depth):
            start = f"blocks.{index}."

            def told(name: str, value: NDArray[Any], start: str = start) -> None:
                tell(start + name, value)

            x = self.block(x, self.weights.block(index), self.params.is_moe(index), task, told)
        return x


class Block:
    """One block: norm, attention, add, norm, MLP or mixture of experts, add."""

    def __init__(self, params: EdgeMoeParams) -> None:
        formats = params.formats
        self.params = params
        self.norm = LayerNorm(params)
        self.attention = Attention(params)
        self.gate = Gate(params)
        self.activation = _gelu(params)
        self._attention_linear = Linear(params, formats.weight, formats.attention_bias)
        self._linear = Linear(params, formats.weight, formats.bias)

    def __call__(self, x: Ints, w: Arrays, moe: bool, task: int, tell: Watch) -> Ints:
        """Return the block's output ``[n, dim]`` of ``x`` ``[n, dim]`` and its arrays ``w``."""
        y = self.norm(x, w["norm1.scale"], w["norm1.offset"])
        tell("norm1", y)
        parts = []
        for name in ("query", "key", "value"):
            parts.append(self._attention_linear(y, w[f"{name}.weight"], w[f"{name}.bias"]))
            tell(name, parts[-1])
        y = self.attention(*parts)
        tell("attention", y)
        y = self._attention_linear(y, w["projection.weight"], w["projection.bias"])
        x = add(x, y)
        tell("residual1", x)
        y = self.norm(x, w["norm2.scale"], w["norm2.offset"])
        tell("norm2", y)
        y = self.experts(y, w, task, tell) if moe else self.mlp(y, w)
        x = add(x, y)
        tell("output", x)
        return x

    def mlp(self, x: Ints, w: Arrays, expert: int | None = None) -> Ints:
        """Return the two layers of the MLP, or of one expert."""
        names = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
        w1, b1, w2, b2 = (w[k] if expert is None else w[k][expert] for k in names)
        return self._linear(self.activation(self._linear(x, w1, b1)), w2, b2)

    def experts(self, x: Ints, w: Arrays, task: int, tell: Watch) -> Ints:
        """Return the mixture of experts: expert by expert, each on the tokens of its queue."""
        routing = self.gate(x, w["gate.weight"][task])
        tell("gate.experts", routing.experts)
        tell("gate.scores", routing.scores)
        return self.accumulate(x, routing, w)

    def accumulate(self, x: Ints, routing: Routing, w: Arrays) -> Ints:
        """Return the sum over experts of score times output, each product truncated."""
        total = np.zeros_like(x)
        fraction = self.params.formats.activation.fraction_bits
        for queue in routing.queues:
            y = self.mlp(x[queue.tokens], w, queue.expert)
            weighed = narrow(y * queue.scores[:, None], fraction)
            total[queue.tokens] = add(total[queue.tokens], weighed)
        return total


def _gelu(params: EdgeMoeParams) -> Callable[[Ints], Ints]:
    """Return the activation: by the table, or by the error function."""
    if params.techniques.gelu_table:
        return Gelu(gelu_params(params))
    return ErfGelu(params)
