"""The neural field processor as ``hdl.generate`` wants every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archsim.config.ngpc_params import NfpParams, padded
from archsim.config.ngpc_schedule import schedule
from archsim.errors import ConfigError
from hdl.ngpc.emit import CORE, TOP, emit, emit_core
from hdl.ngpc.handoff import handoff as files
from hdl.ngpc.processor import engine_latency, memory_words
from hdl.ngpc.registers import registers
from hdl.rtl import Rtl

MOST_PROCESSORS = 16
"""Processors of one Verilog text."""
MOST_WORDS = 1 << 20
"""Words of an engine's memory beyond which no part, and no simulation, holds it."""


def check(params: NfpParams) -> None:
    """Raise ``ConfigError`` where the processor cannot be made."""
    p = params
    outputs = padded(p.mlps[-1].outputs)
    largest = max(memory_words(p, e) for e in range(p.engines))
    rules = (
        ("encoding.levels_per_engine", p.levels_per_engine,
         p.grid.levels % p.levels_per_engine == 0, f"a divisor of grid.levels ({p.grid.levels})"),
        ("encoding.levels_per_engine", p.levels_per_engine,
         p.banks == 1 or p.levels_per_engine == 1,
         f"1 with {p.banks} banks (levels take turns on an engine with one bank)"),
        ("cluster.processors", p.processors,
         p.processors & (p.processors - 1) == 0 and p.processors <= MOST_PROCESSORS,
         f"a power of two up to {MOST_PROCESSORS}"),
        ("perceptron.columns", p.mlp_columns, p.mlp_columns >= outputs,
         f"at least the outputs, padded ({outputs})"),
        ("grid.log2_entries", p.grid.log2_entries, largest <= MOST_WORDS,
         f"such that an engine's memory has at most {MOST_WORDS} words ({largest})"),
    )  # fmt: skip
    for name, value, good, rule in rules:
        if not good:
            raise ConfigError(f"device.{name} must be {rule} for RTL, not {value}")


def rtl(params: NfpParams) -> Rtl:
    """Return the processor with its AXI ports; see ``check``."""
    check(params)
    plan = schedule(params)
    return Rtl(
        params=params,
        top=TOP,
        verilog=emit(params),
        latency={
            "encoding": engine_latency(params),
            "perceptron_round": plan.round_cycles,
            "round_slots": plan.slots,
        },
        counters={
            r.name: r.offset for r in registers(params) if r.text.startswith("counter")
        },
    )  # fmt: skip


def synthesis_top(params: NfpParams, top: str, ecp5: bool) -> tuple[str, str]:
    """Return module name and Verilog of ``top`` (core or axi), for an ECP5 part or another."""
    check(params)
    multiplier = "ecp5" if ecp5 else "generic"
    made = emit if top == "axi" else emit_core
    return (TOP if top == "axi" else CORE), made(params, multiplier)


def handoff(device: Any, digest: str, ports: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the hand-off files of ``device``."""
    return files(device, digest, ports)
