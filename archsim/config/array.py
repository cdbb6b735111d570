"""The device file of a systolic-array matrix engine (``machine: array``)."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from archsim.config.constant import Constant, Group, constant, rule_error
from archsim.config.device import Device
from archsim.config.matrix import LEAST_WORDS, MatrixParams

Bytes = Annotated[int, Field(ge=1, le=1 << 32)]


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise rule_error("a power of two from 1 to 128", value)
    return value


BeatBytes = Annotated[int, Field(ge=1, le=128), AfterValidator(_power_of_two)]
"""An integer, where ``Literal[1, 2, ...]`` would take ``true`` for 1."""


class Geometry(Group):
    """The array of processing elements."""

    rows: Annotated[int, Field(ge=1, le=256)]
    """Processing elements in a column: rows of the result at once."""
    columns: Annotated[int, Field(ge=1, le=256)]
    """Processing elements in a row: columns of the result at once."""
    dataflow: Literal["output_stationary", "weight_stationary"] = "output_stationary"
    """What stays in the processing elements: sums, or weights."""


class Arithmetic(Group):
    """Number formats and what happens to a finished sum."""

    format: Literal["int8", "int16", "w16a32"] = "int8"
    """Operands: both 8 bits, both 16 bits, or 16-bit weights with 32-bit activations."""
    bias: bool = True
    """Whether a bias per column is added."""
    requantise: bool = True
    """Whether sums are scaled back to the operand format; else they leave in full width."""
    activation: Literal["none", "relu", "gelu"] = "none"
    """Applied to the result; gelu is a table on int8."""
    rounding: Literal["floor", "half_up", "half_even", "half_away"] = "half_up"
    """Rounding of the requantisation."""
    table_fraction_bits: Annotated[int, Field(ge=0, le=7)] = 4
    """Fraction bits of the gelu table's input and output."""


class Buffers(Group):
    """On-chip memories."""

    a_bytes: Bytes
    """Activations (left operand)."""
    b_bytes: Bytes
    """Weights (right operand)."""
    out_bytes: Bytes
    """Results."""
    acc_bytes: Annotated[int, Field(ge=0, le=1 << 32)] = 0
    """Sums of a weight-stationary array, which needs it; 0 where they stay in the array."""


class ExternalMemory(Group):
    """The two data streams, one in and one out, and the memory behind them."""

    bytes_per_cycle: BeatBytes
    """Width of each stream, and the bandwidth of the memory behind it."""
    shared: bool = False
    """Whether reads and writes together have that bandwidth, not each of them."""


class ArrayClock(Group):
    """The one clock domain."""

    frequency_hz: Constant = constant("Hz", above=0)


class VectorUnit(Group):
    """Whatever computes softmax, normalisation and pointwise operators beside the engine."""

    flop_per_clk: Constant = constant("flop/clk", above=0)


class ArrayPower(Group):
    """Energy per event and static power."""

    mac_pj: Constant = constant("pJ", minimum=0, maximum=1e6, doc="one multiply-accumulate")
    sram_pj_per_byte: Constant = constant("pJ/B", minimum=0, maximum=1e6)
    memory_pj_per_byte: Constant = constant("pJ/B", minimum=0, maximum=1e6)
    static_w: Constant = constant("W", minimum=0)


class ArrayDevice(Device):
    """One matrix engine with its buffers, streams and clock."""

    machine: Literal["array"]
    array: Geometry
    arithmetic: Arithmetic
    buffers: Buffers
    memory: ExternalMemory
    multiplier: Literal["generic", "ecp5"] = "generic"
    """How the product is written in RTL: inferred, or an explicit ECP5 MULT18X18D."""
    clock: ArrayClock
    vector: VectorUnit
    power: ArrayPower

    def cross_checks(self) -> None:
        """Raise where buffers are too small, or a combination does not exist."""
        arithmetic = self.arithmetic
        if arithmetic.activation == "gelu" and not (
            arithmetic.requantise and arithmetic.format == "int8"
        ):
            rule = "none or relu unless format is int8 and requantise is true"
            raise rule_error(rule, "gelu", "arithmetic.activation")
        self._check_buffers()

    def _check_buffers(self) -> None:
        """Raise unless each buffer holds what the dataflow needs, and at most 2**20 words."""
        rows, stays = self.array.rows, self.array.dataflow == "weight_stationary"
        least = {
            "a_bytes": LEAST_WORDS, "b_bytes": max(LEAST_WORDS, rows * stays),
            "out_bytes": 2 if stays else max(2, rows),
        }  # fmt: skip
        if stays:
            least["acc_bytes"] = 2
        elif self.buffers.acc_bytes:
            rule = "0 where dataflow is output_stationary"
            raise rule_error(rule, self.buffers.acc_bytes, "buffers.acc_bytes")
        words = self._word_bytes
        for name, count in least.items():
            held = getattr(self.buffers, name)
            if held < count * words[name]:
                rule = f"at least {count * words[name]} ({count} words of {words[name]} bytes)"
                raise rule_error(rule, held, f"buffers.{name}")
            if held > (words[name] << 20):
                rule = f"at most {words[name] << 20} (2**20 words)"
                raise rule_error(rule, held, f"buffers.{name}")

    @property
    def _word_bytes(self) -> dict[str, int]:
        """Bytes of one word of each buffer."""
        rows = max(LEAST_WORDS, self.array.rows)
        probe = self._params(rows, rows, rows, rows)
        return {
            "a_bytes": probe.a_word_bits // 8,
            "b_bytes": probe.b_word_bits // 8,
            "out_bytes": probe.out_word_bits // 8,
            "acc_bytes": probe.columns * probe.acc_bits // 8,
        }

    @cached_property
    def params(self) -> MatrixParams:
        """What the RTL depends on; workload, clock and power do not change it."""
        words = self._word_bytes
        held = self.buffers.model_dump()
        depths = [held[f"{x}_bytes"] // words[f"{x}_bytes"] for x in ("a", "b", "out", "acc")]
        return self._params(*depths)

    def _params(self, a_depth: int, b_depth: int, out_depth: int, acc_depth: int) -> MatrixParams:
        stays = self.array.dataflow == "weight_stationary"
        return MatrixParams(
            rows=self.array.rows,
            columns=self.array.columns,
            dataflow=self.array.dataflow,
            **self.arithmetic.model_dump(),
            a_depth=a_depth,
            b_depth=b_depth,
            out_depth=max(2, out_depth),
            acc_depth=acc_depth if stays else 0,
            port_bytes=self.memory.bytes_per_cycle,
            multiplier=self.multiplier,
        )
