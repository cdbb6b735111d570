"""Fitting the laws of the RTL's parts to their committed counts; run as a program to refresh."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.models.edgemoe.counts import params_of, rows
from archsim.models.edgemoe.parts import FILE, FITTED, features
from archsim.models.fpga.fit import nonnegative

EVERY = 3
"""Of so many rows the second is held out."""

Row = dict[str, Any]


def split() -> tuple[list[Row], list[Row]]:
    """Return the rows of parts to fit and those held out: every third, from the second on."""
    every = [row for row in rows() if "parts" in row]
    held = every[1::EVERY]
    return [row for row in every if row not in held], held


def fit(chosen: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Return the coefficients of every part and resource: none negative, least relative squares."""
    given = [features(params_of(row)) for row in chosen]
    return {
        part: {
            name: nonnegative(
                np.array([f[part] for f in given]),
                np.array([row["parts"][part][name] for row in chosen]),
            )
            for name in FITTED
            if all(row["parts"][part][name] for row in chosen)
        }
        for part in given[0]
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(fit(split()[0]), indent=1) + "\n")
