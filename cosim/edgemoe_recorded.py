"""Edge-MoE results recorded on a real GPU, beside those of the functional reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np

from archsim.config.edgemoe_params import SMALL, EdgeMoeParams
from archsim.functional.edgemoe import Block, Encoder, draw, quantise
from archsim.functional.edgemoe.routing import route
from cosim.errors import CosimError
from workloads.kernels.edgemoe.golden import (
    CASES,
    ROUTINGS,
    EncoderCase,
    RoutingCase,
    array_digest,
    input_digest,
    routing_digest,
)


@dataclass(frozen=True)
class GoldenEncoder:
    """One recorded run: where, how many results were compared, and which of them differ."""

    name: str
    device: str
    compared: int
    different: tuple[str, ...]


def recorded(name: str) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Return what was recorded as ``name``, and its output; ``CosimError`` if it was altered."""
    folder = files("cosim").joinpath("golden")
    data: dict[str, Any] = json.loads(folder.joinpath(f"{name}.json").read_text())
    with np.load(BytesIO(folder.joinpath(f"{name}.npz").read_bytes())) as file:
        out = file["out"]
    if array_digest(out) != data["_meta"]["output_sha256"]:
        raise CosimError(f"golden vector {name} must have the results that were recorded")
    return data, out


def times(name: str = "edgemoe_times") -> dict[str, Any]:
    """Return the recorded kernel durations of the full encoder, with their provenance.

    ``edgemoe_half`` has the errors of the float16 encoder, ``edgemoe_code`` digests of the code
    that ran and of what it computed; the same names with ``_h100`` are from another GPU.
    """
    text = files("cosim").joinpath("golden").joinpath(f"{name}.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def matching(params: EdgeMoeParams) -> list[EncoderCase | RoutingCase]:
    """Return the recorded cases of the arithmetic of ``params``."""
    found: list[EncoderCase | RoutingCase] = [c for c in CASES if c.params == params]
    return [*found, *(ROUTINGS if params == SMALL else ())]


def compare(case: EncoderCase | RoutingCase) -> GoldenEncoder:
    """Compare the reference with a recorded case: every intermediate result and the output."""
    data, out = recorded(case.name)
    meta = data["_meta"]
    if isinstance(case, RoutingCase):
        x, experts, scores = case.inputs()
        drawn = routing_digest(case)
        weights = quantise(SMALL, draw(SMALL, 1)).block(1)
        found = Block(SMALL).accumulate(x, route(experts, scores), weights)
        digests: dict[str, str] = {}
    else:
        drawn = input_digest(case)
        digests = {}
        found = Encoder(case.params, case.weights())(
            case.pixels(), case.task, lambda n, v: digests.__setitem__(n, array_digest(v))
        )
    if drawn != meta["input_sha256"]:
        raise CosimError(f"golden vector {case.name} must have the inputs that were recorded")
    wrong = [name for name, value in data.get("digests", {}).items() if digests[name] != value]
    if (found != out).any():
        wrong.append("output")
    return GoldenEncoder(case.name, meta["device"], len(digests) + 1, tuple(wrong))
