"""The gate: scores of the experts, the best of each token, and the experts' queues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints
from archsim.functional.edgemoe.layers import Linear
from archsim.functional.edgemoe.softmax import Softmax


@dataclass(frozen=True)
class Queue:
    """The tokens of one expert in order, and their scores; int64 arrays of one length."""

    expert: int
    tokens: Ints
    scores: Ints


@dataclass(frozen=True)
class Routing:
    """Where the tokens go: experts and scores ``[n, top_k]``, best first, and the queues.

    ``queues`` are those of the experts with tokens, in the order of the metaqueue: by index.
    """

    experts: Ints
    scores: Ints
    queues: tuple[Queue, ...]

    def histogram(self, experts: int) -> tuple[int, ...]:
        """Return the number of tokens of every expert."""
        return tuple(int(n) for n in np.bincount(self.experts.ravel(), minlength=experts))


class Gate:
    """Logits without bias, softmax over all experts, then the best, not renormalised.

    A place in the ranking is taken by a strictly larger logit only, so that of equal ones the
    expert of lower index stays; a place that nothing beats keeps what it held.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.softmax = Softmax(params)
        self._linear = Linear(params, params.formats.weight, params.formats.bias)

    def __call__(self, x: Ints, weight: Ints) -> Routing:
        """Return the routing of ``x`` ``[n, dim]`` by one task's ``weight`` ``[experts, dim]``."""
        return self.choose(self._linear(x, weight))

    def choose(self, logits: Ints) -> Routing:
        """Return the routing of ``logits`` ``[n, experts]``."""
        reciprocal, bias = self.softmax.reduce(logits)
        experts = np.argsort(-logits, axis=-1, kind="stable")[:, : self.params.top_k]
        chosen = np.take_along_axis(logits, experts, axis=-1)
        return route(experts, self.softmax.weights(chosen, reciprocal, bias))


def route(experts: Ints, scores: Ints) -> Routing:
    """Return the routing of given ``experts`` and ``scores``, ``[n, top_k]`` each."""
    queues = []
    for expert in np.unique(experts):
        tokens, place = np.nonzero(experts == expert)
        queues.append(Queue(int(expert), tokens, scores[tokens, place]))
    return Routing(experts, scores, tuple(queues))
