"""A down counter for nested loops: its end is a register, not a comparison."""

from __future__ import annotations

from amaranth.hdl import Mux, Signal, Value
from amaranth.hdl._ast import Assign


class Countdown:
    """``value`` counts down to 1; ``one`` and ``two`` (registers) say that it is 1 or 2.

    Not a component: ``load``, ``choose`` and ``step`` are statements for a clocked domain.
    """

    def __init__(self, name: str, bits: int) -> None:
        self.value = Signal(bits, name=name)
        self.one = Signal(name=f"{name}_one")
        self.two = Signal(name=f"{name}_two")

    def load(self, value: Value) -> list[Assign]:
        """Return the start at ``value``."""
        return [self.value.eq(value), self.one.eq(value == 1), self.two.eq(value == 2)]

    def choose(self, condition: Value, value: Value, other: Value) -> list[Assign]:
        """Return the start at ``value`` if ``condition``, else at ``other``."""
        return [
            self.value.eq(Mux(condition, value, other)),
            self.one.eq(Mux(condition, value == 1, other == 1)),
            self.two.eq(Mux(condition, value == 2, other == 2)),
        ]

    def step(self) -> list[Assign]:
        """Return one step down."""
        return [
            self.value.eq(self.value - 1),
            self.one.eq(self.value == 2),
            self.two.eq(self.value == 3),
        ]
