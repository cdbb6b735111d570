"""A down counter for nested loops: its end is a register, not a comparison."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.hdl._ast import Assign


class Preset:
    """A value to count down from; whether it is 1 or 2 are registers, right after one cycle."""

    def __init__(self, m: Module, name: str, value: Value) -> None:
        self.value = value
        self.one = Signal(name=f"{name}_is_one")
        self.two = Signal(name=f"{name}_is_two")
        m.d.sync += [self.one.eq(value == 1), self.two.eq(value == 2)]


class Countdown:
    """``value`` counts down to 1; ``one`` and ``two`` (registers) say that it is 1 or 2.

    Not a component: ``load``, ``choose`` and ``step`` are statements for a clocked domain.
    """

    def __init__(self, name: str, bits: int, init: int = 0) -> None:
        self.value = Signal(bits, name=name, init=init)
        self.one = Signal(name=f"{name}_one", init=int(init == 1))
        self.two = Signal(name=f"{name}_two", init=int(init == 2))

    def load(self, preset: Preset) -> list[Assign]:
        """Return the start at ``preset``."""
        return [self.value.eq(preset.value), self.one.eq(preset.one), self.two.eq(preset.two)]

    def choose(self, condition: Value, preset: Preset, other: Preset) -> list[Assign]:
        """Return the start at ``preset`` if ``condition``, else at ``other``."""
        return [
            self.value.eq(Mux(condition, preset.value, other.value)),
            self.one.eq(Mux(condition, preset.one, other.one)),
            self.two.eq(Mux(condition, preset.two, other.two)),
        ]

    def step(self) -> list[Assign]:
        """Return one step down."""
        return [
            self.value.eq(self.value - 1),
            self.one.eq(self.two),
            self.two.eq(self.value == 3),
        ]
