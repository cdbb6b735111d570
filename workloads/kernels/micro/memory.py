"""Latency and bandwidth of shared memory, L1, L2 and device memory; atomics."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.kernels.micro.kernel import Bench, cycles, latency, rate
from workloads.kernels.micro.text import Loop, registers

# what: (load, bytes of the chased footprint, links a round, rounds)
CHASES = {
    "l1": ("ld.global.ca.u64", 16 << 10, 32, 16),
    "l2": ("ld.global.cg.u64", 1 << 20, 32, 64),
    "global": ("ld.global.cg.u64", 512 << 20, 32, 64),
}
SMS = 132


def chase(record: dict[str, Any]) -> Bench:
    """Pointer chase by one thread; ``what`` is l1, l2, global or shared."""
    if record["what"] == "shared":
        return _shared_chase(record)
    load, footprint, unroll, rounds = CHASES[record["what"]]
    footprint = int(record.get("bytes", footprint))
    stride = int(record.get("stride", 128 if footprint <= (64 << 20) else 4096))
    nodes = footprint // stride

    def fill(data: np.ndarray, address: int) -> None:
        order = np.random.default_rng(7).permutation(nodes).astype(np.uint64) * np.uint64(stride)
        words = data.view(np.uint64)
        words[(order // np.uint64(8)).astype(np.int64)] = np.roll(order, -1) + np.uint64(address)

    loop = Loop(
        [f"{load} %p, [%p];"] * unroll,
        [".reg .b64 %p;"],
        ["mov.u64 %p, %data;"],
        (),
        ["cvt.u32.u64 %sink, %p;"],
    )
    column = 0 if record["what"] == "global" else 2

    def value(clocks: np.ndarray, us: float) -> float:
        return float((clocks[:, column + 1] - clocks[:, column]).mean()) / (rounds * unroll)

    return Bench(record, loop, 1, 1, rounds, "clk", value, words=footprint // 4, fill=fill)


def _shared_chase(record: dict[str, Any]) -> Bench:
    """Every lane chases its own word; ``ways`` lanes share a bank."""
    ways = int(record.get("ways", 1))
    setup = [
        f"mul.lo.u32 %q, %lane, {4 * ways};", "add.u32 %q, %q, %smem;",
        "st.shared.u32 [%q], %q;", "bar.sync 0;",
    ]  # fmt: skip
    loop = Loop(
        ["ld.shared.u32 %q, [%q];"] * 32, [".reg .b32 %q;"], setup, (), ["mov.u32 %sink, %q;"]
    )
    return Bench(
        record, loop, 1, 32, 16, "clk", latency(32 * 16), smem_bytes=128 * ways + 1024
    )  # fmt: skip


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


def stream(record: dict[str, Any]) -> Bench:
    """Bandwidth of ``what``: every thread of full SMs reads (or writes) vectors in turn."""
    what = record["what"]
    space, _, size = STREAMS[what]
    threads = int(record.get("threads", 1024))
    unroll, stride = 4, int(record.get("stride", 1))
    whole = space != "shared" and not what.startswith("l1_")
    ctas = int(record.get("ctas", (2 * SMS if whole else 1)))
    rounds = 64 if not whole else 32
    step = threads * size * stride
    window = unroll * step
    declare = [".reg .b64 %p, %o, %end;", ".reg .b32 %q, %k, %cta;", registers("b32", "v", 16)]
    zero = [f"mov.u32 %v{i}, {i};" for i in range(16)] if "write" in what else []
    setup = [f"mul.lo.u32 %k, %tid, {size * stride};", "add.u32 %q, %k, %smem;",
             "cvt.u64.u32 %o, %k;", "add.u64 %p, %data, %o;", *zero]  # fmt: skip
    body = _stream_body(what, unroll, step)
    words = window // 4
    if whole:
        reach = int(record.get("bytes", (16 << 20) if what.startswith("l2") else (4 << 30)))
        per_cta = reach // ctas
        rounds = min(per_cta // window, 4096)
        setup += ["mov.u32 %cta, %ctaid.x;", f"mul.wide.u32 %o, %cta, {per_cta & ~127};",
                  "add.u64 %p, %p, %o;", "mov.u64 %o, %p;"]  # fmt: skip
        body += [f"add.u64 %p, %p, {window};"]
        words = reach // 4
    before = ["bar.sync 0;", *(["mov.u64 %p, %o;"] if whole else [])]
    loop = Loop(body, declare, setup, ("bar.sync 0;",), (), before)
    amount = float(threads * size * unroll * rounds)
    warps = threads // 32
    if what.startswith("dram"):
        return Bench(record, loop, ctas, threads, rounds, "GB/s",
                     lambda clocks, us: 2 * amount * ctas / us / 1e3, words=words)  # fmt: skip
    value = rate(amount, warps)
    if what.startswith("l2"):
        return Bench(record, loop, ctas, threads, rounds, "B/clk",
                     lambda clocks, us: amount * ctas / float(np.mean(cycles(clocks, warps))),
                     words=words)  # fmt: skip
    smem = window if space == "shared" else 0
    return Bench(record, loop, ctas, threads, rounds, "B/clk/SM", value, words=max(words, 64),
                 smem_bytes=smem)  # fmt: skip


ATOMICS = {
    "global_add": "atom.global.add.u32 %v, [%p], 1;",
    "global_red": "red.global.add.u32 [%p], 1;",
    "global_add_f32": "atom.global.add.f32 %f, [%p], 0f3F800000;",
    "global_cas": "atom.global.cas.b32 %v, [%p], %v, %tid;",
    "shared_add": "atom.shared.add.u32 %v, [%q], 1;",
    "shared_red": "red.shared.add.u32 [%q], 1;",
    "shared_cas": "atom.shared.cas.b32 %v, [%q], %v, %tid;",
    "shared_add_f32": "atom.shared.add.f32 %f, [%q], 0f3F800000;",
}


def atomic(record: dict[str, Any]) -> Bench:
    """Atomics of ``warps`` warps on ``ctas`` SMs; lanes are ``stride`` words apart (0: one
    address); latency makes each wait for the one before, rate does not."""
    what, stride = record["what"], int(record.get("stride", 1))
    warps, ctas = int(record.get("warps", 1)), int(record.get("ctas", 1))
    chained = record["bench"] == "atomic_latency"
    setup = [f"mul.lo.u32 %k, %tid, {4 * stride};", "cvt.u64.u32 %o, %k;",
             "add.u64 %p, %data, %o;", "add.u32 %q, %smem, %k;", "mov.u32 %v, 0;",
             "mov.u32 %w, 0;"]  # fmt: skip
    link = [ATOMICS[what]]
    if chained:  # the next address depends on what came back
        link += ["cvt.rzi.u32.f32 %v, %f;"] if "f32" in what else []
        link += ["shr.u32 %w, %v, 31;", "cvt.u64.u32 %o, %w;", "add.u64 %p, %p, %o;",
                 "add.u32 %q, %q, %w;"]  # fmt: skip
    elif "red" not in what:
        link += ["xor.b32 %sink, %sink, %v;"] if "f32" not in what else []
    loop = Loop(
        link * 8, [".reg .b64 %p, %o;", ".reg .b32 %q, %k, %v, %w;", ".reg .f32 %f;"], setup,
        ("bar.sync 0;",), ["xor.b32 %sink, %sink, %v;"],
    )  # fmt: skip
    span = 128 * max(1, 32 * warps * stride // 32) + 128
    rounds = 16
    common = {"words": span // 4 + 64, "smem_bytes": span if "shared" in what else 0}
    if chained:
        return Bench(record, loop, ctas, 32 * warps, rounds, "clk", latency(8 * rounds), **common)
    value = rate(32.0 * warps * 8 * rounds * ctas, warps)
    return Bench(record, loop, ctas, 32 * warps, rounds, "lanes/clk", value, **common)


def l2_map(record: dict[str, Any]) -> Bench:
    """Every SM times a load of each of ``lines`` lines that lie in L2: near and far halves."""
    lines, stride = int(record.get("lines", 256)), 4096 + 128
    results = lines * stride
    setup = ["mov.u32 %k, %ctaid.x;", f"mul.wide.u32 %o, %k, {4 * lines};",
             f"add.u64 %o, %o, {results};", "add.u64 %o, %data, %o;"]  # fmt: skip
    body = [
        "mov.u64 %t, %clock64;", "ld.global.cg.u32 %v, [%p];", "st.shared.u32 [%smem], %v;",
        "mov.u64 %s, %clock64;", "sub.u64 %t, %s, %t;", "cvt.u32.u64 %v, %t;",
        "st.global.u32 [%r], %v;", f"add.u64 %p, %p, {stride};", "add.u64 %r, %r, 4;",
    ]  # fmt: skip
    loop = Loop(body, [".reg .b64 %p, %o, %r, %s, %t;", ".reg .b32 %k, %v;"], setup,
                before=("mov.u64 %p, %data;", "mov.u64 %r, %o;", "bar.sync 0;"))  # fmt: skip

    def read(clocks: np.ndarray, words: np.ndarray) -> dict[str, Any]:
        table = words[results // 4 :][: SMS * lines].reshape(SMS, lines).astype(np.int64)
        counts = np.bincount(np.minimum(table, 1023).ravel() // 4, minlength=256)
        return {
            "sms": clocks[:, 4].tolist(), "sm_mean": table.mean(1).round(1).tolist(),
            "histogram_4clk": counts.tolist(), "quantiles": np.percentile(
                table, (1, 5, 10, 25, 50, 75, 90, 95, 99)).tolist(),
        }  # fmt: skip

    return Bench(record, loop, SMS, 1, lines, "clk", latency(lines),
                 words=results // 4 + SMS * lines, smem_bytes=120 << 10,
                 extra={"read": read})  # fmt: skip
