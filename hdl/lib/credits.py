"""Credits: a producer counts the places left behind it instead of waiting for a ready signal."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

from archsim.numeric.check import integer


class Credits:
    """Places that may still be filled, ``places`` after reset; ``some`` (a register): any is left.

    Not a component. ``take`` fills a place now, only while ``some``; ``freed`` gives one back,
    which counts from the second cycle after it on.
    """

    def __init__(self, m: Module, name: str, places: int, *, take: Value, freed: Value) -> None:
        count = Signal(range(integer("places", places, 1) + 1), init=places, name=f"{name}_count")
        self._more = more = Signal(init=int(places > 1), name=f"{name}_more")  # two or more left
        self._back = back = Signal(name=f"{name}_back")
        self.some = Signal(init=1, name=f"{name}_some")
        m.d.sync += [back.eq(freed), self.some.eq(self.left(take))]
        with m.If(take & ~back):
            m.d.sync += [count.eq(count - 1), more.eq(count > 2)]
        with m.Elif(back & ~take):
            m.d.sync += [count.eq(count + 1), more.eq(self.some)]

    def left(self, taken: Value | int) -> Value:
        """Return whether any is left in the next cycle, if a place is ``taken`` in this one."""
        return self._back | Mux(taken, self._more, self.some)
