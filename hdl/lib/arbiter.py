"""Arbiters: several streams share one, by turns or by rank."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer, one_of

POLICIES = ("fixed", "round_robin")


class StreamArbiter(wiring.Component):
    """Passes one of ``count`` streams on, a word at a time, without delay or buffer.

    A word once offered on ``o`` stays until it is taken: the choice is held while ``o`` waits.
    ``fixed`` prefers the lowest number; ``round_robin`` the next above the one served last, so
    that a waiting stream is passed over at most ``count - 1`` times.

    Parameters: ``width`` (0 or more bits), ``count`` (1 or more streams), ``policy``.

    Ports:

    * ``i``: array of ``count`` streams of ``width`` bits, in; ``ready`` only for the chosen one.
    * ``o``: stream of ``width`` bits, out; ``valid`` while the chosen stream is.
    * ``source`` (enough bits for ``count - 1``, out): number of the chosen stream, with
      ``o.valid``; no meaning else.
    """

    def __init__(self, *, width: int, count: int, policy: str = "round_robin") -> None:
        one_of("policy", policy, POLICIES)
        self.width = integer("width", width, 0)
        self.count = integer("count", count, 1)
        self.policy = policy
        super().__init__(
            {
                "i": In(stream.Signature(width)).array(count),
                "o": Out(stream.Signature(width)),
                "source": Out(range(max(2, count))),
            }
        )
        self.locked = Signal()
        self.held = Signal(range(max(2, count)))
        self.served = Signal(range(max(2, count)), init=count - 1)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        valid = Cat(port.valid for port in self.i)
        ports = Array(port.payload for port in self.i)
        choice = self._lowest(m, valid, "lowest")
        if self.policy == "round_robin":
            above = Signal(self.count)
            m.d.comb += above.eq(
                Cat(port.valid & (self.served < n) for n, port in enumerate(self.i))
            )
            choice = Mux(above.any(), self._lowest(m, above, "above"), choice)
        m.d.comb += [
            self.source.eq(Mux(self.locked, self.held, choice)),
            self.o.valid.eq(valid.any()),
            self.o.payload.eq(ports[self.source]),
        ]
        for n, port in enumerate(self.i):
            m.d.comb += port.ready.eq(self.o.ready & port.valid & (self.source == n))
        m.d.sync += [self.locked.eq(self.o.valid & ~self.o.ready), self.held.eq(self.source)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.served.eq(self.source)
        return m

    def _lowest(self, m: Module, bits: Value, name: str) -> Signal:
        """Return the number of the lowest set bit, 0 without one."""
        number = Signal(range(max(2, self.count)), name=name)
        for n in reversed(range(self.count)):
            with m.If(bits[n]):
                m.d.comb += number.eq(n)
        return number
