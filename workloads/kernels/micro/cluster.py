"""Distributed shared memory and cluster barriers."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.kernels.micro.kernel import Bench, cycles, latency
from workloads.kernels.micro.text import Loop, registers

_CLUSTER = ("barrier.cluster.arrive.release.aligned;", "barrier.cluster.wait.acquire.aligned;")
SMS, BOOST_HZ = 132, 1.98e9
DSMEM_LINKS = 32 * 8


def dsmem_latency(record: dict[str, Any]) -> Bench:
    """Chase of one thread in the shared memory of the CTA ``shift`` ranks on, in every cluster.

    Without ``sm_from`` and ``sm_to`` the value is the mean over all pairs of one shift.
    """
    size, shift = int(record["cluster"]), int(record.get("shift", 1))
    setup = [
        "mov.u32 %rank, %cluster_ctarank;", f"add.u32 %rank, %rank, {shift};",
        f"rem.u32 %rank, %rank, {size};", "mapa.shared::cluster.u32 %q, %smem, %rank;",
        "shl.b32 %k, %lane, 2;", "add.u32 %q, %q, %k;", "add.u32 %k, %smem, %k;", *_CLUSTER,
        "st.shared::cluster.u32 [%q], %q;", *_CLUSTER,
    ]  # fmt: skip
    loop = Loop(
        ["ld.shared::cluster.u32 %q, [%q];"] * 32, [".reg .b32 %rank, %q, %k;"], setup, (),
        ["mov.u32 %sink, %q;", *_CLUSTER], before=_CLUSTER,
    )  # fmt: skip
    ctas = size * (SMS // size)
    sm_from, sm_to = record.get("sm_from"), record.get("sm_to")
    mean = latency(DSMEM_LINKS)

    def value(clocks: np.ndarray, us: float) -> float:
        if sm_from is None or sm_to is None:
            return mean(clocks, us)
        of_pair = dict(pairs(clocks, size, shift))
        return of_pair[int(sm_from), int(sm_to)]

    return Bench(record, loop, ctas, 1, 8, "clk", value, cluster=size, smem_bytes=100 << 10)


def pairs(clocks: np.ndarray, size: int, shift: int) -> list[tuple[tuple[int, int], float]]:
    """((SM that loads, SM that is read), clocks a load) of every CTA of a chase."""
    sms = clocks[:, 4].reshape(-1, size)
    spent = (clocks[:, 3] - clocks[:, 2]).reshape(-1, size) / DSMEM_LINKS
    peers = np.roll(sms, -shift, axis=1)
    return [
        ((int(a), int(b)), float(t))
        for a, b, t in zip(sms.ravel(), peers.ravel(), spent.ravel(), strict=True)
    ]


def _peer(pattern: str, size: int) -> list[str]:
    if pattern == "ring":
        return ["add.u32 %rank, %rank, 1;", f"rem.u32 %rank, %rank, {size};"]
    if pattern == "pair":
        return ["xor.b32 %rank, %rank, 1;"]
    return ["mov.u32 %rank, 0;"]


def dsmem_throughput(record: dict[str, Any]) -> Bench:
    """TB/s of all SMs that read (or write) each other's shared memory by ``pattern``."""
    size, pattern = int(record["cluster"]), record.get("pattern", "ring")
    ilp, threads = int(record.get("ilp", 4)), int(record.get("threads", 1024))
    vector, op = int(record.get("vector", 4)), record.get("op", "load")
    kind = {4: "u32", 8: "v2.u32", 16: "v4.u32"}[vector]
    n = vector // 4
    setup = [
        "mov.u32 %rank, %cluster_ctarank;", *_peer(pattern, size),
        "mapa.shared::cluster.u32 %q, %smem, %rank;", f"mul.lo.u32 %k, %tid, {vector};",
        "add.u32 %q, %q, %k;", *(f"mov.u32 %v{i}, 0;" for i in range(n * ilp)), *_CLUSTER,
    ]  # fmt: skip
    body = []
    for i in range(ilp):
        regs = [f"%v{i * n + j}" for j in range(n)]
        value = regs[0] if n == 1 else "{" + ", ".join(regs) + "}"
        place = f"[%q+{i * threads * vector}]"
        load = f"ld.shared::cluster.{kind} {value}, {place};"
        body.append(load if op == "load" else f"st.shared::cluster.{kind} {place}, {value};")
    if op == "load":
        body += [f"xor.b32 %sink, %sink, %v{i};" for i in range(n * ilp)]
    body += ["add.u32 %q, %q, %arg;"]  # by 0, which the compiler does not know
    rounds, ctas = 128, size * (SMS // size)
    loop = Loop(
        body, [".reg .b32 %rank, %q, %k;", registers("b32", "v", n * ilp)], setup,
        _CLUSTER if op == "store" else ("bar.sync 0;",), _CLUSTER, before=_CLUSTER,
    )  # fmt: skip
    amount = float(rounds * ilp * threads * vector)

    def value_of(clocks: np.ndarray, us: float) -> float:
        used = len(np.unique(clocks[:, 4]))
        span = float(np.mean(cycles(clocks, threads // 32)))
        return amount / span * used * BOOST_HZ / 1e12

    smem = max(ilp * threads * vector, 120 << 10)
    return Bench(record, loop, ctas, threads, rounds, "TB/s", value_of, cluster=size,
                 smem_bytes=smem)  # fmt: skip


def cluster_barrier(record: dict[str, Any]) -> Bench:
    """Clocks of one arrive and wait of the whole cluster."""
    size, warps = int(record["cluster"]), int(record.get("warps", 1))
    loop = Loop([*_CLUSTER] * 8)
    ctas = size * (SMS // size)
    return Bench(record, loop, ctas, 32 * warps, 16, "clk", latency(8 * 16), cluster=size,
                 smem_bytes=100 << 10)  # fmt: skip
