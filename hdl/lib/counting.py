"""Small helpers on counters."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value


def increment(value: Signal, modulus: int) -> Value:
    """Return ``value + 1`` modulo ``modulus``, for a ``value`` below it."""
    if modulus == 1 << len(value):
        return (value + 1)[: len(value)]
    return Mux(value == modulus - 1, 0, value + 1)


def delayed(
    m: Module, value: Signal, cycles: int, name: str = "delay", *, reset_less: bool = False
) -> Signal:
    """Return ``value`` registered ``cycles`` times (0 returns it as it is). Idle 0.

    ``reset_less``: a reset does not clear it, since nobody looks at it then.
    """
    for index in range(cycles):
        stage = Signal(value.shape(), name=f"{name}_{index + 1}", reset_less=reset_less)
        m.d.sync += stage.eq(value)
        value = stage
    return value
