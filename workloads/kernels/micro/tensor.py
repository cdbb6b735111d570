"""Tensor-core instructions: mma.sync and wgmma, dense and sparse, by their PTX names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from archsim.errors import ConfigError
from workloads.kernels.micro.kernel import Bench, cycles
from workloads.kernels.micro.text import Loop, braces, registers

BITS = {
    "f64": 64, "f32": 32, "s32": 32, "tf32": 32, "f16": 16, "bf16": 16, "e4m3": 8, "e5m2": 8,
    "s8": 8, "u8": 8, "s4": 4, "u4": 4, "b1": 1,
}  # fmt: skip
SMS, BOOST_HZ = 132, 1.98e9
_NAME = re.compile(r"m(\d+)n(\d+)k(\d+)")


@dataclass(frozen=True)
class Shape:
    """What an instruction's name says: tile, types of D, A, B (and C), sparsity."""

    m: int
    n: int
    k: int
    types: tuple[str, ...]
    sparse: bool

    @property
    def flops(self) -> float:
        """Multiplications and additions of one instruction, pruned ones included."""
        return 2.0 * self.m * self.n * self.k


def parse(instr: str) -> Shape:
    """The shape in an instruction's name; raises ConfigError when there is none."""
    found = _NAME.search(instr)
    kinds = tuple(part for part in instr.split(".") if part in BITS)
    if not found or len(kinds) < 3 or not instr.startswith(("mma.", "wgmma.")):
        raise ConfigError(f"instr must name an mma.sync or wgmma of PTX, not {instr!r}")
    sparse = ".sp" in instr
    return Shape(*(int(part) for part in found.groups()), kinds, sparse)


def _mma_registers(shape: Shape) -> tuple[int, int, int, int]:
    """32-bit registers a lane of D, A, B (fp64: 64-bit) and the operand width in bits."""
    wide = 64 if shape.types[0] == "f64" else 32
    d = shape.m * shape.n * BITS[shape.types[0]] // 32 // wide
    a = shape.m * shape.k * BITS[shape.types[1]] // 32 // wide // (2 if shape.sparse else 1)
    b = shape.k * shape.n * BITS[shape.types[2]] // 32 // wide
    return max(d, 1), max(a, 1), max(b, 1), wide


def _constants(name: str, count: int, wide: int, random: bool) -> list[str]:
    """Zeros, or bits that differ by lane and register and are finite in every type."""
    if wide == 64:
        return [f"mov.b64 %{name}{i}, 0;" for i in range(count)]
    if not random:
        return [f"mov.b32 %{name}{i}, 0;" for i in range(count)]
    lines = []
    for i in range(count):
        lines += [
            f"mad.lo.u32 %{name}{i}, %tid, {2654435761 % 2**31 + 97 * i}, {40503 * (i + 1)};",
            f"and.b32 %{name}{i}, %{name}{i}, 0xb7b7b7b7;",
        ]
    return lines


