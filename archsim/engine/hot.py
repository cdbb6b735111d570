"""Plain loops that are interpreted while they are short, and compiled once they are not.

A function of integers, floats and named tuples of sequences runs as it stands on lists, and as
machine code (Numba's) on arrays, with the same results. A single point then starts without Numba,
whose import costs more than many answers; a sweep gets machine code after its first points.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

Ints = MutableSequence[int]
Floats = MutableSequence[float]

PATIENCE = 150_000
"""Steps that a process interprets of a function: they cost about what loading machine code does."""


class Makers(NamedTuple):
    """What makes a function's sequences: so many zeros, or ones of given numbers; ``plain`` makes
    a list of one."""

    integers: Callable[[int], Ints]
    floats: Callable[[int], Floats]
    given: Callable[[Sequence[int]], Ints]
    given_floats: Callable[[Sequence[float]], Floats]
    plain: Callable[[Any], list[Any]]


LISTS = Makers(lambda count: [0] * count, lambda count: [0.0] * count, list, list, list)


class Hot(Generic[F]):
    """``function``, and the ``helpers`` in its globals that it calls, themselves or one another."""

    def __init__(self, function: F, *helpers: Callable[..., Any]) -> None:
        self._function = function
        self._helpers = helpers
        self._left = PATIENCE
        self._compiled: tuple[F, Makers] | None = None

    def interpreted(self) -> tuple[F, Makers]:
        """Return the function as it stands, and what makes its sequences."""
        return self._function, LISTS

    def compiled(self) -> tuple[F, Makers]:
        """Return the function as machine code, and what makes its sequences."""
        if self._compiled is None:
            from archsim.engine.jit import called, lean

            for helper in self._helpers:
                called(helper)
            self._compiled = lean(self._function), _arrays()
        return self._compiled

    def ready(self, steps: int) -> tuple[F, Makers]:
        """Return either of them for a run of about ``steps`` steps."""
        self._left -= steps
        return self.interpreted() if self._left >= 0 else self.compiled()


def _arrays() -> Makers:
    import numpy as np

    zeros: Any = np.zeros
    array: Any = np.array
    whole, real = np.int64, np.float64
    return Makers(
        lambda count: zeros(count, whole),
        lambda count: zeros(count, real),
        lambda values: array(values, whole),
        lambda values: array(values, real),
        lambda values: list(values.tolist()),
    )
