"""Several processors behind one stream: samples are dealt out and results collected in turn."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import wiring

from archsim.config.ngpc_params import NfpParams
from hdl.lib.counting import increment
from hdl.ngpc.processor import Processor


class Cluster(wiring.Component):
    """``processors`` (a power of two) that share a job; ports are those of ``Processor``.

    Sample n goes to processor n modulo their number, and results come back in that order, so that
    a processor is ahead of another by no more than its buffers. All processors hold the same
    tables and weights: a word that is loaded reaches all of them in one cycle.
    """

    def __init__(
        self, params: NfpParams, *, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        self.params = params
        self.processors = [
            Processor(params, multiplier=multiplier, verilog=verilog)
            for _ in range(params.processors)
        ]
        super().__init__(dict(self.processors[0].signature.members.items()))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        count = len(self.processors)
        bits = count.bit_length() - 1
        for n, processor in enumerate(self.processors):
            m.submodules[f"processor_{n}"] = processor
            m.d.comb += [
                processor.shifts.eq(self.shifts),
                processor.term_shift.eq(self.term_shift),
                processor.start.eq(self.start),
                processor.samples.eq((self.samples + (count - 1 - n)) >> bits),
            ]
        for name in ("grid", "weights"):
            self._broadcast(m, getattr(self, name), [getattr(p, name) for p in self.processors])
        self._deal(m)
        self._collect(m)
        m.d.comb += self.working.eq(Cat(p.working for p in self.processors).any())
        return m

    def _broadcast(self, m: Module, source: Any, targets: list[Any]) -> None:
        """A word is taken when all take it."""
        ready = Signal()
        m.d.comb += [ready.eq(Cat(t.ready for t in targets).all()), source.ready.eq(ready)]
        for target in targets:
            m.d.comb += [
                target.valid.eq(source.valid & ready),
                target.payload.eq(source.payload),
            ]

    def _deal(self, m: Module) -> None:
        turn = Signal(range(len(self.processors)))
        m.d.comb += self.i.ready.eq(Array(p.i.ready for p in self.processors)[turn])
        for n, processor in enumerate(self.processors):
            m.d.comb += [
                processor.i.payload.eq(self.i.payload),
                processor.i.valid.eq(self.i.valid & (turn == n)),
            ]
        with m.If(self.start):
            m.d.sync += turn.eq(0)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += turn.eq(increment(turn, len(self.processors)))

    def _collect(self, m: Module) -> None:
        turn = Signal(range(len(self.processors)))
        m.d.comb += [
            self.o.valid.eq(Array(p.o.valid for p in self.processors)[turn]),
            self.o.payload.eq(Array(p.o.payload for p in self.processors)[turn]),
        ]
        for n, processor in enumerate(self.processors):
            m.d.comb += processor.o.ready.eq(self.o.ready & (turn == n))
        with m.If(self.start):
            m.d.sync += [turn.eq(0), self.left.eq(self.samples)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [
                turn.eq(increment(turn, len(self.processors))),
                self.left.eq(self.left - 1),
            ]


def make_processor(params: NfpParams, **choices: Any) -> Processor | Cluster:
    """Return the processor, or the processors, of ``params``."""
    return (Cluster if params.processors > 1 else Processor)(params, **choices)
