"""What every machine model answers: operators, kernels, and where the time went.

``Terms`` are the reasons of time. They tile a kernel's duration: their sum is its time, each
microsecond attributed to the one resource that bounded it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

TERMS = ("launch", "compute", "shared", "l2", "hbm", "exposed")
"""Reasons, in the order they are printed: launch and drain; arithmetic units; shared memory and
the SM's load path; L2; device memory; latency that nothing hid (fill, tail, synchronisation)."""


@dataclass(frozen=True, slots=True)
class KernelResult:
    """One kernel of an operator.

    ``us`` is its duration, ``terms_us`` its attribution over ``TERMS``, ``bound_us`` the
    analytical lower bounds by resource, ``hbm_bytes`` and ``l2_bytes`` the predicted traffic.
    ``config`` is the kernel's shape (tile, stages, cluster, grid), for people.
    """

    name: str
    us: float
    terms_us: tuple[float, ...]
    bound_us: dict[str, float]
    flops: float
    hbm_bytes: float
    l2_bytes: float
    energy_j: float
    config: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; ``terms_us`` as a dictionary."""
        data = dict(zip(_KERNEL_FIELDS, _kernel_values(self), strict=True))
        data["terms_us"] = dict(zip(TERMS, self.terms_us, strict=True))
        return data


@dataclass(frozen=True, slots=True)
class OperatorResult:
    """One distinct operator of a workload, priced once and counted ``count`` times.

    Times and energies are those of one occurrence. ``low_us`` and ``high_us`` span the
    uncertainty of the ``estimated`` constants in ``sensitive`` (path -> relative change of time
    at the edge of its uncertainty). ``low_us == high_us == us`` where none matters.
    """

    name: str
    kind: str
    count: int
    us: float
    low_us: float
    high_us: float
    energy_j: float
    flops: int
    bytes: int
    bound_us: float
    kernels: tuple[KernelResult, ...]
    sensitive: dict[str, float] = field(default_factory=dict)

    @property
    def terms_us(self) -> tuple[float, ...]:
        """Attribution over ``TERMS``, summed over the kernels."""
        return tuple(map(sum, zip(*(k.terms_us for k in self.kernels), strict=True)))

    def counted(self, name: str, count: int) -> OperatorResult:
        """Return the same result under another name, ``count`` times."""
        _, kind, _, *rest = _operator_values(self)
        return OperatorResult(name, kind, count, *rest)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; ``terms_us`` as a dictionary."""
        data = dict(zip(_OPERATOR_FIELDS, _operator_values(self), strict=True))
        data["terms_us"] = dict(zip(TERMS, self.terms_us, strict=True))
        data["kernels"] = [kernel.to_dict() for kernel in self.kernels]
        return data


@dataclass(frozen=True, slots=True)
class PointResult:
    """The answer for one design point: objectives, and the operators behind them.

    ``metrics`` are finite numbers by name (``latency_us``, ``energy_j``, ``power_w``, ...), the
    quantities that ``minimize`` and the tables may name. ``estimated`` maps each estimated
    constant that matters to the relative change of latency at the edge of its uncertainty.
    """

    machine: str
    metrics: dict[str, float]
    operators: tuple[OperatorResult, ...]
    estimated: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "machine": self.machine,
            "metrics": self.metrics,
            "operators": [op.to_dict() for op in self.operators],
            "estimated": self.estimated,
            "notes": list(self.notes),
        }


# ``dataclasses.asdict`` copies deeply, which takes longer than pricing the operator.
_KERNEL_FIELDS = tuple(f.name for f in fields(KernelResult))
_OPERATOR_FIELDS = tuple(f.name for f in fields(OperatorResult))
_kernel_values = attrgetter(*_KERNEL_FIELDS)
_operator_values = attrgetter(*_OPERATOR_FIELDS)