def mma(record: dict[str, Any]) -> Bench:
    """``mma_latency``: clocks of one round of ``ilp`` independent instructions in each of
    ``warps`` warps; ``mma_throughput``: TFLOPS of 132 such SMs at 1980 MHz."""
    instr = record["instr"]
    shape = parse(instr)
    ilp, warps = int(record.get("ilp", 1)), int(record.get("warps", 1))
    d, a, b, wide = _mma_registers(shape)
    kind = {"f32": "f32", "f64": "f64"}.get(shape.types[0], "b32")
    kind_in = "f64" if wide == 64 else "b32"
    random = record.get("data", "zero") == "random"
    inputs = [registers(kind_in, "a", a), registers(kind_in, "b", b)]
    declare = [registers(kind, "d", d * ilp), *inputs, ".reg .b32 %meta, %u;"]
    move = {"f32": "mov.f32 {0}, 0f00000000;", "f64": "mov.f64 {0}, 0d0000000000000000;"}
    setup = [move.get(kind, "mov.b32 {0}, 0;").format(f"%d{i}") for i in range(d * ilp)]
    if wide == 64:
        setup += [f"mov.f64 %{x}{i}, 0d0000000000000000;" for x, n in (("a", a), ("b", b))
                  for i in range(n)]  # fmt: skip
    else:
        setup += _constants("a", a, wide, random) + _constants("b", b, wide, random)
    setup += ["mov.u32 %meta, 0x44444444;"]
    more = ", %meta, 0x0" if shape.sparse else ""
    body = []
    for i in range(ilp):
        regs = braces("d", d, i * d)
        body.append(f"{instr} {regs}, {braces('a', a)}, {braces('b', b)}, {regs}{more};")
    repeat = max(1, 16 // ilp)
    cast = {"f32": "mov.b32 %u, {0};", "f64": "cvt.rzi.u32.f64 %u, {0};"}.get(
        kind, "mov.b32 %u, {0};"
    )
    sink = [line for i in range(d * ilp)
            for line in (cast.format(f"%d{i}"), "xor.b32 %sink, %sink, %u;")]  # fmt: skip
    rounds = 64
    loop = Loop(body * repeat, declare, setup, (), sink)
    total = rounds * repeat

    def value(clocks: np.ndarray, us: float) -> float:
        span = float(np.mean(cycles(clocks, warps))) / total
        if record["bench"] == "mma_latency":
            return span
        return shape.flops * ilp * warps / span * SMS * BOOST_HZ / 1e12

    unit = "clk" if record["bench"] == "mma_latency" else "TFLOPS"
    return Bench(record, loop, 1, 32 * warps, rounds, unit, value)


def _descriptor_lines(name: str, offset: int) -> list[str]:
    """A shared-memory descriptor without swizzle: 128-byte core matrices 128 and 256 apart."""
    return [
        f"add.u32 %u, %smem, {offset};", "shr.u32 %u, %u, 4;", "and.b32 %u, %u, 0x3fff;",
        f"cvt.u64.u32 %{name}, %u;", f"or.b64 %{name}, %{name}, {(8 << 16) | (16 << 32)};",
    ]  # fmt: skip


def _fill_shared(size: int, random: bool, threads: int) -> list[str]:
    value = (["mad.lo.u32 %u, %k, 2654435761, 12345;", "and.b32 %u, %u, 0xb7b7b7b7;"]
             if random else ["mov.u32 %u, 0;"])  # fmt: skip
    return [
        "mov.u32 %k, %tid;", "FILL:", *value, "shl.b32 %w, %k, 2;", "add.u32 %w, %w, %smem;",
        "st.shared.u32 [%w], %u;", f"add.u32 %k, %k, {threads};",
        f"setp.lt.u32 %more, %k, {size // 4};", "@%more bra FILL;",
        "fence.proxy.async.shared::cta;", "bar.sync 0;",
    ]  # fmt: skip


def wgmma(record: dict[str, Any]) -> Bench:
    """``wgmma_latency``: clocks an instruction, one warp group, groups of ``ilp`` in flight;
    ``wgmma_throughput``: TFLOPS of the whole GPU at the clock it holds; ``wgmma_clocks``: the same
    launch by the SMs' own clocks."""
    instr = record["instr"]
    shape = parse(instr)
    operands, random = record.get("operands", "ss"), record.get("data", "zero") == "random"
    single = record["bench"] == "wgmma_latency"
    groups = int(record.get("warpgroups", 1 if single else 2))
    ilp = int(record.get("ilp", 16))
    wide = shape.types[0] in ("f32", "s32")
    d = shape.n // 2 if wide else shape.n // 4
    kind = {"f32": "f32"}.get(shape.types[0], "b32")
    a_bytes = shape.m * shape.k * BITS[shape.types[1]] // 8 // (2 if shape.sparse else 1)
    b_bytes = shape.k * shape.n * BITS[shape.types[2]] // 8
    declare = [registers(kind, "d", d), registers("b32", "a", 4), ".reg .b64 %da, %db;",
               ".reg .b32 %u, %k, %w, %meta;", ".reg .pred %acc;"]  # fmt: skip
    setup = _fill_shared(a_bytes + b_bytes, random, 128 * groups)
    setup += _descriptor_lines("da", 0) + _descriptor_lines("db", a_bytes)
    zero = "mov.f32 {0}, 0f00000000;" if kind == "f32" else "mov.b32 {0}, 0;"
    setup += [zero.format(f"%d{i}") for i in range(d)] + _constants("a", 4, 32, random)
    setup += ["mov.u32 %meta, 0x44444444;", "setp.eq.u32 %acc, 0, 0;"]
    first = "%da" if operands == "ss" else braces("a", 4)
    meta = ", %meta, 0" if shape.sparse else ""
    transpose = ""
    if shape.types[0] != "s32":
        transpose = ", 1, 1"
        if BITS[shape.types[1]] == 16:
            transpose += ", 0, 0" if operands == "ss" else ", 0"
    line = f"{instr} {braces('d', d)}, {first}, %db{meta}, %acc{transpose};"
    body = ["wgmma.fence.sync.aligned;", *([line] * ilp), "wgmma.commit_group.sync.aligned;"]
    body += ["wgmma.wait_group.sync.aligned 0;"]
    sink = [x for i in range(0, d, 8) for x in (f"mov.b32 %u, %d{i};", "xor.b32 %sink, %sink, %u;")]
    rounds = max(1, (256 if single else int(record.get("count", 100000))) // ilp)
    clocked = record["bench"] == "wgmma_clocks"
    loop = Loop(body, declare, setup, (), sink)
    warps = 4 * groups

    def value(clocks: np.ndarray, us: float) -> float:
        if single:
            return float(np.mean(cycles(clocks, warps))) / (rounds * ilp)
        if clocked:
            return float(np.mean(cycles(clocks, warps))) / (rounds * ilp * groups)
        return 2 * shape.flops * rounds * ilp * groups * SMS / us / 1e6

    return Bench(record, loop, 1 if single else SMS, 128 * groups, rounds,
                 "clk" if single or clocked else "TFLOPS", value,
                 smem_bytes=a_bytes + b_bytes + 1024,
                 arch="sm_90a", value_in_time=not single and not clocked,
                 extra={"alone": True})  # fmt: skip
