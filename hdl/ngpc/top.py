"""The neural field processor, or several, with AXI4-Stream data and AXI4-Lite control."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_params import SHIFT_BITS, NfpParams
from hdl.lib.axi_lite import AxiLiteRegisters, axi_lite_signature
from hdl.lib.skid import SkidBuffer
from hdl.lib.widen import Widener
from hdl.ngpc.cluster import make_processor
from hdl.ngpc.registers import COUNTERS, IDENTITY, SETTINGS, registers

ADDRESS_BITS = 8


def bus_bits(bits: int) -> int:
    """Return the width of an AXI4-Stream that carries ``bits`` in a beat."""
    return -(-bits // 32) * 32


def sample_bits(params: NfpParams) -> int:
    """Return the bits of a sample: its position, and its direction where it has one."""
    f = params.formats
    return params.grid.dims * f.position_bits + 3 * f.direction_bits * params.directions


class ProcessorTop(wiring.Component):
    """The processor as an IP core: ``s_axis`` in, ``m_axis`` results out, ``s_axil`` control.

    A sample is one beat, and so is a result; ``m_axis_tlast`` ends a job. While no job runs,
    beats go to the memory that ``target`` names, a word in as many beats as it needs, lowest
    first. ``interrupt`` (1, out) is high after a job until the next start. Registers:
    ``hdl.ngpc.registers``.
    """

    def __init__(
        self, params: NfpParams, *, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        self.params = params
        self.processor = make_processor(params, multiplier=multiplier, verilog=verilog)
        self.in_bits = bus_bits(sample_bits(params))
        self.out_bits = bus_bits(params.outputs * params.formats.activation_bits)
        super().__init__(
            {
                "s_axis": In(_axis(self.in_bits)),
                "m_axis": Out(_axis(self.out_bits)),
                "s_axil": In(axi_lite_signature(ADDRESS_BITS)),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.processor = processor = self.processor
        m.submodules.registers = control = AxiLiteRegisters(count=1 << (ADDRESS_BITS - 2))
        m.submodules.input = skid = SkidBuffer(width=self.in_bits)
        connect(m, flipped(self.s_axil), control.bus)
        settings = self._settings(m, control)
        busy, start, coming = Signal(), Signal(), Signal(32)
        m.d.comb += [
            busy.eq(processor.left != 0),
            start.eq(control.write & (control.index == 0) & control.data[0] & ~busy),
            processor.start.eq(start),
            processor.samples.eq(settings["samples"]),
            skid.i.payload.eq(self.s_axis.tdata),
            skid.i.valid.eq(self.s_axis.tvalid),
            self.s_axis.tready.eq(skid.i.ready),
            processor.i.payload.eq(skid.o.payload),
            processor.i.valid.eq(skid.o.valid & (coming != 0)),
            self.m_axis.tdata.eq(processor.o.payload),
            self.m_axis.tvalid.eq(processor.o.valid),
            self.m_axis.tlast.eq(processor.left == 1),
            processor.o.ready.eq(self.m_axis.tready),
        ]
        with m.If(start):
            m.d.sync += coming.eq(settings["samples"])
        with m.Elif(processor.i.valid & processor.i.ready):
            m.d.sync += coming.eq(coming - 1)
        written = control.write & (control.index == 0x14 // 4)
        loaded = self._load(m, skid, settings, ~busy & ~start & (coming == 0), written)
        m.d.comb += skid.o.ready.eq((processor.i.ready & (coming != 0)) | loaded)
        was_busy = Signal()
        m.d.sync += was_busy.eq(busy)
        with m.If(start):
            m.d.sync += self.interrupt.eq(0)
        with m.Elif(was_busy & ~busy):
            m.d.sync += self.interrupt.eq(1)
        self._values(m, control, settings, busy, self._counters(m, busy, start, coming, skid))
        return m

    def _settings(self, m: Module, control: AxiLiteRegisters) -> dict[str, Signal]:
        """The registers that software writes; shifts go to the processor."""
        found = {}
        for register in registers(self.params):
            if register.access != "rw":
                continue
            bits = 32 if register.name in SETTINGS else SHIFT_BITS
            value = found[register.name] = Signal(bits, name=register.name)
            with m.If(control.write & (control.index == register.offset // 4)):
                m.d.sync += value.eq(control.data)
        shifts = [value for name, value in found.items() if name.startswith("shift_")]
        m.d.comb += [
            self.processor.shifts.eq(Cat(shifts)),
            self.processor.term_shift.eq(found["term_shift"]),
        ]
        return found

    def _load(
        self, m: Module, skid: SkidBuffer, settings: dict[str, Signal], idle: Value, written: Value
    ) -> Signal:
        """Words from beats into the memory of ``target``; return whether a beat is taken."""
        processor, engines = self.processor, self.params.engines
        at, fresh, taken = Signal(32), Signal(), Signal()
        m.d.sync += fresh.eq(written)
        to_weights = settings["target"] == engines + 1
        to_grid = (settings["target"] != 0) & ~to_weights
        paths = ((processor.grid, to_grid), (processor.weights, to_weights))
        moved = []
        for name, (load, chosen) in zip(("grid", "weights"), paths, strict=True):
            widener = Widener(width=len(load.payload.data), beat_bits=self.in_bits)
            m.submodules[f"widen_{name}"] = widener
            m.d.comb += [
                widener.i.valid.eq(skid.o.valid & chosen & idle),
                widener.i.payload.eq(skid.o.payload),
                widener.o.ready.eq(load.ready),
                load.valid.eq(widener.o.valid),
                load.payload.data.eq(widener.o.payload),
                load.payload.address.eq(at),
            ]
            with m.If(chosen & idle & widener.i.ready):
                m.d.comb += taken.eq(1)
            moved.append(load.valid & load.ready)
        m.d.comb += processor.grid.payload.engine.eq(settings["target"] - 1)
        with m.If(fresh):
            m.d.sync += at.eq(settings["address"])
        with m.Elif(Cat(moved).any()):
            m.d.sync += at.eq(at + 1)
        return taken

    def _counters(
        self, m: Module, busy: Value, start: Value, coming: Value, skid: SkidBuffer
    ) -> list[Signal]:
        """Every cycle of a job has one reason."""
        processor = self.processor
        blocked = processor.o.valid & ~processor.o.ready
        starved = (coming != 0) & ~skid.o.valid
        reasons = Signal(len(COUNTERS))
        with m.If(busy):
            m.d.comb += reasons[0].eq(1)
            with m.If(processor.working):
                m.d.comb += reasons[1].eq(1)
            with m.Elif(blocked):
                m.d.comb += reasons[2].eq(1)
            with m.Elif(starved):
                m.d.comb += reasons[3].eq(1)
            with m.Else():
                m.d.comb += reasons[4].eq(1)
        late = Signal.like(reasons)
        m.d.sync += late.eq(reasons)
        counters = [Signal(32, name=f"{name}_cycles") for name in COUNTERS]
        for n, counter in enumerate(counters):
            with m.If(start):
                m.d.sync += counter.eq(0)
            with m.Else():
                m.d.sync += counter.eq(counter + late[n])
        return counters

    def _values(
        self, m: Module, control: AxiLiteRegisters, settings: dict[str, Signal], busy: Value,
        counters: list[Signal],
    ) -> None:  # fmt: skip
        values: dict[str, Value] = {
            "status": Cat(busy, self.interrupt),
            "identity": Const(IDENTITY, 32),
            "parameters": Const(int(self.params.digest[:8], 16), 32),
            **settings,
            **{f"{name}_cycles": c for name, c in zip(COUNTERS, counters, strict=True)},
        }
        for register in registers(self.params):
            if register.name in values:
                target = control.values.word_select(register.offset // 4, 32)
                m.d.comb += target.eq(values[register.name])


def _axis(bits: int) -> wiring.Signature:
    return wiring.Signature(
        {"tdata": Out(bits), "tvalid": Out(1), "tready": In(1), "tlast": Out(1)}
    )
