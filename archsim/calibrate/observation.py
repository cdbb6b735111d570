"""What constants are fitted to: the measured times of operators, with cold and warm caches."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph.ops import OpSpec

WARM_WEIGHT = 0.6
"""Weight of a time with warm caches beside that of the same case with cold ones."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The measured time of one operator.

    ``warm`` says that its operands were left in the caches by the same launch before. ``check``
    observations judge the fit and take no part in it.
    """

    name: str
    spec: OpSpec
    us: float
    warm: bool = False
    check: bool = False

    @property
    def weight(self) -> float:
        """How much the observation counts in a fit."""
        return WARM_WEIGHT if self.warm else 1.0
