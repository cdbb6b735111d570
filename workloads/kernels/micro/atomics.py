"""Atomics as irregular kernels make them: random bins of a cluster, lines that few lanes touch."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.errors import ConfigError
from workloads.kernels.micro.kernel import Bench, cycles, latency, rate, whole
from workloads.kernels.micro.text import Loop, registers

_CLUSTER = ("barrier.cluster.arrive.release.aligned;", "barrier.cluster.wait.acquire.aligned;")
_ALONE = 120 << 10  # bytes of shared memory that only one CTA an SM can have
SMS, UNROLL, ROUNDS = 132, 4, 32


def _seed(of: str) -> list[str]:
    """``%k`` a mixed number that depends on ``of`` and the CTA."""
    return [
        "mov.u32 %k, %ctaid.x;", "shl.b32 %k, %k, 11;", f"add.u32 %k, %k, {of};",
        "add.u32 %k, %k, 1;", "mul.lo.u32 %k, %k, 2654435769;", "shr.u32 %t, %k, 15;",
        "xor.b32 %k, %k, %t;", "mul.lo.u32 %k, %k, 2246822519;", "shr.u32 %t, %k, 13;",
        "xor.b32 %k, %k, %t;", "or.b32 %k, %k, 1;",
    ]  # fmt: skip


def _random(name: str) -> list[str]:
    """The next number of a xorshift in ``name``."""
    steps = (("shl.b32", 13), ("shr.u32", 17), ("shl.b32", 5))
    return [
        line
        for op, n in steps
        for line in (f"{op} %t, %{name}, {n};", f"xor.b32 %{name}, %{name}, %t;")
    ]


def dsmem_atomic(record: dict[str, Any]) -> Bench:
    """Counts of ``lanes`` of each warp into shared memories of the cluster: of the next CTA
    (``spread`` peer), of any (all) or of the own one (own); at random among ``held`` words a CTA
    or at the lane's own word (``words`` row). Lanes an SM a clock; ``resident`` CTAs an SM."""
    size, warps = int(record["cluster"]), int(record.get("warps", 16))
    held, lanes = int(record.get("held", 1024)), int(record.get("lanes", 32))
    spread, resident = record.get("spread", "all"), int(record.get("resident", 1))
    setup = [*_seed("%tid"), f"setp.lt.u32 %live, %lane, {lanes};",
             "mov.u32 %rank, %cluster_ctarank;"]  # fmt: skip
    if spread == "peer":
        setup += ["add.u32 %rank, %rank, 1;", f"rem.u32 %rank, %rank, {size};"]
    setup += ["mapa.shared::cluster.u32 %q, %smem, %rank;"]
    step = _random("k")
    if record.get("words", "random") == "row":
        step += ["shl.b32 %o, %lane, 2;"]
    else:
        step += ["shr.u32 %o, %k, 8;", f"and.b32 %o, %o, {held - 1};", "shl.b32 %o, %o, 2;"]
    if spread == "all":
        step += ["shr.u32 %rank, %k, 3;", f"and.b32 %rank, %rank, {size - 1};",
                 "mapa.shared::cluster.u32 %q, %smem, %rank;"]  # fmt: skip
    step += ["add.u32 %o, %o, %q;", "@%live red.shared::cluster.add.u32 [%o], 1;"]
    loop = Loop(
        step * UNROLL, [".reg .b32 %rank, %q, %k, %o, %t;", ".reg .pred %live;"], setup,
        _CLUSTER, _CLUSTER, before=_CLUSTER,
    )  # fmt: skip
    amount = float(lanes * warps * UNROLL * ROUNDS * resident)

    def value(clocks: np.ndarray, us: float) -> float:
        return amount / float(np.mean(cycles(clocks, warps)))

    ctas = size * (SMS // size) * resident
    smem = _ALONE if resident == 1 else 4 * held
    return Bench(record, loop, ctas, 32 * warps, ROUNDS, "lanes/clk/SM", value, cluster=size,
                 smem_bytes=smem)  # fmt: skip


_RED = {
    "global_red": "red.global.add.u32 [%a], 1;",
    "global_add": "atom.global.add.u32 %v, [%a], 1;",
    "global_red_f32": "red.global.add.f32 [%a], 0f3F800000;",
}


def atomic_lines(record: dict[str, Any]) -> Bench:
    """Warps count into random ones of ``lines`` lines, each lane into its own word; of a warp
    ``lanes`` take part: the ``first`` ones or a ``random`` set. Warp requests a clock."""
    what, lines = record.get("what", "global_red"), int(record["lines"])
    lanes, warps = int(record["lanes"]), int(record.get("warps", 8))
    ctas = int(record.get("ctas", SMS))
    setup = [
        "mov.u32 %v, 0;", "shr.u32 %w, %tid, 5;", *_seed("%w"), "mov.u32 %u, %k;", *_seed("%tid"),
        "shl.b32 %t, %lane, 2;", "cvt.u64.u32 %o, %t;", "add.u64 %p, %data, %o;",
        f"setp.lt.u32 %live, %lane, {lanes};",
    ]  # fmt: skip
    step = [*_random("u"), "shr.u32 %t, %u, 9;", f"and.b32 %t, %t, {lines - 1};",
            "mul.wide.u32 %o, %t, 128;", "add.u64 %a, %p, %o;"]  # fmt: skip
    if record.get("which", "random") == "random" and lanes < 32:
        step += [*_random("k"), "shr.u32 %t, %k, 27;", f"setp.lt.u32 %live, %t, {lanes};"]
    step += [f"@%live {_RED[what]}"]
    if what == "global_add":
        step += ["xor.b32 %sink, %sink, %v;"]
    loop = Loop(
        step * UNROLL, [".reg .b64 %p, %o, %a;", ".reg .b32 %k, %t, %u, %v, %w;",
                        ".reg .pred %live;"],
        setup, ("bar.sync 0;",), ["xor.b32 %sink, %sink, %v;"],
    )  # fmt: skip
    amount = float(warps * UNROLL * ROUNDS * ctas)

    def value(clocks: np.ndarray, us: float) -> float:
        return amount / float(np.mean(cycles(clocks, warps)))

    return Bench(record, loop, ctas, 32 * warps, ROUNDS, "requests/clk", value,
                 words=32 * lines + 64)  # fmt: skip


# what: (PTX at an address, register of the result, bytes a lane)
ATOMICS = {
    "global_add": ("atom.global.add.u32 %v, [%p], 1;", "v", 4),
    "global_red": ("red.global.add.u32 [%p], 1;", "", 4),
    "global_add_f32": ("atom.global.add.f32 %f, [%p], 0f3F800000;", "", 4),
    "global_cas": ("atom.global.cas.b32 %v, [%p], %v, %tid;", "v", 4),
    "shared_add_unused": ("atom.shared.add.u32 %v, [%q], 1;", "", 4),
    "shared_red": ("red.shared.add.u32 [%q], 1;", "", 4),
    "shared_cas": ("atom.shared.cas.b32 %v, [%q], %v, %tid;", "v", 4),
    "shared_add_f32": ("atom.shared.add.f32 %f, [%q], 0f3F800000;", "", 4),
}
"""What the set ``micro`` takes; the fp32 sums there use no result and become reductions."""
MORE_ATOMICS = {
    "shared_add": ("atom.shared.add.u32 %v, [%q], 1;", "v", 4),
    "global_sum_f32": ("atom.global.add.f32 %f, [%p], 0f3F800000;", "f", 4),
    "global_max": ("atom.global.max.s32 %v, [%p], %tid;", "v", 4),
    "global_red_max": ("red.global.max.s32 [%p], %tid;", "", 4),
    "global_and": ("red.global.and.b32 [%p], %tid;", "", 4),
    "global_exch": ("atom.global.exch.b32 %v, [%p], %tid;", "v", 4),
    "global_add_u64": ("atom.global.add.u64 %l, [%p], 1;", "l", 8),
    "global_red_u64": ("red.global.add.u64 [%p], 1;", "", 8),
    "global_sum_f64": ("atom.global.add.f64 %d, [%p], 0d3FF0000000000000;", "d", 8),
    "global_red_f64": ("red.global.add.f64 [%p], 0d3FF0000000000000;", "", 8),
    "shared_max": ("atom.shared.max.s32 %v, [%q], %tid;", "v", 4),
    "shared_and": ("red.shared.and.b32 [%q], %tid;", "", 4),
    "shared_exch": ("atom.shared.exch.b32 %v, [%q], %tid;", "v", 4),
    "shared_add_u64": ("atom.shared.add.u64 %l, [%q], 1;", "l", 8),
    "shared_sum_f64": ("atom.shared.add.f64 %d, [%q], 0d3FF0000000000000;", "d", 8),
}
_AS_WORD = {
    "v": [], "": [], "f": ["mov.b32 %v, %f;"], "l": ["cvt.u32.u64 %v, %l;"],
    "d": ["mov.b64 %l, %d;", "cvt.u32.u64 %v, %l;"],
}  # fmt: skip


def atomic(record: dict[str, Any]) -> Bench:
    """Atomics of ``warps`` warps on ``ctas`` SMs, of which ``lanes`` lanes take part; ``group``
    lanes share a word, words are ``stride`` words apart (0: one address for all), and every CTA has
    the same ones or (``apart``) its own. A latency makes each wait for the one before, a rate does
    not, over ``rounds`` of eight."""
    what, stride = record["what"], int(record.get("stride", 1))
    link, result, size = (ATOMICS | MORE_ATOMICS)[what]
    warps, ctas = int(record.get("warps", 1)), int(record.get("ctas", 1))
    group, lanes = whole(record, "group", 1, 32), whole(record, "lanes", 32, 32)
    apart, rounds = int(record.get("apart", 0)), whole(record, "rounds", 16, 1 << 16)
    if group & (group - 1):
        raise ConfigError(f"group must be a power of two, not {group}")
    chained = record["bench"] == "atomic_latency"
    span = 128 * max(1, size * 8 * warps * stride // 32) + 128
    setup = [f"shr.u32 %k, %tid, {group.bit_length() - 1};", f"mul.lo.u32 %k, %k, {size * stride};",
             "cvt.u64.u32 %o, %k;", "add.u64 %p, %data, %o;", "add.u32 %q, %smem, %k;",
             "mov.u32 %v, 0;", "mov.u32 %w, 0;",
             f"setp.lt.u32 %live, %lane, {lanes};"]  # fmt: skip
    if apart:
        setup += ["mov.u32 %k, %ctaid.x;", f"mul.wide.u32 %o, %k, {span};", "add.u64 %p, %p, %o;"]
    link = [f"@%live {link}" if lanes < 32 else link]
    if chained:  # the next address depends on what came back
        link += ["cvt.rzi.u32.f32 %v, %f;"] if result == "f" or "f32" in what else _AS_WORD[result]
        link += ["shr.u32 %w, %v, 31;", "cvt.u64.u32 %o, %w;", "add.u64 %p, %p, %o;",
                 "add.u32 %q, %q, %w;"]  # fmt: skip
    elif result:
        link += [*_AS_WORD[result], "xor.b32 %sink, %sink, %v;"]
    loop = Loop(
        link * 8, [".reg .b64 %p, %o, %l;", ".reg .b32 %q, %k, %v, %w;", ".reg .f32 %f;",
                   ".reg .f64 %d;", ".reg .pred %live;"], setup,
        ("bar.sync 0;",), ["xor.b32 %sink, %sink, %v;"],
    )  # fmt: skip
    common = {"words": (ctas if apart else 1) * span // 4 + 64,
              "smem_bytes": span if "shared" in what else 0}  # fmt: skip
    if chained:
        return Bench(record, loop, ctas, 32 * warps, rounds, "clk", latency(8 * rounds), **common)
    value = rate(float(lanes * warps * 8 * rounds * ctas), warps)
    return Bench(record, loop, ctas, 32 * warps, rounds, "lanes/clk", value, **common)


NODES, LINE, FOOTPRINT = 128, 128, 512 << 20


def chases(record: dict[str, Any]) -> Bench:
    """Cold chases of ``lanes`` threads of each of ``warps`` warps in each of ``ctas`` CTAs, ``ilp``
    at a time, every one over its own ``nodes`` lines: neighbours (``order`` line) or anywhere in
    512 MB (random); ``cache`` cg or ca. With ``order`` warp the lanes of a warp read 256
    neighbouring bytes and go on to another such block together. ``pass`` warm times the second
    pass, from L2. Clocks a load."""
    ctas, lanes, warps = (int(record.get(k, 1)) for k in ("ctas", "lanes", "warps"))
    ilp, nodes = int(record.get("ilp", 1)), int(record.get("nodes", NODES))
    chains = ctas * warps * lanes * ilp
    space, cache = int(record.get("bytes", FOOTPRINT)), record.get("cache", "cg")

    def fill(data: np.ndarray, address: int) -> None:
        rng = np.random.default_rng(7)
        if record.get("order", "random") == "warp":
            _fill_blocks(rng, data.view(np.uint64), address, (ctas * warps, ilp, nodes))
            return
        if record.get("order", "random") == "line":
            lines = np.arange(chains * nodes)
        else:
            lines = rng.choice(space // LINE - 1, chains * nodes, replace=False)
        lines = lines.astype(np.uint64).reshape(chains, nodes)
        places = (lines + np.uint64(chains * 8 // LINE + 1)) * np.uint64(LINE)
        words = data.view(np.uint64)
        words[(places // np.uint64(8)).astype(np.int64)] = np.roll(places, -1, 1) + np.uint64(
            address)  # fmt: skip
        words[:chains] = places[:, 0] + np.uint64(address)

    setup = ["mov.u32 %k, %ctaid.x;", "shr.u32 %w, %tid, 5;",
             f"mad.lo.u32 %k, %k, {warps}, %w;", f"mad.lo.u32 %k, %k, {lanes}, %lane;",
             f"mul.wide.u32 %o, %k, {8 * ilp};", "add.u64 %o, %data, %o;",
             f"setp.lt.u32 %live, %lane, {lanes};",
             *(f"mov.u64 %p{i}, %o;" for i in range(ilp)),
             *(f"@%live ld.global.cg.u64 %p{i}, [%o+{8 * i}];" for i in range(ilp)),
             "bar.sync 0;"]  # fmt: skip
    body = [f"@%live ld.global.{cache}.u64 %p{i}, [%p{i}];" for i in range(ilp)] * 32
    sink = [line for i in range(ilp) for line in (f"cvt.u32.u64 %k, %p{i};",
                                                  "xor.b32 %sink, %sink, %k;")]  # fmt: skip
    loop = Loop(body, [".reg .b64 %o;", registers("b64", "p", ilp), ".reg .b32 %k, %w;",
                       ".reg .pred %live;"], setup, (), sink)  # fmt: skip

    def value(clocks: np.ndarray, us: float) -> float:
        first = 2 if record.get("pass") == "warm" else 0
        return float((clocks[:, first + 1] - clocks[:, first]).mean()) / nodes

    threads = 32 * warps if warps > 1 else lanes
    words = (space if record.get("order", "random") != "line" else chains * nodes * LINE) // 4
    return Bench(record, loop, ctas, threads, nodes // 32, "clk", value,
                 words=words + 32 * (chains * 8 // LINE + 2), fill=fill)  # fmt: skip


def _fill_blocks(
    rng: np.random.Generator, words: np.ndarray, address: int, shape: tuple[int, int, int]
) -> None:
    """Chains of (warp, ``ilp``, node) over blocks of 256 bytes anywhere in ``words``, a word a
    lane; the head of chain i of thread k is word ``k * ilp + i``."""
    warps, ilp, nodes = shape
    heads = -(-warps * 32 * ilp // 32)
    blocks = heads + rng.choice(len(words) // 32 - heads, warps * ilp * nodes, replace=False)
    blocks = blocks.reshape(warps, ilp, nodes)
    lanes = np.arange(32)
    places = blocks[..., None] * 32 + lanes
    words[places] = (8 * np.roll(places, -1, 2) + address).astype(np.uint64)
    first = places[:, :, 0].transpose(0, 2, 1)  # warp, lane, chain
    words[: warps * 32 * ilp] = (8 * first.ravel() + address).astype(np.uint64)
