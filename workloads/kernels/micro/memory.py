"""Latency and bandwidth of shared memory, L1, L2 and device memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.errors import ConfigError
from workloads.kernels.micro.kernel import Bench, cycles, latency, rate
from workloads.kernels.micro.text import Loop, registers

# what: (load, bytes of the chased footprint)
CHASES = {
    "l1": ("ld.global.ca.u64", 16 << 10),
    "l2": ("ld.global.cg.u64", 1 << 20),
    "global": ("ld.global.cg.u64", 512 << 20),
}
UNROLL, MOST_NODES, LINE = 32, 2048, 128
SMS = 132


def chase(record: dict[str, Any]) -> Bench:
    """Pointer chase by one thread over random lines of ``bytes``; ``what`` is l1, l2, global or
    a chase of every lane (`OWN_CHASES`). Both passes visit every line; global counts the cold
    one."""
    if record["what"] in OWN_CHASES:
        return _own_chase(record)
    load, footprint = CHASES[record["what"]]
    footprint = int(record.get("bytes", footprint))
    if footprint < LINE * UNROLL:
        raise ConfigError(f"bytes must be at least {LINE * UNROLL}, not {footprint}")
    nodes = min(footprint // LINE, MOST_NODES)

    def fill(data: np.ndarray, address: int) -> None:
        rng = np.random.default_rng(7)
        lines = rng.choice(footprint // LINE, nodes, replace=False).astype(np.uint64)
        lines[np.argmin(lines)] = 0
        order = lines * np.uint64(LINE)
        order = np.roll(order, -int(np.argmin(order)))
        data.view(np.uint64)[(order // np.uint64(8)).astype(np.int64)] = np.roll(
            order, -1
        ) + np.uint64(address)

    loop = Loop(
        [f"{load} %p, [%p];"] * UNROLL,
        [".reg .b64 %p;"],
        ["mov.u64 %p, %data;"],
        (),
        ["cvt.u32.u64 %sink, %p;"],
    )
    rounds = nodes // UNROLL
    column = 0 if record["what"] == "global" else 2

    def value(clocks: np.ndarray, us: float) -> float:
        return float((clocks[:, column + 1] - clocks[:, column]).mean()) / (rounds * UNROLL)

    return Bench(record, loop, 1, 1, rounds, "clk", value, words=footprint // 4, fill=fill)


# what: (load that follows %q or %p, bytes a lane)
OWN_CHASES = {
    "shared": ("ld.shared.u32 %q, [%q];", 4),
    "shared_vec2": ("ld.shared.v2.u32 {%q, %u}, [%q]; xor.b32 %s, %s, %u;", 8),
    "shared_vec4": ("ld.shared.v4.u32 {%q, %u, %v, %w}, [%q]; xor.b32 %s, %s, %w;", 16),
    "shared_index": (
        "{.reg .b32 %t; shl.b32 %t, %q, 2; add.u32 %t, %t, %smem; ld.shared.u32 %q, [%t];}", 4
    ),
    "shared_u64": ("ld.shared.u64 %p, [%p];", 8), "shared_generic": ("ld.u64 %p, [%p];", 8),
    "l1_own": ("ld.global.ca.u64 %p, [%p];", 8), "l2_own": ("ld.global.cg.u64 %p, [%p];", 8),
    "l1_own_vec2": ("ld.global.ca.v2.u64 {%p, %o}, [%p]; xor.b64 %t, %t, %o;", 16),
    "l2_own_vec2": ("ld.global.cg.v2.u64 {%p, %o}, [%p]; xor.b64 %t, %t, %o;", 16),
}  # fmt: skip


def _own_chase(record: dict[str, Any]) -> Bench:
    """Every lane chases its own word; ``ways`` lanes share a bank. ``shared_index`` scales an
    index before each load, ``shared_u64`` and ``shared_generic`` load by 64-bit pointers, names
    with vec load 8 or 16 bytes a lane, names with own from L1 or L2."""
    ways, what = int(record.get("ways", 1)), record["what"]
    if ways < 1:
        raise ConfigError(f"ways must be at least 1, not {ways}")
    link, size = OWN_CHASES[what]
    setup = [f"mul.lo.u32 %q, %lane, {size * ways};", "cvt.u64.u32 %o, %q;",
             "add.u32 %q, %q, %smem;"]  # fmt: skip
    if what == "shared_index":
        setup += ["st.shared.u32 [%q], %lane;", "mov.u32 %q, %lane;"]
    elif "own" in what:
        setup += ["add.u64 %p, %data, %o;", "st.global.u64 [%p], %p;"]
    elif what == "shared_u64":
        setup += ["cvt.u64.u32 %p, %q;", "st.shared.u64 [%p], %p;"]
    elif what == "shared_generic":
        setup += ["cvt.u64.u32 %p, %q;", "cvta.shared.u64 %p, %p;", "st.u64 [%p], %p;"]
    else:
        setup += ["st.shared.u32 [%q], %q;"]
    sink = ["cvt.u32.u64 %sink, %p;" if "%p" in link else "mov.u32 %sink, %q;"]
    if "vec" in what:  # what nobody uses is not loaded
        sink += ["cvt.u32.u64 %u, %t;", "xor.b32 %sink, %sink, %u;", "xor.b32 %sink, %sink, %s;"]
    loop = Loop(
        [link] * UNROLL, [".reg .b32 %q, %u, %v, %w, %s;", ".reg .b64 %p, %o, %t;"],
        [*setup, "mov.u32 %s, 0;", "mov.u64 %t, 0;", "bar.sync 0;"], (), sink,
    )  # fmt: skip
    return Bench(record, loop, 1, 32, 16, "clk", latency(UNROLL * 16),
                 words=8 * size * ways, smem_bytes=32 * size * ways + 1024)  # fmt: skip


# what: (space, vector, bytes a lane); each thread walks a window and sums into sinks
STREAMS = {
    "l1_u32": ("global.ca", "u32", 4), "l1_vec2": ("global.ca", "v2.u32", 8),
    "l1_vec4": ("global.ca", "v4.u32", 16), "l2": ("global.cg", "v4.u32", 16),
    "l2_u32": ("global.cg", "u32", 4), "shared": ("shared", "v4.u32", 16),
    "shared_u32": ("shared", "u32", 4), "shared_vec2": ("shared", "v2.u32", 8),
    "dram": ("global.cs", "v4.u32", 16), "dram_write": ("global", "v4.u32", 16),
    "l2_write": ("global", "v4.u32", 16), "shared_write": ("shared", "v4.u32", 16),
    "l1_write_u32": ("global", "u32", 4), "shared_write_u32": ("shared", "u32", 4),
}  # fmt: skip


def _vector(kind: str, name: str, index: int) -> str:
    count = {"u32": 1, "v2.u32": 2, "v4.u32": 4}[kind]
    if count == 1:
        return f"%{name}{4 * index}"
    return "{" + ", ".join(f"%{name}{4 * index + i}" for i in range(count)) + "}"


def _stream_body(what: str, unroll: int, step: int) -> list[str]:
    """``unroll`` accesses ``step`` bytes apart; what was loaded a round ago is summed first."""
    space, kind, size = STREAMS[what]
    base = "%q" if space == "shared" else "%p"
    lines = []
    for i in range(unroll):
        if "write" in what:
            lines.append(f"st.{space}.{kind} [{base}+{i * step}], {_vector(kind, 'v', i)};")
        else:
            lines.append(f"ld.{space}.{kind} {_vector(kind, 'v', i)}, [{base}+{i * step}];")
    for i in range(0 if "write" in what else unroll):
        lines += [f"xor.b32 %sink, %sink, %v{4 * i + j};" for j in range(max(1, size // 4))]
    return lines


def _extent(record: dict[str, Any], whole: bool, window: int, ctas: int) -> tuple[int, int]:
    """(rounds, bytes that all CTAs walk) of a stream by windows of ``window`` bytes."""
    what, threads = record["what"], int(record.get("threads", 1024))
    reach = int(record.get("bytes", (16 << 20) if what.startswith("l2") else (4 << 30)))
    if not 32 <= threads <= 1024 or threads % 32:
        raise ConfigError(f"threads must be whole warps up to 1024, not {threads}")
    if ctas < 1 or window < 1:
        name, value = ("ctas", ctas) if ctas < 1 else ("stride", record["stride"])
        raise ConfigError(f"{name} must be at least 1, not {value}")
    if whole and (reach < window or reach & (reach - 1)):
        raise ConfigError(f"bytes must be a power of two from {window} on, not {reach}")
    rounds = int(record.get("rounds", 32 if whole else 64))
    if what.startswith("dram"):
        rounds = min(reach // ctas // window, 4096)
        if rounds < 1:
            raise ConfigError(f"ctas must leave each {window} of the {reach} bytes, not be {ctas}")
    if rounds < 1:
        raise ConfigError(f"rounds must be at least 1, not {rounds}")
    return rounds, reach


def stream(record: dict[str, Any]) -> Bench:
    """Bandwidth of ``what``: every thread of full SMs reads (or writes) vectors in turn."""
    what = record["what"]
    space, _, size = STREAMS[what]
    threads = int(record.get("threads", 1024))
    unroll, stride = 4, int(record.get("stride", 1))
    whole = space != "shared" and not what.startswith("l1_")
    ctas = int(record.get("ctas", (2 * SMS if whole else 1)))
    step = threads * size * stride
    window = unroll * step
    rounds, reach = _extent(record, whole, window, ctas)
    declare = [".reg .b64 %p, %o, %at, %step;", ".reg .b32 %q, %k, %cta;",
               registers("b32", "v", 16)]  # fmt: skip
    zero = [f"mov.u32 %v{i}, {i};" for i in range(16)] if "write" in what else []
    setup = [f"mul.lo.u32 %k, %tid, {size * stride};", "add.u32 %q, %k, %smem;",
             "cvt.u64.u32 %o, %k;", "add.u64 %p, %data, %o;", "cvt.u64.u32 %step, %arg;",
             "mov.u64 %o, %p;", "mov.u64 %at, 0;", *zero]  # fmt: skip
    body = _stream_body(what, unroll, step)
    words = window // 4
    if whole:  # every CTA walks the whole reach from its own place
        start = reach // ctas // window * window if what.startswith("dram") else 7 * window
        setup += ["mov.u32 %cta, %ctaid.x;", f"mul.wide.u32 %at, %cta, {start};",
                  f"and.b64 %at, %at, {reach - 1};"]  # fmt: skip
        body = ["add.u64 %p, %o, %at;", *body, f"add.u64 %at, %at, {window};",
                f"and.b64 %at, %at, {reach - 1};"]  # fmt: skip
        words = reach // 4 + window // 4
    else:  # the address moves by an amount that the compiler does not know (it is 0)
        body += ["add.u32 %q, %q, %arg;" if space == "shared" else "add.u64 %p, %p, %step;"]
    loop = Loop(body, declare, setup, ("bar.sync 0;",))
    amount = float(threads * size * unroll * rounds)
    warps = threads // 32
    if what.startswith("dram"):
        return Bench(record, loop, ctas, threads, rounds, "GB/s",
                     lambda clocks, us: 2 * amount * ctas / us / 1e3, words=words,
                     value_in_time=True)  # fmt: skip
    value = rate(amount, warps)
    if what.startswith("l2"):
        return Bench(record, loop, ctas, threads, rounds, "B/clk",
                     lambda clocks, us: amount * ctas / float(np.mean(cycles(clocks, warps))),
                     words=words)  # fmt: skip
    smem = window if space == "shared" else 0
    return Bench(record, loop, ctas, threads, rounds, "B/clk/SM", value, words=max(words, 64),
                 smem_bytes=smem)  # fmt: skip
