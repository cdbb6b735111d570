"""Fit the memory-bound kernels without the extreme sizes of each class and judge on those.

    python scripts/extrapolate_memory.py [GROUP ...]

The smallest and the largest sixth of a class, by useful bytes, are left out of the fit.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from calibrate_memory import DEVICE, GROUPS, fit, load

from archsim.config import load_device
from archsim.models.gpu.vector import variants


def middle(classes: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return, per class, the bytes between which two thirds of its cases lie."""
    sizes: dict[str, list[int]] = {}
    for case, spec in load(classes):
        sizes.setdefault(case["op"], []).append(spec.bytes)
    return {op: tuple(np.quantile(found, [1 / 6, 5 / 6])) for op, found in sizes.items()}


def main() -> None:
    """Fit and report the named groups (all by default)."""
    device = variants(load_device(str(DEVICE)))
    for group in sys.argv[1:] or GROUPS:
        classes = GROUPS[group][0]
        bounds = middle(classes)

        def extreme(case: dict[str, Any], bounds: dict[str, Any] = bounds) -> bool:
            low, high = bounds[case["op"]]
            return not low <= case["bytes"] <= high

        fit(group, device, extreme)


if __name__ == "__main__":
    main()
