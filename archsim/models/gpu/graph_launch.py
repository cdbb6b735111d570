"""When the kernels of a CUDA graph start: the host prepares what the GPU then runs.

The host hands a graph over in segments. A memset node ends one; the GPU runs a segment while the
host prepares the next. A graph without memsets waits for the host to prepare all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import add
from typing import Any

import numpy as np

from archsim.config.gpu import GpuDevice
from archsim.engine.jit import lean
from archsim.graph import Graph
from archsim.models.gpu.columns import Columns
from archsim.models.gpu.residency import reuse

MEMSET = "Memset"


def wait_us(graph: Graph, priced: Columns, device: GpuDevice, gaps_us: Sequence[float]) -> float:
    """Return how long the GPU waits for the host in one replay of ``graph``.

    ``priced`` are its distinct operators in order of first occurrence, ``gaps_us`` the time before
    the kernels of each.
    """
    order = reuse(graph).order
    nodes, clears = _nodes(tuple(priced.kernels), order.tobytes())
    us = np.array(list(map(add, priced.us, gaps_us)))[order]
    wait = waiting(nodes, us, clears, float(device.launch.graph_node_us))
    return float(device.launch.graph_start_us) + wait


@lru_cache(maxsize=64)
def _nodes(kernels: tuple[tuple[str, ...], ...], order: bytes) -> tuple[Any, Any]:
    """Return the number of nodes of each operator in ``order``, and whether one is a memset."""
    clears = [any(name.startswith(MEMSET) for name in names) for names in kernels]
    row = np.frombuffer(order, np.int64)
    nodes = np.array([len(names) for names in kernels], dtype=np.float64)
    return nodes[row], np.array(clears, dtype=np.bool_)[row]


@lean
def waiting(nodes: Any, us: Any, clears: Any, node_us: float) -> float:
    """Return the wait for the host in a row of operators of ``nodes`` kernels that take ``us``.

    Where ``clears`` is true, an operator's first kernel is a memset: what follows it is prepared
    while the GPU runs what came before.
    """
    longest, before, begun, ran = -np.inf, 0.0, 0.0, 0.0
    for i in range(us.shape[0]):
        ran += us[i]
        if clears[i]:
            longest = max(longest, node_us * (before + 1.0) - begun)
            begun = ran - us[i]
        before += nodes[i]
    return float(max(longest, node_us * before - begun))
