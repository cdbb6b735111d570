"""Rigid pipelines: all registers of a unit move together, or none does."""

from __future__ import annotations

from abc import abstractmethod

from amaranth.hdl import Cat, EnableInserter, Module, ShapeLike, Signal, Value, ValueLike, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import delayed


class RigidUnit(wiring.Component):
    """A unit from stream ``i`` to stream ``o`` whose registers move while ``o`` is free or taken.

    A subclass builds everything in ``build``, in a module whose registers move only then, and
    returns the valid and payload of ``o``, which must come from registers. It may hold back the
    input through ``hold``.

    Ports: ``i``, stream of ``shape_in``, in; ``o``, stream of ``shape_out``, out.
    """

    def __init__(self, shape_in: ShapeLike, shape_out: ShapeLike) -> None:
        super().__init__(
            {"i": In(stream.Signature(shape_in)), "o": Out(stream.Signature(shape_out))}
        )
        self.advance = Signal()
        self.hold = Signal()
        self.take = Signal()
        """A word enters in this cycle, if the unit moves."""

    @abstractmethod
    def build(self, m: Module) -> tuple[Value, Value]:
        """Add the registers to ``m``; return valid and payload of the output."""

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        inner = Module()
        valid, payload = self.build(inner)
        m.d.comb += [
            self.o.valid.eq(valid),
            Value.cast(self.o.payload).eq(payload),
            self.advance.eq(~self.o.valid | self.o.ready),
            self.take.eq(self.i.valid & ~self.hold),
            self.i.ready.eq(self.advance & ~self.hold),
        ]
        m.submodules.inner = EnableInserter(self.advance)(inner)
        return m


def operate(m: Module, operator: wiring.Component, name: str, value: ValueLike) -> Value:
    """Put a ``StreamOperator`` on ``value``, always moving with ``m``; return its result."""
    m.submodules[name] = operator
    m.d.comb += [
        Value.cast(operator.i.payload).eq(value),
        operator.i.valid.eq(1),
        operator.o.ready.eq(1),
    ]
    return operator.o.payload


def later(m: Module, cycles: int, name: str, *values: Value) -> list[Value]:
    """Return ``values`` ``cycles`` later, signs kept."""
    line = Signal(sum(len(v) for v in values), name=f"{name}_in")
    m.d.comb += line.eq(Cat(Value.cast(v).as_unsigned() for v in values))
    out = delayed(m, line, cycles, name)
    found, at = [], 0
    for value in values:
        part = out[at : at + len(value)]
        is_signed = Value.cast(value).shape().signed
        found.append(part.as_signed() if is_signed else part)
        at += len(value)
    return found


def registered(m: Module, value: Value, name: str) -> Signal:
    """Return ``value`` in a register."""
    shape = signed(len(value)) if value.shape().signed else len(value)
    register = Signal(shape, name=name)
    m.d.sync += register.eq(value)
    return register
