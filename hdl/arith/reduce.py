"""Trees of adders or comparators."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Shape, Signal, Value
from amaranth.lib import data

from archsim.numeric.operators import ReduceParams
from hdl.arith.operator import StreamOperator


class Reduce(StreamOperator):
    """Sum, largest or smallest of ``count`` numbers; one register a level, at least one.

    Ports: ``i``, stream of an array of ``count`` numbers of ``width`` bits;
    ``o``, stream of ``out_bits``, signed as the input.
    """

    def __init__(self, params: ReduceParams) -> None:
        self.params = params
        number = Shape(params.width, params.signed)
        super().__init__(
            data.ArrayLayout(number, params.count),
            Shape(params.out_bits, params.signed),
            max(1, params.levels),
        )

    def datapath(self, m: Module) -> Value:
        """Halve the numbers level by level."""
        p = self.params
        numbers: list[Value] = [self.i.payload[n] for n in range(p.count)]
        for level in range(self.latency):
            bits = p.width + (min(level + 1, p.levels) if p.operation == "add" else 0)
            following: list[Value] = []
            for n in range(0, len(numbers), 2):
                register = Signal(Shape(bits, p.signed), name=f"level_{level}_{n // 2}")
                m.d.sync += register.eq(self._pair(numbers[n : n + 2]))
                following.append(register)
            numbers = following
        return numbers[0]

    def _pair(self, pair: list[Value]) -> Value:
        if len(pair) == 1:
            return pair[0]
        left, right = pair
        if self.params.operation == "add":
            return left + right
        larger = left > right
        keep = larger if self.params.operation == "max" else ~larger
        return Mux(keep, left, right)
