"""Latency and rate of arithmetic, conversions, special functions, DPX, shuffles and votes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archsim.errors import ConfigError
from workloads.kernels.micro.kernel import Bench, latency, rate, whole
from workloads.kernels.micro.text import Loop, registers

# name: (register type of the chain, PTX of one link; x is the chain, a and b are constants)
CHAINS: dict[str, tuple[str, str]] = {
    "fp32_fma": ("f32", "fma.rn.f32 x, x, a, b;"),
    "fp32_add": ("f32", "add.rn.f32 x, x, a;"),
    "fp32_mul": ("f32", "mul.rn.f32 x, x, a;"),
    "fp32_max": ("f32", "max.f32 x, x, a; fma.rn.f32 x, x, a, b;"),
    "int32_mad": ("b32", "mad.lo.s32 x, x, a, b;"),
    "int32_mad_hi": ("b32", "mad.hi.s32 x, x, a, b;"),
    "int32_mad_wide": ("b64", "mad.wide.s32 x, c, d, x; mad.lo.s64 x, x, a, b;"),
    "int32_add_xor": ("b32", "add.s32 x, x, a; xor.b32 x, x, b;"),
    "int32_min_add": ("b32", "min.s32 x, x, a; add.s32 x, x, b; xor.b32 x, x, a;"),
    "int32_shift": ("b32", "shf.l.wrap.b32 x, x, a, b;"),
    "int32_lop3": ("b32", "lop3.b32 x, x, a, b, 0x6a; add.s32 x, x, b;"),
    "int32_popc": ("b32", "popc.b32 x, x; xor.b32 x, x, a;"),
    "int32_clz": ("b32", "clz.b32 x, x; xor.b32 x, x, a;"),
    "int32_brev": ("b32", "brev.b32 x, x; add.s32 x, x, a;"),
    "int32_prmt": ("b32", "prmt.b32 x, x, a, b; add.s32 x, x, a;"),
    "int32_sel": ("b32", "slct.b32.s32 x, a, b, x; add.s32 x, x, b;"),
    "int32_dp4a": ("b32", "dp4a.s32.s32 x, a, b, x;"),
    "int32_div": ("b32", "div.s32 x, b, x; add.s32 x, x, 3;"),
    "int64_mad": ("b64", "mad.lo.s64 x, x, a, b;"),
    "int64_add_xor": ("b64", "add.s64 x, x, a; xor.b64 x, x, b;"),
    "fp16_fma": ("b32", "fma.rn.f16x2 x, x, a, b;"),
    "fp16_add": ("b32", "add.rn.f16x2 x, x, a;"),
    "bf16_fma": ("b32", "fma.rn.bf16x2 x, x, a, b;"),
    "fp64_fma": ("f64", "fma.rn.f64 x, x, a, b;"),
    "fp64_add": ("f64", "add.rn.f64 x, x, a;"),
    "fp64_mul": ("f64", "mul.rn.f64 x, x, a;"),
    "fp64_div": ("f64", "div.rn.f64 x, a, x;"),
    "fp64_sqrt": ("f64", "sqrt.rn.f64 x, x;"),
    "fp32_div": ("f32", "div.rn.f32 x, a, x;"),
    "fp32_sqrt": ("f32", "sqrt.rn.f32 x, x;"),
    "mufu_ex2": ("f32", "ex2.approx.ftz.f32 x, x;"),
    "mufu_lg2": ("f32", "lg2.approx.ftz.f32 x, x;"),
    "mufu_rcp": ("f32", "rcp.approx.ftz.f32 x, x; add.rn.ftz.f32 x, x, a;"),
    "mufu_rsq": ("f32", "rsqrt.approx.ftz.f32 x, x;"),
    "mufu_sqrt": ("f32", "sqrt.approx.ftz.f32 x, x;"),
    "mufu_sin": ("f32", "sin.approx.ftz.f32 x, x;"),
    "mufu_cos": ("f32", "cos.approx.ftz.f32 x, x;"),
    "mufu_tanh": ("f32", "tanh.approx.f32 x, x;"),
    "cvt_f32_s32": ("f32", "cvt.rzi.s32.f32 c, x; cvt.rn.f32.s32 x, c;"),
    "cvt_f32_f16": ("f32", "cvt.rn.f16.f32 h, x; cvt.f32.f16 x, h; fma.rn.f32 x, x, a, b;"),
    "cvt_f64_f32": ("f64", "cvt.rn.f32.f64 f, x; cvt.f64.f32 x, f;"),
    "cvt_f64_s32": ("f64", "cvt.rzi.s32.f64 c, x; cvt.rn.f64.s32 x, c;"),
    "cvt_f64_s64": ("f64", "cvt.rzi.s64.f64 l, x; cvt.rn.f64.s64 x, l;"),
    "shfl_bfly": ("b32", "shfl.sync.bfly.b32 x, x, 1, 0x1f, 0xffffffff;"),
    "shfl_idx": ("b32", "shfl.sync.idx.b32 x, x, x, 0x1f, 0xffffffff;"),
    "vote_ballot": (
        "b32", "setp.ne.u32 p, x, a; vote.sync.ballot.b32 x, p, 0xffffffff;",
    ),
    "match_any": ("b32", "match.any.sync.b32 x, x, 0xffffffff;"),
    "redux_add": ("b32", "redux.sync.add.s32 x, x, 0xffffffff;"),
    "bar_warp": ("b32", "bar.warp.sync 0xffffffff; add.s32 x, x, a; xor.b32 x, x, b;"),
}  # fmt: skip
# One instruction with other operands: what registers, their banks and the reuse cache cost.
VARIANTS: dict[str, tuple[str, str]] = {
    "fp32_add_own": ("f32", "add.rn.f32 x, x, f;"),
    "fp32_add_immediate": ("f32", "add.rn.f32 x, x, 0f3F99999A;"),
    "fp32_square": ("f32", "mul.rn.f32 x, x, x;"),
    "fp32_fma_own": ("f32", "fma.rn.f32 x, x, f, b;"),
    "fp32_fma_square": ("f32", "fma.rn.f32 x, x, x, x;"),
    "fp32_fma_immediate": ("f32", "fma.rn.f32 x, x, a, 0f3F99999A;"),
    "int32_mul_hi": ("b32", "mul.hi.s32 x, x, a;"),
    "uint32_mul_hi": ("b32", "mul.hi.u32 x, x, a;"),
    "uint32_mad_hi": ("b32", "mad.hi.u32 x, x, a, b;"),
    "int32_mul_wide": ("b32", "mul.wide.s32 l, x, a; mov.b64 {c, x}, l;"),
    "uint32_mad_wide": ("b64", "mad.wide.u32 x, d, d, x;"),
    "hi_add": ("b32", "mul.hi.s32 x, x, a; add.s32 x, x, b;"),
    "hi_add_xor": ("b32", "mul.hi.s32 x, x, a; add.s32 x, x, b; xor.b32 x, x, a;"),
    "hi_lo": ("b32", "mul.hi.s32 x, x, a; mad.lo.s32 x, x, a, b;"),
    "hi_lo_lo": ("b32", "mul.hi.s32 x, x, a; mad.lo.s32 x, x, a, b; mad.lo.s32 x, x, b, a;"),
    "wide_low": ("b32", "mul.wide.s32 l, x, a; cvt.u32.u64 x, l; add.s32 x, x, b;"),
    "wide_sum": ("b64", "mad.wide.s32 x, c, d, x; add.s32 c, c, d;"),
    "wide_adds": (
        "b64",
        "mad.wide.s32 x, c, d, x; add.s32 c, c, d; add.s32 t, t, c; xor.b32 t, t, d;",
    ),
    "match_all": ("b32", "match.all.sync.b32 x|p, x, 0xffffffff; add.s32 x, x, t;"),
    "bar_warp_only": ("b32", "bar.warp.sync 0xffffffff;"),
}
_LINKS = {name: text.count(";") for name, (_, text) in (CHAINS | VARIANTS).items()}
# One link of these is the pair or the group, as tables give it.
_GROUPED = {"int32_div", "int32_mad_wide", "int32_mul_wide"}

DPX: dict[str, str] = {
    "viaddmax_s32": "{.reg .b32 t; add.s32 t, x, a; max.s32 x, t, b;}",
    "viaddmax_u32": "{.reg .b32 t; add.u32 t, x, a; max.u32 x, t, b;}",
    "viaddmin_s32": "{.reg .b32 t; add.s32 t, x, a; min.s32 x, t, b;}",
    "viaddmin_u32": "{.reg .b32 t; add.u32 t, x, a; min.u32 x, t, b;}",
    "viaddmax_s32_relu": "{.reg .b32 t; add.s32 t, x, a; max.s32.relu x, t, b;}",
    "viaddmin_s32_relu": "{.reg .b32 t; add.s32 t, x, a; min.s32.relu x, t, b;}",
    "viaddmax_s16x2": "{.reg .b32 t; add.s16x2 t, x, a; max.s16x2 x, t, b;}",
    "viaddmax_u16x2": "{.reg .b32 t; add.u16x2 t, x, a; max.u16x2 x, t, b;}",
    "viaddmin_s16x2": "{.reg .b32 t; add.s16x2 t, x, a; min.s16x2 x, t, b;}",
    "viaddmin_u16x2": "{.reg .b32 t; add.u16x2 t, x, a; min.u16x2 x, t, b;}",
    "viaddmax_s16x2_relu": "{.reg .b32 t; add.s16x2 t, x, a; max.s16x2.relu x, t, b;}",
    "viaddmin_s16x2_relu": "{.reg .b32 t; add.s16x2 t, x, a; min.s16x2.relu x, t, b;}",
    "vimax3_s32": "{.reg .b32 t; max.s32 t, x, a; max.s32 x, t, b;}",
    "vimin3_s32": "{.reg .b32 t; min.s32 t, x, a; min.s32 x, t, b;}",
    "vimax3_u32": "{.reg .b32 t; max.u32 t, x, a; max.u32 x, t, b;}",
    "vimin3_u32": "{.reg .b32 t; min.u32 t, x, a; min.u32 x, t, b;}",
    "vimax3_s32_relu": "{.reg .b32 t; max.s32 t, x, a; max.s32.relu x, t, b;}",
    "vimin3_s32_relu": "{.reg .b32 t; min.s32 t, x, a; min.s32.relu x, t, b;}",
    "vimax3_s16x2": "{.reg .b32 t; max.s16x2 t, x, a; max.s16x2 x, t, b;}",
    "vimin3_s16x2": "{.reg .b32 t; min.s16x2 t, x, a; min.s16x2 x, t, b;}",
    "vimax3_u16x2": "{.reg .b32 t; max.u16x2 t, x, a; max.u16x2 x, t, b;}",
    "vimin3_u16x2": "{.reg .b32 t; min.u16x2 t, x, a; min.u16x2 x, t, b;}",
    "vimax3_s16x2_relu": "{.reg .b32 t; max.s16x2 t, x, a; max.s16x2.relu x, t, b;}",
    "vimin3_s16x2_relu": "{.reg .b32 t; min.s16x2 t, x, a; min.s16x2.relu x, t, b;}",
    "vimax_s32_relu": "max.s32.relu x, x, a;",
    "vimin_s32_relu": "min.s32.relu x, x, a;",
    "vimax_s16x2_relu": "max.s16x2.relu x, x, a;",
    "vimin_s16x2_relu": "min.s16x2.relu x, x, a;",
    "vibmax_s32": "{.reg .pred q; setp.ge.s32 q, x, a; max.s32 x, x, a; @q xor.b32 x, x, b;}",
    "vibmin_s32": "{.reg .pred q; setp.le.s32 q, x, a; min.s32 x, x, a; @q xor.b32 x, x, b;}",
    "vibmax_u32": "{.reg .pred q; setp.ge.u32 q, x, a; max.u32 x, x, a; @q xor.b32 x, x, b;}",
    "vibmin_u32": "{.reg .pred q; setp.le.u32 q, x, a; min.u32 x, x, a; @q xor.b32 x, x, b;}",
}  # fmt: skip

_CONSTANT = {
    "f32": ("cvt.rn.f32.u32 %{0}, %{1};", "f32"),
    "f64": ("cvt.rn.f64.u32 %{0}, %{1};", "f64"),
    "b32": ("mov.b32 %{0}, %{1};", "b32"),
    "b64": ("mov.b64 %{0}, {{%{1}, %{1}}};", "b64"),
}
_CAST = {
    "f32": "cvt.rzi.u32.f32 %u, {0};",
    "f64": "cvt.rzi.u32.f64 %u, {0};",
    "b32": "mov.b32 %u, {0};",
    "b64": "{{.reg .b32 %lo; mov.b64 {{%lo, %u}}, {0}; xor.b32 %u, %u, %lo;}}",
}
UNROLL = 128


def _substitute(text: str, chain: int) -> str:
    """Names of a link as registers of chain number ``chain``."""
    out, word = [], ""
    for character in text + " ":
        if character.isalnum() or character in "_.%":
            word += character
            continue
        if word in ("x", "c", "h", "f", "l", "p", "t", "q"):
            word = f"%{word}{chain}"
        elif word in ("a", "b", "d"):
            word = f"%{word}"
        out.append(word + character)
        word = ""
    return "".join(out).strip()


def _loop(kind: str, link: str, chains: int, unroll: int) -> Loop:
    init, _constant = _CONSTANT[kind]
    setup = [
        "add.u32 %u, %arg, 1;", init.format("a", "u"), "add.u32 %u, %arg, 3;",
        init.format("b", "u"), "add.u32 %d, %arg, 5;",
    ]  # fmt: skip
    for chain in range(chains):
        setup += [f"add.u32 %u, %tid, {chain};", init.format(f"x{chain}", "u")]
        setup += [f"add.u32 %c{chain}, %tid, {3 * chain};"]
        setup += [f"cvt.rn.f32.u32 %f{chain}, %c{chain};"] if kind == "f32" else []
    body = [_substitute(link, chain) for _ in range(unroll // chains) for chain in range(chains)]
    sink = []
    for chain in range(chains):
        cast = _CAST[kind]
        sink += [cast.format(f"%x{chain}"), "xor.b32 %sink, %sink, %u;"]
    declare = [
        f".reg .{kind} %a, %b;", registers(kind, "x", chains), ".reg .b32 %u, %d;",
        registers("b32", "c", chains), registers("b16", "h", chains), registers("f32", "f", chains),
        registers("b64", "l", chains), registers("pred", "p", chains),
        registers("b32", "t", chains), registers("pred", "q", chains),
    ]  # fmt: skip
    return Loop(body, declare, setup, (), sink)


def _links(name: str) -> int:
    return 1 if name in _GROUPED or name in DPX else _LINKS[name]


def chain_bench(record: dict[str, Any]) -> Bench:
    """``latency`` or ``rate`` of ``what``: one warp and one chain, or many of both; lanes
    start with so many ``different`` values where a record says so."""
    name = record.get("what") or record["instr"]
    kind, link = ("b32", DPX[name]) if name in DPX else (CHAINS | VARIANTS)[name]
    ilp, warps = int(record.get("ilp", 1)), int(record.get("warps", 1))
    heavy = name in ("fp64_div", "fp64_sqrt", "int32_div", "fp32_div", "fp32_sqrt")
    unroll = 16 if heavy else int(record.get("unroll", UNROLL))
    loop, rounds = _loop(kind, link, ilp, unroll), 8 if heavy else 16 * UNROLL // unroll
    rounds = int(record.get("rounds", rounds))
    if "different" in record:  # so many different ones among the lanes
        many = whole(record, "different", 1, 32)
        if kind != "b32":
            raise ConfigError(f"different needs a chain of 32-bit integers, not {name}")
        first = [f"rem.u32 %x{chain}, %x{chain}, {many};" for chain in range(ilp)]
        loop = replace(loop, setup=[*loop.setup, *first])
    links = rounds * (unroll // ilp) * ilp * _links(name)
    if record["bench"] in ("latency", "dpx_latency"):
        return Bench(record, loop, 1, 32 * warps, rounds, "clk", latency(links / ilp))
    return Bench(
        record, loop, 1, 32 * warps, rounds, "instr/clk/SM", rate(32 * warps * links, warps)
    )


STEPS = 8  # links between two notes of the clock


def progress(record: dict[str, Any]) -> Bench:
    """A chain of ``what`` in each of ``warps`` warps whose lanes note the clock every `STEPS`
    links: the order in which a scheduler serves its warps."""
    warps, rounds = int(record.get("warps", 32)), 16
    kind, link = (CHAINS | VARIANTS)[record["what"]]
    loop = _loop(kind, link, 1, UNROLL)
    notes = [line for n, text in enumerate(loop.body) for line in (text, *(
        ("mov.u32 %t0, %clock;", "st.global.u32 [%at], %t0;", "add.u64 %at, %at, 4;")
        if n % STEPS == STEPS - 1 else ()))]  # fmt: skip
    count = 2 * rounds * (UNROLL // STEPS)
    setup = [*loop.setup, "shr.u32 %u, %tid, 5;", f"mul.wide.u32 %at, %u, {4 * count};",
             "add.u64 %at, %data, %at;"]  # fmt: skip
    made = Loop(notes, [*loop.declare, ".reg .b64 %at;"], setup, (), loop.sink)
    links = rounds * UNROLL * _links(record["what"])

    def read(clocks: Any, words: Any) -> dict[str, Any]:
        return {"notes": words[: warps * count].reshape(warps, 2, -1)[:, 1].tolist()}

    return Bench(
        record, made, 1, 32 * warps, rounds, "instr/clk/SM", rate(32 * warps * links, warps),
        words=warps * count + 64, extra={"read": read},
    )  # fmt: skip


def code_bench(record: dict[str, Any]) -> Bench:
    """Straight-line code of ``instructions`` of ``what`` (FFMA) in eight chains, by each of
    ``warps`` of ``ctas``: cycles of the cold and the warm pass."""
    count, warps = whole(record, "instructions", 0, 1 << 16), whole(record, "warps", 1, 32)
    ctas = whole(record, "ctas", 1, 1 << 16)
    if count % 8:
        raise ConfigError(f"instructions must be a multiple of 8, not {count}")
    if record["pass"] not in ("cold", "warm"):
        raise ConfigError(f"pass must be cold or warm, not {record['pass']!r}")
    kind, link = CHAINS[record.get("what", "fp32_fma")]
    loop = _loop(kind, link, 8, count)
    which = (0, 1) if record["pass"] == "cold" else (2, 3)

    def value(clocks: Any, us: float) -> float:
        return float((clocks[:, which[1]] - clocks[:, which[0]]).mean())

    return Bench(record, loop, ctas, 32 * warps, 1, "clk", value)
