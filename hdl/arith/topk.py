"""The largest numbers of a sequence with their positions."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from archsim.numeric.operators import TopKParams
from hdl.arith.operator import StreamOperator


def entry_layout(params: TopKParams) -> data.StructLayout:
    """Return a place of the ranking: ``value``, ``index``, and ``used`` (0: sequence too short)."""
    return data.StructLayout(
        {"value": signed(params.value_bits), "index": params.index_bits, "used": 1}
    )


class TopK(StreamOperator):
    """The ``count`` largest of a sequence, largest first; one cycle after its last number.

    Ports: ``i``, stream of ``value`` (value_bits, signed) and ``last``;
    ``o``, stream of an array of ``count`` ``entry_layout``, place 0 the largest; the fields of
    an unused place are 0.
    """

    def __init__(self, params: TopKParams) -> None:
        self.params = params
        number = data.StructLayout({"value": signed(params.value_bits), "last": 1})
        super().__init__(number, data.ArrayLayout(entry_layout(params), params.count), 1)
        self.index = Signal(params.index_bits)
        self.first = Signal(init=1)
        self.places = [Signal(entry_layout(params), name=f"place_{n}") for n in range(params.count)]

    def datapath(self, m: Module) -> Value:
        """Each place keeps its entry, takes the new number, or its upper neighbour's entry."""
        new = Signal(entry_layout(self.params))
        m.d.comb += [
            new.value.eq(self.i.payload.value),
            new.index.eq(Mux(self.first, 0, self.index)),
            new.used.eq(1),
        ]
        with m.If(self.i.valid):
            m.d.sync += [
                self.first.eq(self.i.payload.last),
                self.index.eq(new.index + 1),
            ]
            upper: Value | None = None
            beaten_above: Value | None = None
            for place in self.places:
                beaten = Signal(name=f"{place.as_value().name}_beaten")
                m.d.comb += beaten.eq(self.first | ~place.used | (new.value > place.value))
                with m.If(beaten):
                    m.d.sync += place.eq(new)
                if upper is not None and beaten_above is not None:
                    with m.If(beaten_above):
                        m.d.sync += place.eq(Mux(self.first, 0, upper))
                upper, beaten_above = place.as_value(), beaten
        return Cat(place.as_value() for place in self.places)

    def emits(self, m: Module) -> Value:
        """The ranking leaves after the last number."""
        return self.i.payload.last
