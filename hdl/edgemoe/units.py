"""The accelerator's units side by side, every stream a port: a datapath without its controller."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.edgemoe.gate import Gate
from hdl.edgemoe.linear import LinearUnit
from hdl.edgemoe.mix import AttentionMix
from hdl.edgemoe.norm import LayerNorm
from hdl.edgemoe.queues import make_queues
from hdl.edgemoe.scores import AttentionScores
from hdl.matrix.job import JOB

TOP = "edgemoe_units"
"""Name of the Verilog module."""

STREAMS = {
    "norm": ("w", "i", "o"),
    "scores": ("key", "query", "o", "sums"),
    "mix": ("sums", "scores", "value", "o"),
    "gate": ("i", "o"),
    "queues": ("i", "o"),
    "linear": ("job", "i", "score", "old", "o"),
}
"""Ports of each unit, as ``unit_port`` at the top."""


def job_layout() -> data.StructLayout:
    """Return a layer of the linear unit: the engine's ``job``, ``gelu`` and ``weigh``."""
    return data.StructLayout({"job": JOB, "gelu": 1, "weigh": 1})


class LinearJobs(wiring.Component):
    """The linear unit, started by a stream of jobs, one after another.

    Ports: ``job``, stream of ``job_layout``, in, ready while no layer runs; the others are those
    of ``LinearUnit``; ``counters`` are of the last layer.
    """

    def __init__(self, params: EdgeMoeParams, *, verilog: bool = False) -> None:
        self.unit = LinearUnit(params, verilog=verilog)
        streams = ("i", "score", "old", "o", "counters")
        members = {name: self.unit.signature.members[name] for name in streams}
        super().__init__({"job": In(stream.Signature(job_layout())), **members})

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.unit = unit = self.unit
        held = Signal(job_layout())
        running = Signal()  # from the start until the engine has been busy and is not any more
        seen = Signal()
        m.d.comb += [
            self.job.ready.eq(~running),
            unit.job.eq(held.job), unit.gelu.eq(held.gelu), unit.weigh.eq(held.weigh),
            unit.start.eq(running & ~seen), self.counters.eq(unit.counters),
        ]  # fmt: skip
        with m.If(self.job.valid & self.job.ready):
            m.d.sync += [held.eq(self.job.payload), running.eq(1), seen.eq(0)]
        with m.Elif(running):
            m.d.sync += seen.eq(1)
            with m.If(seen & ~unit.busy):
                m.d.sync += running.eq(0)
        for name in ("i", "score", "old"):
            connect(m, flipped(getattr(self, name)), getattr(unit, name))
        connect(m, unit.o, flipped(self.o))
        return m


def make_unit(params: EdgeMoeParams, name: str) -> wiring.Component:
    """Return the unit ``name`` of ``STREAMS``; the engine's parts are modules of their own."""
    if name == "norm":
        return LayerNorm(params, lanes=params.lanes)
    if name == "linear":
        return LinearJobs(params, verilog=True)
    kinds = {
        "scores": AttentionScores,
        "mix": AttentionMix,
        "gate": Gate,
        "queues": make_queues,
    }
    made: wiring.Component = kinds[name](params)
    return made


class Units(wiring.Component):
    """Every unit of ``params``; port ``unit_port`` is the stream ``port`` of ``unit``."""

    def __init__(self, params: EdgeMoeParams) -> None:
        self.units = {name: make_unit(params, name) for name in STREAMS}
        members = {}
        for name, unit in self.units.items():
            for port in STREAMS[name]:
                member = unit.signature.members[port]
                width = len(Value.cast(getattr(unit, port).payload))
                plain = stream.Signature(width)
                members[f"{name}_{port}"] = (
                    In(plain) if member.flow is wiring.Flow.In else Out(plain)
                )
        super().__init__(members)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        for name, unit in self.units.items():
            m.submodules[name] = unit
            for port in STREAMS[name]:
                outer, inner = getattr(self, f"{name}_{port}"), getattr(unit, port)
                incoming = unit.signature.members[port].flow is wiring.Flow.In
                source, sink = (outer, inner) if incoming else (inner, outer)
                m.d.comb += [
                    sink.valid.eq(source.valid),
                    source.ready.eq(sink.ready),
                    Value.cast(sink.payload).eq(Cat(Value.cast(source.payload))),
                ]
        return m
