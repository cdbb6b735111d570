"""What the arithmetic operators share: a pipeline between two streams."""

from __future__ import annotations

from abc import abstractmethod

from amaranth.hdl import Const, EnableInserter, Module, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class StreamOperator(wiring.Component):
    """A pipeline of ``latency`` registers that stops as a whole while its output waits.

    A subclass adds its registers in ``datapath``. They move in the cycles in which ``advance``
    is high, ``stage_valid[n]`` says that the ``n``th register holds a word (0: the input does).
    One word a cycle; bubbles move along.

    Ports: ``i``, stream of ``shape_in``, in, ready while ``o`` is empty or taken;
    ``o``, stream of ``shape_out``, out, ``latency`` cycles later.
    """

    def __init__(self, shape_in: ShapeLike, shape_out: ShapeLike, latency: int) -> None:
        self.latency = latency
        super().__init__(
            {"i": In(stream.Signature(shape_in)), "o": Out(stream.Signature(shape_out))}
        )
        self.advance = Signal()
        self.stage_valid = [self.i.valid] + [Signal(name=f"valid_{n + 1}") for n in range(latency)]

    @abstractmethod
    def datapath(self, m: Module) -> Value:
        """Add the registers to ``m`` and return the last one."""

    def emits(self, m: Module) -> Value:
        """Return whether the word before the last register gives a result; by default each."""
        return Const(1)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        inner = Module()
        m.d.comb += [
            self.o.payload.eq(self.datapath(inner)),
            self.o.valid.eq(self.stage_valid[-1]),
            self.advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(self.advance),
        ]
        for before, after in zip(self.stage_valid, self.stage_valid[1:], strict=False):
            inner.d.sync += after.eq(before)
        inner.d.sync += self.stage_valid[-1].eq(self.stage_valid[-2] & self.emits(inner))
        m.submodules.datapath = EnableInserter(self.advance)(inner)
        return m
