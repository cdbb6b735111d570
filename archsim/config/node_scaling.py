"""Scaling a 180 nm result to smaller nodes: Stillmaker and Baas' fits, always an estimate.

A. Stillmaker, B. Baas, "Scaling equations for the accurate prediction of CMOS device performance
from 180 nm to 7 nm", Integration 58 (2017), 74-81: polynomials fitted to HSpice simulations of an
inverter chain with PTM models, and ITRS area. The coefficients were taken from UCLA's nodeScale,
which transcribes the paper's tables; the 65 nm and 32 nm energy rows were checked against the
paper's corrigendum.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A process: ``volts`` of its supply, area relative to 180 nm, and two polynomials in volts.

    ``delay`` and ``energy`` are coefficients from the highest power down; only their ratio between
    two nodes means something.
    """

    nm: int
    volts: float
    area: float
    delay: tuple[float, ...]
    energy: tuple[float, ...]


FROM = Node(180, 1.8, 1.0, (97.09, -356.7, 406.5), (24.64, -17.98))
NODES = (
    Node(45, 1.0, 0.053, (-501.6, 1567.0, -1619.0, 566.1), (1.018, -0.3107, 0.1539)),
    Node(7, 0.7, 0.0032, (-28.58, 76.6, -70.26, 24.69), (0.1776, -0.09097, 0.02447)),
)
"""High-performance variants at their nominal supply."""


def factors(node: Node) -> dict[str, float]:
    """Return what area, delay and energy of a 180 nm circuit are multiplied by at ``node``."""
    return {
        "area": node.area,
        "delay": _polynomial(node.delay, node.volts) / _polynomial(FROM.delay, FROM.volts),
        "energy": _polynomial(node.energy, node.volts) / _polynomial(FROM.energy, FROM.volts),
    }


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    value = 0.0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value
