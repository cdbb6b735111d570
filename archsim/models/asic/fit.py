"""Fitting cell area and energy of the committed rows; run as a program to refresh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.models.asic.features import features
from archsim.models.asic.model import FILE
from archsim.models.fpga.counts import load
from archsim.models.fpga.fit import nonnegative

EVERY = 3
"""Of so many rows the second is held out."""

COUNTS = Path(__file__).with_name("counts.json")
FITTED = ("area_um2", "energy_pj")
KEPT = ("target", "top", "cells", *FITTED, "fmax_mhz", "memory_bits", "tool_versions")


def split() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows to fit and those held out: every third, from the second on."""
    rows = [row for row in load(COUNTS) if row["top"] == "core"]
    held = rows[1::EVERY]
    return [row for row in rows if row not in held], held


def fit() -> dict[str, list[float]]:
    """Return the coefficients of ``FITTED``, none negative, least relative squares."""
    rows, _ = split()
    matrix = np.array([features(MatrixParams(**row["params"])) for row in rows])
    return {name: nonnegative(matrix, np.array([float(r[name]) for r in rows])) for name in FITTED}


if __name__ == "__main__":
    FILE.write_text(json.dumps(fit(), indent=1) + "\n")
