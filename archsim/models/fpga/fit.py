"""Fitting LUT and FF counts of the committed rows to the features; run as a program to refresh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.models.fpga.counts import load
from archsim.models.fpga.features import features

FILE = Path(__file__).with_name("fit.json")
TARGET = "xcup"
Rows = list[dict[str, Any]]


def rows() -> Rows:
    """Return the committed rows that are fitted."""
    return [row for row in load() if row["target"] == TARGET and row["top"] == "core"]


def fit(chosen: Rows) -> dict[str, list[float]]:
    """Return the coefficients of ``lut`` and ``ff``, none negative, least relative squares."""
    matrix = np.array([features(MatrixParams(**row["params"])) for row in chosen])
    return {
        name: nonnegative(matrix, np.array([float(row[name]) for row in chosen]))
        for name in ("lut", "ff")
    }


def left_out(index: int) -> dict[str, float]:
    """Return the relative errors of row ``index`` by the coefficients of all others."""
    every = rows()
    row = every.pop(index)
    values = features(MatrixParams(**row["params"]))
    return {
        name: float(np.dot(coefficients, values)) / row[name] - 1.0
        for name, coefficients in fit(every).items()
    }


def nonnegative(matrix: np.ndarray[Any, Any], counts: np.ndarray[Any, Any]) -> list[float]:
    """Return coefficients >= 0 of the columns of ``matrix`` (n, k) that give ``counts`` (n).

    Least relative squares; the most negative coefficient is dropped until none is left.
    """
    scaled = matrix / counts[:, None]
    kept = list(range(matrix.shape[1]))
    while True:
        found = np.linalg.lstsq(scaled[:, kept], np.ones(len(counts)), rcond=None)[0]
        if found.min() >= 0.0:
            break
        kept.pop(int(found.argmin()))
    result = np.zeros(matrix.shape[1])
    result[kept] = found
    return [round(float(value), 6) for value in result]


if __name__ == "__main__":
    FILE.write_text(json.dumps(fit(rows()), indent=1) + "\n")
