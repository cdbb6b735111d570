"""A down counter for nested loops: its end is a register, not a comparison."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.hdl._ast import Assign


class Preset:
    """A value to count down from; whether it is 1, 2 or 3 are registers, right after one cycle.

    ``value``: at least 1, not changed while it is counted down from.
    """

    def __init__(self, m: Module, name: str, value: Value) -> None:
        self.value = value
        one, two, three = (Signal(name=f"{name}_is_{word}") for word in ("one", "two", "three"))
        self.one: Value = one
        self.two: Value = two
        self.three: Value = three
        m.d.sync += [one.eq(value == 1), two.eq(value == 2), three.eq(value == 3)]

    @classmethod
    def fixed(cls, value: int) -> Preset:
        """Return a constant."""
        preset = cls.__new__(cls)
        preset.value = Const(value)
        preset.one, preset.two, preset.three = (Const(int(value == n)) for n in (1, 2, 3))
        return preset


class Countdown:
    """Counts down to 1; ``one`` and ``two`` (registers) say that the count is 1 or 2.

    The count itself follows one cycle later, so that what decides a step reaches few registers.

    Not a component: ``load`` and ``step`` are statements for a clocked domain. ``preset`` is where
    it starts, ``other`` another place, ``init`` the count after reset.
    """

    def __init__(
        self, m: Module, name: str, preset: Preset, other: Preset | None = None, *, init: int = 0
    ) -> None:
        self.preset = preset
        self.other = other or preset
        bits = max(len(preset.value), len(self.other.value))
        self.one = Signal(name=f"{name}_one", init=int(init == 1))
        self.two = Signal(name=f"{name}_two", init=int(init == 2))
        self._loaded = Signal(name=f"{name}_loaded")  # in the cycle before
        self._second = Signal(name=f"{name}_second")  # that was with ``other``
        self._stepped = Signal(name=f"{name}_stepped")
        value = Signal(bits, name=name, init=init)
        with m.If(self._loaded):
            m.d.sync += value.eq(Mux(self._second, self.other.value, preset.value))
        with m.Elif(self._stepped):
            m.d.sync += value.eq(value - 1)
        m.d.sync += [self._loaded.eq(0), self._stepped.eq(0)]
        self._three = Mux(
            self._loaded,
            Mux(self._second, self.other.three, preset.three),
            value == Mux(self._stepped, 4, 3),
        )

    def load(self, other: Value | int = 0) -> list[Assign]:
        """Return the start at ``preset``, or at the other one if ``other``."""
        return [
            self.one.eq(Mux(other, self.other.one, self.preset.one)),
            self.two.eq(Mux(other, self.other.two, self.preset.two)),
            self._loaded.eq(1), self._second.eq(other),
        ]  # fmt: skip

    def step(self) -> list[Assign]:
        """Return one step down."""
        return [self.one.eq(self.two), self.two.eq(self._three), self._stepped.eq(1)]
