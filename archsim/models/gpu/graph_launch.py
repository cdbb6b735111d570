"""When the kernels of a CUDA graph start: the host prepares what the GPU then runs.

The host hands a graph over in segments. A memset node ends one; the GPU runs a segment while the
host prepares the next. A graph without memsets waits for the host to prepare all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph
from archsim.metrics import OperatorResult

MEMSET = "Memset"


def wait_us(
    graph: Graph,
    priced: Sequence[OperatorResult],
    device: GpuDevice,
    gap_us: Callable[[str], float],
) -> float:
    """Return how long the GPU waits for the host in one replay of ``graph``.

    ``priced`` are its distinct operators in order of first occurrence, ``gap_us`` the time before
    a kernel by its name.
    """
    order = np.array(graph.order, dtype=np.int64)
    nodes = np.array([len(op.kernels) for op in priced], dtype=np.int64)
    us = np.array([op.us + sum(gap_us(k.name) for k in op.kernels) for op in priced])
    clears = [any(k.name.startswith(MEMSET) for k in op.kernels) for op in priced]
    return float(device.launch.graph_start_us) + waiting(
        nodes[order],
        us[order],
        np.array(clears, dtype=np.bool_)[order],
        float(device.launch.graph_node_us),
    )


def waiting(nodes: Any, us: Any, clears: Any, node_us: float) -> float:
    """Return the wait for the host in a row of operators of ``nodes`` kernels that take ``us``.

    Where ``clears`` is true, an operator's first kernel is a memset: what follows it is prepared
    while the GPU runs what came before.
    """
    before = np.cumsum(nodes) - nodes
    ends = np.append(before[clears] + 1, nodes.sum())
    ran = np.concatenate(([0.0], (np.cumsum(us) - us)[clears]))
    return float(np.max(node_us * ends - ran))
