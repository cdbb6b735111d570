"""cuBLAS' preferences among nvjet kernels, as a choice model learnt from recorded kernel names.

Each candidate is described by the numbers of ``gemm_features``. A linear utility picks a short
list; a network of one hidden layer, and how well each tile and cluster suits what a second network
makes of the operator, order it; the first is taken. All were fitted by likelihood to kernel names
and to cuBLASLt's own rankings, on the fit half of ``workloads/measured``
(scripts/calibrate_choice.py writes ``nvjet_network.json``).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from archsim.mapping.gpu.tiles import CM, CN, COOP, M_SIDE, NVJET_CLUSTERS, TM, TN, nvjet_rows

FILE = "nvjet_network.json"


class Network(NamedTuple):
    """``short @ x`` lists candidates; what ranks them is the sum of ``linear @ x``, of
    ``outer @ s(inner @ x + offset)``, of the tile's liking, and of ``(tile + cluster) @ operator``.

    ``operator`` is ``tower_outer @ s(tower_inner @ o + tower_offset)`` of the operator's numbers
    ``o``; ``s(z)`` is ``z / (1 + |z|)``. ``tiles`` has a row for each of ``sides``, clusters are in
    the order of ``NVJET_CLUSTERS``.
    """

    short: np.ndarray[Any, Any]
    linear: np.ndarray[Any, Any]
    inner: np.ndarray[Any, Any]
    offset: np.ndarray[Any, Any]
    outer: np.ndarray[Any, Any]
    tower_inner: np.ndarray[Any, Any]
    tower_offset: np.ndarray[Any, Any]
    tower_outer: np.ndarray[Any, Any]
    sides: np.ndarray[Any, Any]
    likings: np.ndarray[Any, Any]
    tiles: np.ndarray[Any, Any]
    clusters: np.ndarray[Any, Any]

    def of_kernels(self, table: np.ndarray[Any, Any]) -> tuple[Any, Any]:
        """Return each kernel's liking and its ``tile + cluster``; an unknown tile has zeros."""
        known = {tuple(row): i for i, row in enumerate(self.sides.astype(int).tolist())}
        likings, both = np.zeros(len(table)), np.zeros((len(table), self.tiles.shape[1]))
        for i, row in enumerate(table):
            place = known.get(tile_key(row))
            if place is not None:
                likings[i] = self.likings[place]
                both[i] = self.tiles[place]
            both[i] += self.clusters[NVJET_CLUSTERS.index((int(row[CM]), int(row[CN])))]
        return likings, both


def tile_key(row: np.ndarray[Any, Any]) -> tuple[int, int, int, int]:
    """Return what names a tile: its sides, whether wgmma's M runs along m, whether it is shared."""
    return int(row[TM]), int(row[TN]), int(row[M_SIDE]), int(row[COOP] > 0)


@cache
def nvjet_network() -> Network:
    """Return the weights."""
    text = (resources.files("archsim.mapping.gpu") / FILE).read_text(encoding="utf-8")
    data = json.loads(text)
    return Network(*(np.array(data[name], dtype=np.float64) for name in Network._fields))


@cache
def nvjet_table(kind: str) -> np.ndarray[Any, Any]:
    """Return the candidates for ``kind`` (16 or 8) bit operands."""
    return np.array(nvjet_rows(kind), dtype=np.float64)
