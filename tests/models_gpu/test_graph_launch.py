"""A CUDA graph waits for the host: segments that memsets end, hand-computed."""

from __future__ import annotations

import numpy as np
import pytest

from archsim.graph import Graph, Op
from archsim.graph.ops import Elementwise
from archsim.models.gpu.graph_launch import waiting


def waits(nodes, us, clears, node_us=0.5):
    return waiting(np.array(nodes), np.array(us, float), np.array(clears, bool), node_us)


def test_a_graph_without_memsets_waits_for_all_of_its_nodes():
    assert waits([1, 2, 1], [10, 20, 10], [0, 0, 0]) == 0.5 * 4


def test_a_segment_is_prepared_while_the_one_before_it_runs():
    # The memset is the fourth node: 2 us for the first segment; the second is ready after 3 us.
    assert waits([3, 2, 1], [30, 5, 5], [0, 1, 0]) == 0.5 * 4
    # Short kernels are through before the host is: it has 1 us of work left after they end.
    assert waits([1, 2, 5], [0.5, 1, 1], [0, 1, 0]) == pytest.approx(0.5 * 8 - 0.5)


def test_memsets_at_the_start_hide_nothing():
    assert waits([1, 100], [1.0, 300.0], [1, 0]) == 0.5 * 101


def test_a_replay_waits_and_the_kernels_alone_do_not(h200_model, h200):
    relu = Elementwise(function="relu", n=1 << 16)
    graph = Graph("chain", tuple(Op(f"relu{i}", relu) for i in range(40)))
    replay, alone = (
        h200_model.evaluate(graph, way).metrics["latency_us"] for way in ("graph", "kernels")
    )
    launch = h200.launch
    each = float(launch.graph_gap_us) + float(launch.graph_node_us)
    assert replay - alone == pytest.approx(float(launch.graph_start_us) + 40 * each)
