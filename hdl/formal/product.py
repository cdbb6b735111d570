"""The explicit ECP5 multiplier against the inferred one."""

from __future__ import annotations

from amaranth.hdl import Assert, Elaboratable, Module, Signal, Value, signed

from hdl.arith.product import RegisteredProduct


class ProductCheck(Elaboratable):
    """Both forms of ``RegisteredProduct`` on the same free inputs."""

    def __init__(self, a_bits: int, b_bits: int) -> None:
        self.a_bits, self.b_bits = a_bits, b_bits
        self.a = Signal(signed(a_bits))
        self.b = Signal(signed(b_bits))
        self.load_b = Signal()
        self.ports: list[Value] = [self.a, self.b, self.load_b]

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        bits = {"a_bits": self.a_bits, "b_bits": self.b_bits}
        m.submodules.inferred = inferred = RegisteredProduct(**bits)
        m.submodules.explicit = explicit = RegisteredProduct(
            **bits, multiplier="ecp5", verilog=True
        )
        for product in (inferred, explicit):
            m.d.comb += [
                product.a.eq(self.a), product.b.eq(self.b), product.load_b.eq(self.load_b),
            ]  # fmt: skip
        m.d.comb += Assert(inferred.p == explicit.p)
        return m
