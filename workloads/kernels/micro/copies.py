"""Asynchronous copies: cp.async (LDGSTS) and bulk copies of the TMA engine; CTA barriers."""

from __future__ import annotations

from typing import Any

from workloads.kernels.micro.kernel import Bench, latency, rate, whole
from workloads.kernels.micro.text import Loop


def cp_async(record: dict[str, Any]) -> Bench:
    """``cp_async_latency``: copy, commit, wait by one warp; ``cp_async_throughput``: B/clk/SM with
    ``warps`` warps and ``depth`` copies in flight, source in L2 (cg) or L1 (ca), ``math`` products
    beside each; of a warp ``lanes`` take part."""
    size, warps = int(record.get("bytes", 16)), int(record.get("warps", 1))
    single = record["bench"] == "cp_async_latency"
    depth = 1 if single else int(record.get("depth", 8))
    step, cache = 32 * warps * size, "cg" if size == 16 else "ca"
    setup = [
        f"mul.lo.u32 %k, %tid, {size};", "add.u32 %q, %smem, %k;", "cvt.u64.u32 %o, %k;",
        "add.u64 %p, %data, %o;",
    ]  # fmt: skip
    math, lanes = int(record.get("math", 0)), whole(record, "lanes", 32, 32)
    setup.append(f"setp.lt.u32 %live, %lane, {lanes};")
    live, body = "@%live " if lanes < 32 else "", []
    for i in range(depth):
        body += [f"{live}cp.async.{cache}.shared.global [%q+{i * step}], [%p+{i * step}], {size};"]
        body += [f"mad.lo.u32 %m{j % 4}, %m{j % 4}, %k, %q;" for j in range(math)]
    body += ["cp.async.commit_group;", "cp.async.wait_group 0;"]
    sums = [f"add.u32 %sink, %sink, %m{j};" for j in range(min(4, math))]
    setup += [f"mov.u32 %m{j}, {j};" for j in range(min(4, math))]
    loop = Loop(body * 4, [".reg .b64 %p, %o;", ".reg .b32 %q, %k, %m0, %m1, %m2, %m3;",
                            ".reg .pred %live;"], setup, (), sums)  # fmt: skip
    rounds, links = 16, 64
    words, smem = depth * step // 4 + 64, depth * step + 128
    if single:
        return Bench(record, loop, 1, 32 * warps, rounds, "clk", latency(links), words=words,
                     smem_bytes=smem)  # fmt: skip
    moved = links * depth * step * lanes / 32
    return Bench(record, loop, 1, 32 * warps, rounds, "B/clk/SM", rate(moved, warps),
                 words=words, smem_bytes=smem)  # fmt: skip


WAIT = (
    "WAIT{0}:", "mbarrier.try_wait.parity.shared::cta.b64 %more, [%bar], %phase;",
    "@!%more bra WAIT{0};", "xor.b32 %phase, %phase, 1;",
)  # fmt: skip


def bulk(record: dict[str, Any]) -> Bench:
    """``bulk_latency``: one bulk copy of ``bytes`` from L2 and the wait for its mbarrier;
    ``bulk_throughput``: ``depth`` copies in flight on ``ctas`` SMs, B/clk/SM."""
    size, ctas = int(record["bytes"]), int(record.get("ctas", 1))
    single = record["bench"] == "bulk_latency"
    depth = 1 if single else int(record.get("depth", 4))
    setup = [
        "mov.u32 %bar, %smem;", "add.u32 %q, %smem, 128;", "mov.u32 %phase, 0;",
        "setp.eq.u32 %one, %tid, 0;", "@%one mbarrier.init.shared::cta.b64 [%bar], 1;",
        "@%one fence.proxy.async.shared::cta;", "mov.u32 %k, %ctaid.x;",
        f"mul.wide.u32 %o, %k, {depth * size};", "add.u64 %p, %data, %o;", "bar.sync 0;",
    ]  # fmt: skip
    body = []
    for turn in range(2):
        body.append(f"mbarrier.arrive.expect_tx.shared::cta.b64 %state, [%bar], {depth * size};")
        body += [
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
            f"[%q+{i * size}], [%p+{i * size}], {size}, [%bar];"
            for i in range(depth)
        ]
        body += [line.format(turn) for line in WAIT]
    loop = Loop(
        body, [".reg .b64 %p, %o, %state;", ".reg .b32 %q, %k, %bar, %phase;", ".reg .pred %one;"],
        setup,
    )  # fmt: skip
    rounds, links = 16, 32
    words, smem = ctas * depth * size // 4 + 64, depth * size + 128
    if single:
        return Bench(record, loop, ctas, 1, rounds, "clk", latency(links), words=words,
                     smem_bytes=smem)  # fmt: skip
    return Bench(record, loop, ctas, 1, rounds, "B/clk/SM", rate(links * depth * size, 1),
                 words=words, smem_bytes=smem)  # fmt: skip


def barrier(record: dict[str, Any]) -> Bench:
    """Clocks of one bar.sync of ``warps`` warps."""
    warps = int(record["warps"])
    return Bench(record, Loop(["bar.sync 0;"] * 32), 1, 32 * warps, 16, "clk", latency(32 * 16))
