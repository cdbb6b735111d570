"""cuBLAS' preferences among the kernels of other types than nvjet's, learnt like those.

A candidate is a row of ``tiles.listed_table`` with a number of parts of K. What it is liked by is
the sum of ``linear @ x`` of its run, of ``outer @ s(inner @ (x, o) + offset)`` with the operator's
numbers ``o``, of the row's liking, and of what the row has of what the operator asks for
(``nvjet_choice.Network``). scripts/calibrate_lists.py writes ``list_network.json``.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

FILE = "list_network.json"


class ListNetwork(NamedTuple):
    """The weights of one list, in single precision; inputs come first."""

    linear: np.ndarray[Any, Any]
    inner: np.ndarray[Any, Any]
    offset: np.ndarray[Any, Any]
    outer: np.ndarray[Any, Any]
    tower_inner: np.ndarray[Any, Any]
    tower_offset: np.ndarray[Any, Any]
    tower_outer: np.ndarray[Any, Any]
    likings: np.ndarray[Any, Any]
    suits: np.ndarray[Any, Any]

    def of_rows(self, rows: tuple[int, ...]) -> ListNetwork:
        """Return the network of a table with only ``rows``."""
        kept = list(rows)
        return self._replace(likings=self.likings[kept].copy(), suits=self.suits[kept].copy())


@cache
def _weights() -> dict[str, dict[str, Any]]:
    text = (resources.files("archsim.mapping.gpu") / FILE).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


@cache
def list_network(name: str, rows: tuple[int, ...]) -> ListNetwork:
    """Return the weights of list ``name`` for ``rows`` of its table; ``KeyError`` where none."""
    data = {key: np.array(value, dtype=np.float32) for key, value in _weights()[name].items()}
    turned = {key: np.ascontiguousarray(data[key].T) for key in ("inner", "tower_inner")}
    turned["tower_outer"] = np.ascontiguousarray(data["tower_outer"].T)
    return ListNetwork(**{**data, **turned}).of_rows(rows)
