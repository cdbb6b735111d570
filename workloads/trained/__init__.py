"""The small two-task model that the project trained, and the scenes it was trained on."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO

import numpy as np

from archsim.functional.edgemoe.weights import Weights

HEADS = {"classes": 0, "nearness": 1}
"""Task number of each head."""


def load() -> Weights:
    """Return the trained float64 weights, with ``head.classes`` and ``head.nearness``.

    The encoder's arrays have the shapes of ``weights.shapes(TRAINED)``. The heads are linear
    layers for the host: 7 logits of each of a patch's four cells, or their nearness.
    """
    data = files("workloads.trained").joinpath("m3vit.npz").read_bytes()
    with np.load(BytesIO(data)) as file:
        return Weights({name: file[name].astype(np.float64) for name in file.files})
