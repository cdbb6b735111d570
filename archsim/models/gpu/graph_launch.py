"""When the kernels of a CUDA graph start: the host prepares what the GPU then runs.

The host hands a graph over in segments. A memset node ends one; the GPU runs a segment while the
host prepares the next. A graph without memsets waits for the host to prepare all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import add
from typing import Any

import numpy as np

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph
from archsim.models.gpu.columns import Columns
from archsim.models.gpu.residency import reuse

MEMSET = "Memset"


def wait_us(
    graph: Graph, priced: Columns, device: GpuDevice, gap_us: Callable[[str], float]
) -> float:
    """Return how long the GPU waits for the host in one replay of ``graph``.

    ``priced`` are its distinct operators in order of first occurrence, ``gap_us`` the time before
    a kernel by its name.
    """
    order = reuse(graph).order
    nodes, clears = _nodes(tuple(priced.kernels))
    gaps = map(sum, (map(gap_us, kernels) for kernels in priced.kernels))
    us = np.array(list(map(add, priced.us, gaps)))
    return float(device.launch.graph_start_us) + waiting(
        nodes[order], us[order], clears[order], float(device.launch.graph_node_us)
    )


@lru_cache(maxsize=64)
def _nodes(kernels: tuple[tuple[str, ...], ...]) -> tuple[Any, Any]:
    """Return each operator's number of nodes, and whether one of them is a memset."""
    clears = [any(name.startswith(MEMSET) for name in names) for names in kernels]
    return np.array([len(names) for names in kernels]), np.array(clears, dtype=np.bool_)


def waiting(nodes: Any, us: Any, clears: Any, node_us: float) -> float:
    """Return the wait for the host in a row of operators of ``nodes`` kernels that take ``us``.

    Where ``clears`` is true, an operator's first kernel is a memset: what follows it is prepared
    while the GPU runs what came before.
    """
    before = np.cumsum(nodes) - nodes
    ends = np.append(before[clears] + 1, nodes.sum())
    ran = np.concatenate(([0.0], (np.cumsum(us) - us)[clears]))
    return float(np.max(node_us * ends - ran))
