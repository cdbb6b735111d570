"""Ports: what chosen SMs get from L2 together, and what patterns of shared loads cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.errors import ConfigError
from workloads.kernels.micro.kernel import Bench, cycles, latency, rate
from workloads.kernels.micro.memory import SMS
from workloads.kernels.micro.text import Loop, registers

WINDOW, ROUNDS, ALONE_BYTES = 64 << 10, 64, 120 << 10
SM_NAMES = {"smid": "smid", "ctaid": "ctaid.x"}
LOADS = {"v4": ("v4.u32", 16), "u32": ("u32", 4)}
# lane's offset in bytes, of loads of {w} bytes
PATTERNS = {
    "unit": ["mul.lo.u32 {at}, %lane, {w};"],
    "uniform": ["mov.u32 {at}, 0;"],
    "half": ["shr.u32 {at}, %lane, 4;", "mul.lo.u32 {at}, {at}, 64;"],
    "half_far": ["shr.u32 {at}, %lane, 4;", "mul.lo.u32 {at}, {at}, 128;"],
    "row16": ["and.b32 {at}, %lane, 15;", "mul.lo.u32 {at}, {at}, {w};"],
    "row8": ["and.b32 {at}, %lane, 7;", "mul.lo.u32 {at}, {at}, {w};"],
    "quarter": ["shr.u32 {at}, %lane, 3;", "mul.lo.u32 {at}, {at}, {w};"],
    "pairs": ["shr.u32 {at}, %lane, 1;", "mul.lo.u32 {at}, {at}, {w};"],
}


def l2_port(record: dict[str, Any]) -> Bench:
    """Reads of the SMs ``on`` alone, a CTA each: ``reach`` bytes that all share (``share``: all)
    or each has for itself (own), as often as 64 windows of 64 KB; the sum of their bytes a clock
    in the second pass, when all of it lies in L2. ``by`` ctaid: CTAs of these numbers instead."""
    on = [int(sm) for sm in record["on"]]
    if not on or len(set(on)) < len(on):
        raise ConfigError(f"on must name SMs, each once, not {on}")
    threads, reach = int(record.get("threads", 1024)), int(record.get("bytes", 1 << 19))
    kind, size = LOADS[record.get("load", "v4")]
    own, by = record.get("share", "all") == "own", record.get("by", "smid")
    step = threads * size
    unroll = max(1, min(4, WINDOW // step))
    window = unroll * step
    rounds = ROUNDS * (WINDOW // window)
    table = (len(on) if own else 1) * reach + window
    target = "{{%v{0}, %v{1}, %v{2}, %v{3}}}" if size == 16 else "%v{0}"
    setup = [
        f"mov.u32 %k, %{SM_NAMES[by]};", "mul.wide.u32 %at, %k, 4;", "add.u64 %at, %data, %at;",
        f"add.u64 %at, %at, {table};", "ld.global.u32 %k, [%at];", "setp.eq.u32 %idle, %k, 0;",
        "@%idle exit;", "sub.u32 %k, %k, 1;", f"mul.wide.u32 %at, %k, {7 * window};",
        f"and.b64 %at, %at, {reach - 1};", f"mul.wide.u32 %o, %k, {reach if own else 0};",
        "add.u64 %o, %o, %data;", f"mul.wide.u32 %p, %tid, {size};", "add.u64 %o, %o, %p;",
    ]  # fmt: skip
    body = ["add.u64 %p, %o, %at;"]
    for i in range(unroll):
        names = target.format(*(4 * i + j for j in range(4)))
        body.append(f"ld.global.cg.{kind} {names}, [%p+{i * step}];")
    body += [f"xor.b32 %sink, %sink, %v{4 * i + j};" for i in range(unroll)
             for j in range(size // 4)]  # fmt: skip
    body += [f"add.u64 %at, %at, {window};", f"and.b64 %at, %at, {reach - 1};"]
    loop = Loop(
        body, [".reg .b64 %p, %o, %at;", ".reg .b32 %k;", ".reg .pred %idle;",
               registers("b32", "v", 16)], setup, ("bar.sync 0;",),
    )  # fmt: skip
    warps, amount = threads // 32, float(window * rounds)

    def fill(data: np.ndarray, address: int) -> None:
        for rank, sm in enumerate(on):
            data[table // 4 + sm] = rank + 1

    def passes(clocks: np.ndarray, first: int) -> Any:
        rows = clocks.reshape(-1, warps, clocks.shape[-1])
        rows = rows[rows[:, 0, 3] > 0]
        spans = rows[:, :, first + 1].max(1) - rows[:, :, first].min(1)
        return rows[:, 0, 4], amount / spans

    def read(clocks: np.ndarray, words: np.ndarray) -> dict[str, Any]:
        sms, warm = passes(clocks, 2)
        _, cold = passes(clocks, 0)
        return {"each": [[int(s), round(float(w), 2), round(float(c), 2)]
                         for s, w, c in zip(sms, warm, cold, strict=True)]}  # fmt: skip

    return Bench(
        record, loop, SMS if by == "smid" else len(on), threads, rounds, "B/clk",
        lambda clocks, us: float(passes(clocks, 2)[1].mean()) * len(on),
        words=table // 4 + 256, fill=fill, smem_bytes=ALONE_BYTES, extra={"read": read},
    )  # fmt: skip


def load_pattern(record: dict[str, Any]) -> Bench:
    """Loads a clock of ``warps`` warps of an SM, each in turn what ``loads`` lists as [bytes a
    lane, pattern of lanes, count]; ``fma`` products of what was loaded follow each turn. ``space``
    is shared or l1, where every load hits."""
    warps, products = int(record.get("warps", 32)), int(record.get("fma", 0))
    near = record.get("space", "shared") == "shared"
    register, at = ("b32", "%smem") if near else ("b64", "%data")
    setup, body, count, words = [], [], 0, 0
    for n, (width, pattern, many) in enumerate(record["loads"]):
        setup += [line.format(at="%k", w=width) for line in PATTERNS[pattern]]
        setup += [f"mov.u32 %at{n}, %k;" if near else f"cvt.u64.u32 %at{n}, %k;",
                  f"add.u{register[1:]} %at{n}, %at{n}, {at};"]  # fmt: skip
        for i in range(int(many)):
            target = {4: "%v{0}", 8: "{{%v{0}, %v{1}}}", 16: "{{%v{0}, %v{1}, %v{2}, %v{3}}}"}
            kind = {4: "b32", 8: "v2.b32", 16: "v4.b32"}[int(width)]
            names = target[int(width)].format(*(words + j for j in range(4)))
            step = 16 if pattern in ("uniform", "half", "half_far") else 512
            space = "volatile.shared" if near else "global.ca"
            body.append(f"ld.{space}.{kind} {names}, [%at{n}+{(i * step) % 4096}];")
            count, words = count + 1, words + int(width) // 4
    body += [f"fma.rn.f32 %f{i % 4}, %v{i % words}, %v{(i + 1) % words}, %f{i % 4};"
             for i in range(products)]  # fmt: skip
    if not near:  # a load whose value nobody uses is none
        body += [f"lop3.b32 %sink, %sink, %v{i}, %v{(i + 1) % words}, 0x96;"
                 for i in range(0, words, 2)]  # fmt: skip
        body += [f"add.u64 %at{n}, %at{n}, %o;" for n in range(len(record["loads"]))]
        setup.append("cvt.u64.u32 %o, %arg;")
    setup += [f"mov.f32 %f{i}, 0f00000000;" for i in range(4)]
    sink = [line for i in range(4) for line in (f"mov.b32 %k, %f{i};", "xor.b32 %sink, %sink, %k;")]
    loop = Loop(
        body, [".reg .b32 %k;", ".reg .b64 %o;", registers(register, "at", len(record["loads"])),
               registers("b32", "v", words), registers("f32", "f", 4)], setup,
        ("bar.sync 0;",), sink,
    )  # fmt: skip
    rounds = max(8, 2048 // count)
    return Bench(record, loop, 1, 32 * warps, rounds, "instr/clk/SM",
                 rate(float(warps * rounds * count), warps), words=3 << 10,
                 smem_bytes=12 << 10 if near else 0)  # fmt: skip


def placement(record: dict[str, Any]) -> Bench:
    """Which SMs the CTAs of a launch run on: ``ctas`` of ``threads``, all there at once."""
    ctas, threads = int(record["ctas"]), int(record.get("threads", 1024))
    loop = Loop(["mul.lo.u32 %sink, %sink, %tid;"] * 32, (), (), ("bar.sync 0;",))

    def read(clocks: np.ndarray, words: np.ndarray) -> dict[str, Any]:
        return {"sms": clocks[:: threads // 32, 4].tolist()}

    return Bench(record, loop, ctas, threads, 256, "SMs",
                 lambda clocks, us: float(len(np.unique(clocks[:, 4]))), extra={"read": read},
                 smem_bytes=int(record.get("smem", 0)))  # fmt: skip


def residency(record: dict[str, Any]) -> Bench:
    """How many of ``ctas`` CTAs of ``threads`` and ``smem`` bytes an SM holds at the same time: the
    median over SMs of the most that overlap by the SM's own clock."""
    ctas, threads = int(record["ctas"]), int(record.get("threads", 256))
    loop = Loop(["mad.lo.u32 %sink, %sink, %sink, %tid;"] * 32, (), (), ("bar.sync 0;",))

    def value(clocks: np.ndarray, us: float) -> float:
        rows = clocks.reshape(ctas, threads // 32, -1)
        begin, end, sm = rows[:, :, 0].min(1), rows[:, :, 3].max(1), rows[:, 0, 4]
        most = []
        for one in np.unique(sm):
            own = sm == one
            most.append(max(int(((begin[own] <= t) & (end[own] > t)).sum()) for t in begin[own]))
        return float(np.median(most))

    return Bench(record, loop, ctas, threads, 256, "CTAs", value,
                 smem_bytes=int(record.get("smem", 0)))  # fmt: skip


def tile_product(record: dict[str, Any]) -> Bench:
    """Clocks a step of CTAs that each multiply tiles of ``tile`` x ``tile`` from shared memory;
    ``parts`` names what a step does: a and b (the loads of each operand), f (products), s (two
    barriers), c (asynchronous copies of the next tiles)."""
    tile, ctas = int(record["tile"]), int(record["ctas"])
    parts = record.get("parts", "abfsc")
    threads, stage = tile * tile, 4 * tile * tile
    volatile = "" if "f" in parts else "volatile."
    setup = [
        f"and.b32 %tx, %tid, {tile - 1};", f"shr.u32 %ty, %tid, {tile.bit_length() - 1};",
        f"mul.lo.u32 %row, %ty, {4 * tile};", "add.u32 %row, %row, %smem;",
        "shl.b32 %col, %tx, 2;", "add.u32 %col, %col, %smem;", f"add.u32 %col, %col, {2 * stage};",
        "shl.b32 %to, %tid, 2;", "cvt.u64.u32 %p, %to;", "add.u32 %to, %to, %smem;",
        "add.u64 %p, %data, %p;", "mov.u32 %k, %ctaid.x;", "and.b32 %k, %k, 63;",
        f"mul.wide.u32 %o, %k, {64 * stage};", "add.u64 %p, %p, %o;", "mov.u64 %o, %p;",
        "mov.u32 %st, 0;", "mov.f32 %acc, 0f00000000;", "mov.b32 %a0, 0f3F800000;",
        *(f"mov.b32 %a{i}, %a0;" for i in (1, 2, 3)), *(f"mov.b32 %b{i}, %a0;" for i in range(4)),
    ]  # fmt: skip
    body = ["add.u32 %from, %row, %st;", "add.u32 %under, %col, %st;",
            f"xor.b32 %st, %st, {stage};", "add.u32 %at, %to, %st;"]  # fmt: skip
    if "c" in parts:
        body += ["cp.async.ca.shared.global [%at], [%o], 4;",
                 f"cp.async.ca.shared.global [%at+{2 * stage}], [%o+{stage}], 4;",
                 "cp.async.commit_group;", "cp.async.wait_group 1;",
                 f"add.u64 %o, %o, {2 * stage};", "sub.u64 %s, %o, %p;",
                 f"and.b64 %s, %s, {32 * stage - 1};", "add.u64 %o, %p, %s;"]  # fmt: skip
    body += ["bar.sync 0;"] if "s" in parts else []
    for k in range(0, tile, 4):
        if "a" in parts:
            body.append(f"ld.{volatile}shared.v4.b32 {{%a0, %a1, %a2, %a3}}, [%from+{4 * k}];")
        for i in range(4):
            if "b" in parts:
                body.append(f"ld.{volatile}shared.b32 %b{i}, [%under+{4 * tile * (k + i)}];")
            if "f" in parts:
                body.append(f"fma.rn.f32 %acc, %a{i}, %b{i}, %acc;")
    body += ["bar.sync 0;"] if "s" in parts else []
    loop = Loop(
        body, [".reg .b32 %k, %tx, %ty, %row, %col, %to, %at, %st, %from, %under;",
               ".reg .b64 %p, %o, %s;", ".reg .f32 %acc;", registers("b32", "a", 4),
               registers("b32", "b", 4)], setup,
        ("cp.async.wait_all;", "bar.sync 0;"), ["mov.b32 %k, %acc;", "xor.b32 %sink, %sink, %k;"],
    )  # fmt: skip
    warps, rounds = threads // 32, 128

    def read(clocks: np.ndarray, words: np.ndarray) -> dict[str, Any]:
        rows = clocks.reshape(ctas, warps, -1)
        own = np.flatnonzero(rows[:, 0, 4] == rows[0, 0, 4])
        begin, end = rows[own, :, 0].min(1), rows[own, :, 3].max(1)
        return {"spans": [[int(n), int(b - begin.min()), int(e - begin.min())]
                          for n, b, e in zip(own, begin, end, strict=True)]}  # fmt: skip

    return Bench(record, loop, ctas, threads, rounds, "clk",
                 lambda clocks, us: float(np.mean(cycles(clocks, warps))) / rounds,
                 words=64 * 64 * stage // 4, smem_bytes=4 * stage,
                 extra={"read": read})  # fmt: skip


def l2_map(record: dict[str, Any]) -> Bench:
    """Every SM times a load of each of ``lines`` lines, ``stride`` bytes apart, that lie in L2:
    near and far halves. ``keep`` SMs' clocks are kept as they are."""
    lines, stride = int(record.get("lines", 256)), int(record.get("stride", 4096 + 128))
    kept = int(record.get("keep", 0))
    results = lines * stride
    setup = ["mov.u32 %k, %ctaid.x;", f"mul.wide.u32 %o, %k, {4 * lines};",
             f"add.u64 %o, %o, {results};", "add.u64 %o, %data, %o;"]  # fmt: skip
    body = [
        "bar.sync 0;", "mov.u64 %t, %clock64;", "ld.global.cg.u32 %v, [%p];",
        "st.shared.u32 [%smem], %v;", "bar.sync 0;", "mov.u64 %s, %clock64;",
        "sub.u64 %t, %s, %t;", "cvt.u32.u64 %v, %t;",
        "st.global.u32 [%r], %v;", f"add.u64 %p, %p, {stride};", "add.u64 %r, %r, 4;",
    ]  # fmt: skip
    loop = Loop(body, [".reg .b64 %p, %o, %r, %s, %t;", ".reg .b32 %k, %v;"], setup,
                before=("mov.u64 %p, %data;", "mov.u64 %r, %o;", "bar.sync 0;"))  # fmt: skip

    def read(clocks: np.ndarray, words: np.ndarray) -> dict[str, Any]:
        table = words[results // 4 :][: SMS * lines].reshape(SMS, lines).astype(np.int64)
        counts = np.bincount(np.minimum(table, 1023).ravel() // 4, minlength=256)
        rows = {"rows": [[int(clocks[i, 4]), table[i].tolist()] for i in range(kept)]}
        return (rows if kept else {}) | {
            "sms": clocks[:, 4].tolist(), "sm_mean": table.mean(1).round(1).tolist(),
            "histogram_4clk": counts.tolist(), "quantiles": np.percentile(
                table, (1, 5, 10, 25, 50, 75, 90, 95, 99)).tolist(),
        }  # fmt: skip

    return Bench(record, loop, SMS, 1, lines, "clk", latency(lines),
                 words=results // 4 + SMS * lines, smem_bytes=120 << 10,
                 extra={"read": read})  # fmt: skip
