"""The processing elements of systolic arrays: what stays in them is the sum or the weight."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.arith.product import RegisteredProduct
from hdl.lib.counting import delayed


def pe_signature(a_bits: int, b_bits: int, acc_bits: int) -> wiring.Signature:
    """Return the ports of a processing element, one set for both dataflows."""
    return wiring.Signature(
        {
            "a_i": In(signed(a_bits)),
            "b_i": In(signed(b_bits)),
            "first_i": In(1),
            "last_i": In(1),
            "a_o": Out(signed(a_bits)),
            "b_o": Out(signed(b_bits)),
            "first_o": Out(1),
            "last_o": Out(1),
            "shift": In(1),
            "capture": In(1),
            "drain_i": In(signed(acc_bits)),
            "drain_o": Out(signed(acc_bits)),
        }
    )


class OutputStationaryPe(wiring.Component):
    """``acc += a * b``; the finished sum waits in a drain register and leaves downwards.

    Operands and flags move one element right or down a cycle. ``first`` comes with the first
    pair of a sum and clears it, ``last`` with its last pair. ``product_cycles`` and ``CAPTURE``
    cycles after ``last_i`` the sum is in the drain register, which keeps it until ``shift`` was
    high for one cycle; from the next cycle on it takes ``drain_i`` every cycle until its next
    capture.

    Ports (widths in bits): ``a_i``/``a_o`` (``a_bits``), ``b_i``/``b_o`` (``b_bits``),
    ``first_i``/``first_o``, ``last_i``/``last_o`` (1), ``shift`` (1, in),
    ``drain_i``/``drain_o`` (``acc_bits``). All outputs are registers. ``capture`` is not used.
    """

    CAPTURE = 2

    def __init__(
        self,
        *,
        a_bits: int,
        b_bits: int,
        acc_bits: int,
        product_cycles: int = RegisteredProduct.LATENCY,
        multiplier: str = "generic",
        verilog: bool = False,
    ) -> None:
        self.a_bits = a_bits
        self.b_bits = b_bits
        self.acc_bits = acc_bits
        self.product_cycles = product_cycles
        self.multiplier = multiplier
        self.verilog = verilog
        super().__init__(pe_signature(a_bits, b_bits, acc_bits))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.product = product = RegisteredProduct(
            a_bits=self.a_bits,
            b_bits=self.b_bits,
            multiplier=self.multiplier,
            verilog=self.verilog,
        )
        more = self.product_cycles - product.LATENCY
        late = delayed(m, product.p, more, "product", reset_less=True)
        first = Signal(1 + more)
        last = Signal(2 + more)
        total = Signal(signed(self.acc_bits), reset_less=True)
        held = Signal()
        a, b, drain = _data(m, self)
        m.d.sync += [
            a.eq(self.a_i),
            b.eq(self.b_i),
            self.first_o.eq(self.first_i),
            self.last_o.eq(self.last_i),
            first.eq(Cat(self.first_o, first)),
            last.eq(Cat(self.last_o, last)),
            total.eq(Mux(first[-1], 0, total) + late),
        ]
        m.d.comb += [product.a.eq(self.a_i), product.b.eq(self.b_i)]
        with m.If(last[-1]):
            m.d.sync += [drain.eq(total), held.eq(~self.shift)]
        with m.Else():
            with m.If(self.shift):
                m.d.sync += held.eq(0)
            with m.If(~held):
                m.d.sync += drain.eq(self.drain_i)
        return m


class WeightStationaryPe(wiring.Component):
    """``drain_o = drain_i + a * weight``: sums move down through weights that stay.

    Weights come down through ``b``, a step for each cycle of ``shift``; ``capture``, in a cycle of
    ``shift``, keeps ``b_i`` aside. ``first_i``, with an operand, puts the weight kept aside into
    use, from this operand on. ``product_cycles`` and ``SUM`` cycles after ``a_i`` the sum is on
    ``drain_o``; it has ``drain_i`` of one cycle before.

    Ports: those of ``OutputStationaryPe``, and ``capture`` (1, in). ``last_i`` only moves on.
    """

    SUM = 1

    def __init__(
        self,
        *,
        a_bits: int,
        b_bits: int,
        acc_bits: int,
        product_cycles: int = RegisteredProduct.LATENCY,
        multiplier: str = "generic",
        verilog: bool = False,
    ) -> None:
        self.a_bits = a_bits
        self.b_bits = b_bits
        self.acc_bits = acc_bits
        self.product_cycles = product_cycles
        self.multiplier = multiplier
        self.verilog = verilog
        super().__init__(pe_signature(a_bits, b_bits, acc_bits))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.product = product = RegisteredProduct(
            a_bits=self.a_bits,
            b_bits=self.b_bits,
            multiplier=self.multiplier,
            verilog=self.verilog,
        )
        late = delayed(
            m, product.p, self.product_cycles - product.LATENCY, "product", reset_less=True
        )
        aside = Signal(signed(self.b_bits), reset_less=True)
        a, b, drain = _data(m, self)
        m.d.sync += [
            a.eq(self.a_i),
            self.first_o.eq(self.first_i),
            self.last_o.eq(self.last_i),
            drain.eq(self.drain_i + late),
        ]
        with m.If(self.shift):
            m.d.sync += b.eq(self.b_i)
        with m.If(self.capture):
            m.d.sync += aside.eq(self.b_i)
        m.d.comb += [
            product.a.eq(self.a_i), product.b.eq(aside), product.load_b.eq(self.first_i),
        ]  # fmt: skip
        return m


def _data(m: Module, pe: OutputStationaryPe | WeightStationaryPe) -> tuple[Signal, Signal, Signal]:
    """Return the registers of ``a_o``, ``b_o`` and ``drain_o``, which need no reset."""
    outputs = {"a": pe.a_o, "b": pe.b_o, "drain": pe.drain_o}
    registers = {
        name: Signal(port.shape(), name=f"{name}_kept", reset_less=True)
        for name, port in outputs.items()
    }
    m.d.comb += [port.eq(registers[name]) for name, port in outputs.items()]
    return registers["a"], registers["b"], registers["drain"]
