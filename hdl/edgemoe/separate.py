"""A linear module for each kind of layer, in the place of the unified one."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from archsim.config.edgemoe_layout import UNITS
from archsim.config.edgemoe_params import LINEAR_MODULES, EdgeMoeParams
from hdl.edgemoe.units import LinearJobs


class SeparateLinear(wiring.Component):
    """``LINEAR_MODULES`` modules of ``tile_rows`` x ``tile_out`` products a cycle; one works.

    Ports: ``kind`` (in, stable during a job): which; the others are ``LinearJobs``'.
    """

    def __init__(self, params: EdgeMoeParams, *, verilog: bool = False) -> None:
        self.modules = [LinearJobs(params, verilog=verilog) for _ in range(LINEAR_MODULES)]
        self.members = dict(self.modules[0].signature.members)
        super().__init__({"kind": In(range(LINEAR_MODULES)), **self.members})

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        for number, module in enumerate(self.modules):
            m.submodules[f"kind_{number}"] = module
            for name, member in self.members.items():
                inner, outer = getattr(module, name), getattr(self, name)
                if name == "counters":
                    with m.If(self.kind == number):
                        m.d.comb += outer.eq(inner)
                    continue
                source, sink = (outer, inner) if member.flow is wiring.Flow.In else (inner, outer)
                mine = Signal(name=f"{name}_mine_{number}")
                m.d.comb += mine.eq(self.kind == number)
                if member.flow is wiring.Flow.In:
                    m.d.comb += [
                        sink.valid.eq(source.valid & mine),
                        Value.cast(sink.payload).eq(Value.cast(source.payload)),
                    ]
                    with m.If(mine):
                        m.d.comb += source.ready.eq(sink.ready)
                else:
                    m.d.comb += source.ready.eq(sink.ready & mine)
                    with m.If(mine):
                        m.d.comb += [
                            sink.valid.eq(source.valid),
                            Value.cast(sink.payload).eq(Value.cast(source.payload)),
                        ]
        return m


def kind_of(m: Module, step: data.View[data.StructLayout]) -> Signal:
    """Return which module runs ``step``: 0 embedding and gate, 1 attention, 2 MLP, 3 experts."""
    kind = Signal(range(LINEAR_MODULES), name="linear_kind")
    m.d.comb += kind.eq(2)
    with m.If(step.gate | (step.unit == UNITS.index("embed"))):
        m.d.comb += kind.eq(0)
    with m.Elif(step.gather | step.scatter):
        m.d.comb += kind.eq(3)
    with m.Elif(step.wide_bias):
        m.d.comb += kind.eq(1)
    return kind
