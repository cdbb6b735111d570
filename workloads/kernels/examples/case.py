"""The record of one kernel launch with the outputs it must give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One launch: ``expect(args)`` raises AssertionError when the outputs in ``args`` are wrong."""

    name: str
    kernel: Any
    grid: tuple[int, ...]
    block: tuple[int, ...]
    args: tuple[Any, ...]
    options: dict[str, Any]


def case(
    kernel: Any,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    args: tuple[Any, ...],
    expect: Callable[[tuple[Any, ...]], None],
    *,
    dynamic_smem_bytes: int = 0,
) -> Case:
    """A `Case` named after its kernel, with one-dimensional launches allowed as integers."""
    return Case(
        kernel.py_func.__name__ if hasattr(kernel, "py_func") else kernel.fn.__name__,
        kernel,
        (grid,) if isinstance(grid, int) else grid,
        (block,) if isinstance(block, int) else block,
        args,
        {"dynamic_smem_bytes": dynamic_smem_bytes, "expect": expect},
    )


def exact(index: int, want: np.ndarray) -> Callable[[tuple[Any, ...]], None]:
    """Argument ``index`` must equal ``want``, bit for bit."""

    def check(args: tuple[Any, ...]) -> None:
        np.testing.assert_array_equal(args[index], want)

    return check


def close(
    index: int, want: np.ndarray, rtol: float, atol: float = 0.0
) -> Callable[[tuple[Any, ...]], None]:
    """Argument ``index`` must equal ``want`` within the tolerances."""

    def check(args: tuple[Any, ...]) -> None:
        np.testing.assert_allclose(args[index], want, rtol=rtol, atol=atol)

    return check
