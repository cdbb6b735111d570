"""Plain loops that are interpreted while they are short, and compiled once they are not.

A function of integers, floats and named tuples of sequences runs as it stands on lists, and as
machine code (Numba's) on arrays, with the same results. A single point then starts without Numba,
whose import costs more than many answers; a sweep gets machine code after its first points.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from typing import Any, Generic, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

Make = Callable[[int], MutableSequence[Any]]
"""Makes a sequence of so many numbers; what they are is not said."""

PATIENCE = 150_000
"""Steps that a process interprets of a function: they cost about what loading machine code does."""


class Hot(Generic[F]):
    """``function``, and the ``helpers`` in its globals that it calls, themselves or one another."""

    def __init__(self, function: F, *helpers: Callable[..., Any]) -> None:
        self._function = function
        self._helpers = helpers
        self._left = PATIENCE
        self._compiled: F | None = None

    def interpreted(self) -> tuple[F, Make, Make]:
        """Return the function as it stands, and what makes its integers and its floats."""
        return self._function, _integers, _floats

    def compiled(self) -> tuple[F, Make, Make]:
        """Return the function as machine code, and what makes its integers and its floats."""
        import numpy as np

        if self._compiled is None:
            from archsim.engine.jit import called, lean

            for helper in self._helpers:
                called(helper)
            self._compiled = lean(self._function)

        def integers(count: int) -> Any:
            return np.empty(count, np.int64)

        def floats(count: int) -> Any:
            return np.empty(count, np.float64)

        return self._compiled, integers, floats

    def ready(self, steps: int) -> tuple[F, Make, Make]:
        """Return either of them for a run of about ``steps`` steps."""
        self._left -= steps
        return self.interpreted() if self._left >= 0 else self.compiled()


def _integers(count: int) -> MutableSequence[Any]:
    return [0] * count


def _floats(count: int) -> MutableSequence[Any]:
    return [0.0] * count
