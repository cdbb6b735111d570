"""LUT, FF, DSP and block RAM of each part of the RTL, by laws fitted to the committed counts.

``archsim.models.edgemoe.fit`` fits them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from archsim.config.edgemoe_layout import ELEMENT_BITS, Layout
from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.config.matrix import FORMATS

FILE = Path(__file__).with_name("parts.json")
FITTED = ("lut", "ff", "dsp")


def features(params: EdgeMoeParams) -> dict[str, tuple[float, ...]]:
    """Return what the counts of every part grow with; 1 first where a part has a fixed share.

    Bits of words, numbers of products, entries of distributed memories.
    """
    p, layout = params, Layout(params)
    a_bits, b_bits, sum_bits, _ = FORMATS["w16a32"]
    beat, word = 8.0 * layout.port_bytes, float(layout.width * ELEMENT_BITS)
    products = float(p.queries * p.lanes)
    turned = word * (layout.banks.bit_length() - 1)
    words = float(p.tile_in * a_bits + p.tile_out * (b_bits + sum_bits))
    skew = _triangle(p.tile_in) * a_bits + _triangle(p.tile_out) * (b_bits + sum_bits)
    queued = p.experts << max(1, (p.tokens - 1).bit_length())
    return {
        "elements": (float(p.tile_in * p.tile_out),),
        "engine": (1.0, words, skew),
        "epilogue": (1.0, float(p.tile_out)),
        "feed": (1.0, float(p.tile_out)),
        "transposer": (1.0, p.tile_in * word),
        "scores": (1.0, products, float(p.queries * p.heads)),
        "kept_scores": (1.0, float(p.queries)),
        "mix": (1.0, products, float(p.tokens * p.heads)),
        "norm": (1.0, float(layout.norm_lanes), float(p.dim & (p.dim - 1) != 0)),
        "gate": (1.0, float(p.top_k)),
        "queues": (1.0, float(p.experts), float(queued)),
        "scratchpads": (1.0, turned),
        "payload": (1.0, beat),
        "paths": (1.0, word, float(p.tokens)),
        "fetcher": (1.0, beat),
        "ports": (1.0, beat),
        "control": (1.0,),
    }


def _triangle(n: int) -> float:
    return n * (n - 1) / 2


def counted(params: EdgeMoeParams) -> dict[str, dict[str, float]]:
    """Return ``lut``, ``ff`` and ``dsp`` of every part of the RTL of ``params``."""
    laws = _laws()
    return {
        part: {
            name: float(
                round(sum(c * x for c, x in zip(laws[part].get(name, ()), values, strict=False)))
            )
            for name in FITTED
        }
        for part, values in features(params).items()
    }


@cache
def _laws() -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = json.loads(FILE.read_text())
    return found
