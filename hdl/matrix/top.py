"""The matrix engine with AXI4-Stream data and AXI4-Lite control."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.matrix import COUNT_BITS, MatrixParams
from hdl.lib.axi_lite import AxiLiteRegisters, axi_lite_signature
from hdl.lib.skid import SkidBuffer
from hdl.matrix.engine import COUNTERS, MatrixEngine
from hdl.matrix.job import JOB
from hdl.matrix.registers import COUNT, IDENTITY, JOB_REGISTERS, REGISTERS

ADDRESS_BITS = 7


def top_signature(params: MatrixParams) -> wiring.Signature:
    """Return the ports of the top."""
    width = 8 * params.port_bytes
    axis = {"tdata": Out(width), "tvalid": Out(1), "tready": In(1), "tlast": Out(1)}
    return wiring.Signature(
        {
            "s_axis": In(wiring.Signature(axis)),
            "m_axis": Out(wiring.Signature(axis)),
            "s_axil": In(axi_lite_signature(ADDRESS_BITS)),
            "interrupt": Out(1),
        }
    )


class MatrixTop(wiring.Component):
    """The engine as an IP core: ``s_axis`` operands in, ``m_axis`` results out, ``s_axil`` control.

    Both streams are ``8 * port_bytes`` wide; ``m_axis_tlast`` ends a job. Registers are those of
    ``hdl.matrix.registers``. ``interrupt`` (1, out) is high after a job until the next start.
    """

    def __init__(self, params: MatrixParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        super().__init__(top_signature(params))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        m.submodules.engine = engine = MatrixEngine(p, verilog=self.verilog)
        m.submodules.registers = registers = AxiLiteRegisters(count=COUNT)
        m.submodules.input = skid = SkidBuffer(width=8 * p.port_bytes)
        connect(m, flipped(self.s_axil), registers.bus)
        connect(m, skid.o, engine.i)
        m.d.comb += [
            skid.i.payload.eq(self.s_axis.tdata),
            skid.i.valid.eq(self.s_axis.tvalid),
            self.s_axis.tready.eq(skid.i.ready),
            self.m_axis.tdata.eq(engine.o.payload),
            self.m_axis.tvalid.eq(engine.o.valid),
            self.m_axis.tlast.eq(engine.last),
            engine.o.ready.eq(self.m_axis.tready),
        ]
        self._control(m, engine, registers)
        return m

    def _control(self, m: Module, engine: MatrixEngine, registers: AxiLiteRegisters) -> None:
        job = Signal(JOB)
        fields = {name: getattr(job, name) for name in JOB.members}
        busy = Signal()
        start = Signal()
        write = registers.write
        m.d.comb += [
            start.eq(write & (registers.index == 0) & registers.data[0] & ~engine.busy),
            engine.job.eq(job),
            engine.start.eq(start),
        ]
        m.d.sync += busy.eq(engine.busy)
        with m.If(start):
            m.d.sync += self.interrupt.eq(0)
        with m.Elif(busy & ~engine.busy):
            m.d.sync += self.interrupt.eq(1)
        for register in JOB_REGISTERS:
            with m.If(write & (registers.index == register.offset // 4)):
                m.d.sync += fields[register.name].eq(registers.data[:COUNT_BITS])
        values = {
            "status": Cat(engine.busy, self.interrupt),
            "identity": Const(IDENTITY, 32),
            "parameters": Const(int(self.params.digest[:8], 16), 32),
            **fields,
            **{
                f"{name}_cycles": engine.counters.word_select(i, 32)
                for i, name in enumerate(COUNTERS)
            },
        }
        for register in REGISTERS:
            if register.name in values:
                target = registers.values.word_select(register.offset // 4, 32)
                m.d.comb += target.eq(values[register.name])
