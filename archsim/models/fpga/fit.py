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
EVERY = 3
"""Of so many rows the second is held out."""


def split() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows to fit and those held out."""
    rows = [row for row in load() if row["target"] == TARGET and row["top"] == "core"]
    held = rows[1::EVERY]
    return [row for row in rows if row not in held], held


def fit() -> dict[str, list[float]]:
    """Return the coefficients of ``lut`` and ``ff``, none negative, least relative squares."""
    rows, _ = split()
    matrix = np.array([features(MatrixParams(**row["params"])) for row in rows])
    return {
        name: nonnegative(matrix, np.array([float(row[name]) for row in rows]))
        for name in ("lut", "ff")
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
    FILE.write_text(json.dumps(fit(), indent=1) + "\n")
