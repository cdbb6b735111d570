"""The data of an HTML report as compact JSON: columns, not rows, for 10^5 points and more."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from archsim.metrics import TERMS
from archsim.report.assets import asset
from archsim.report.data import Point, ReportData, best, label, ranked
from archsim.report.designs import Designs, packed
from archsim.report.plain import number, plain
from archsim.report.timeline import embedded

MAX_DETAILS = 40
"""Designs whose operators are embedded: Pareto points, best first, then the next best."""

MAX_OPERATORS = 200
"""Operators embedded of one design, longest first; the page says how many it leaves out."""

MAX_FAILED = 200
"""Failed points listed with their reason; the page says how many there are."""

MAX_CELLS = 4_000_000
"""Numbers embedded for all points; metrics beyond the objectives are left out above it."""


def build(data: ReportData) -> dict[str, Any]:
    """Return the page's data as plain JSON values, the same for the same ``data``."""
    points = list(data.points)
    failed = [p for p in points if p.get("status", "done") != "done"]
    designs = data.designs or Designs.of(points, data.axes, data.constraints)
    left_out = len(points) - len(failed) + data.left_out - len(designs)
    designs = designs.in_key_order()
    row = {key: i for i, key in enumerate(designs.keys)}
    top = best(points, data.minimize, data.constraints)
    metrics = _metrics(designs.metrics, data.minimize, len(data.axes), len(designs))
    return {
        "title": data.title,
        "terms": list(TERMS),
        "minimize": [m for m in data.minimize if m in metrics],
        "metrics": [
            {"name": m, "label": label(m), "values": packed(designs.metrics[m])} for m in metrics
        ],
        "axes": [designs.axis(axis) for axis in data.axes],
        "count": len(designs),
        "keys": designs.shown_keys(),
        "pareto": sorted(row[k] for k in data.pareto if k in row),
        "best": row[str(top["key"])] if top else None,
        "constraints": [str(constraint) for constraint in data.constraints],
        "limits": {c.metric: plain(c.to_dict()) for c in data.constraints},
        "broken": packed(designs.broken),
        "details": _details(data, points, row),
        "unexplained": data.unexplained,
        "failed": {
            "count": sum(data.failed_by_reason().values()),
            "listed": [_failure(p) for p in sorted(failed, key=_key)[:MAX_FAILED]],
        },
        "left_out": left_out,
        "search": {"text": data.search, "history": [list(row) for row in data.history]},
        "device": _device(data.device),
        "config": plain(data.config, exact=True),
        "timeline": embedded(data.timeline),
        "validation": _validation(data.validation),
        "rtl": _rtl(data.rtl),
    }


def dumps(payload: Mapping[str, Any]) -> str:
    """Return JSON that is harmless inside a ``<script>`` element."""
    text = json.dumps(payload, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _metrics(present: Collection[str], minimize: Sequence[str], axes: int, count: int) -> list[str]:
    """Return the objectives, and further metrics while they fit in ``MAX_CELLS``."""
    chosen = [m for m in minimize if m in present]
    room = MAX_CELLS // max(1, count) - axes - len(chosen)
    return chosen + sorted(set(present) - set(chosen))[: max(0, room)]


def _key(point: Point) -> str:
    return str(point["key"])


def _details(data: ReportData, points: list[Point], row: Mapping[str, int]) -> dict[str, Any]:
    front = set(data.pareto)
    wanted = [p for p in points if p["key"] in data.details]
    have = ranked(wanted, data.minimize, data.constraints)
    have.sort(key=lambda p: p["key"] not in front)
    top = best(points, data.minimize, data.constraints)
    have.sort(key=lambda p: top is None or p["key"] != top["key"])
    return {
        str(row[str(p["key"])]): _detail(data.details[p["key"]], data.device)
        for p in have[:MAX_DETAILS]
    }


def _detail(result: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    operators = sorted(result["operators"], key=lambda o: (-o["us"] * o["count"], o["name"]))
    estimated = sorted(result.get("estimated", {}).items(), key=lambda e: (-abs(e[1]), e[0]))
    return {
        "operators": [_operator(o) for o in operators[:MAX_OPERATORS]],
        "left_out": max(0, len(operators) - MAX_OPERATORS),
        "estimated": [[path, number(change)] for path, change in estimated],
        "notes": [str(n) for n in result.get("notes", [])],
        "device": _device(result.get("device", base)),
    }


def _operator(op: Mapping[str, Any]) -> dict[str, Any]:
    terms = op["terms_us"]
    names: dict[str, int] = {}
    for kernel in op["kernels"]:
        names[kernel["name"]] = names.get(kernel["name"], 0) + 1
    numbers = ("us", "low_us", "high_us", "bound_us", "energy_j", "flops", "bytes", "count")
    return {
        "name": op["name"],
        "kind": op["kind"],
        **{n: number(op[n]) for n in numbers},
        "terms": [number(terms[t]) for t in TERMS],
        "kernels": [f"{n} ×{c}" if c > 1 else n for n, c in names.items()],
    }


def _failure(point: Point) -> dict[str, Any]:
    return {
        "key": str(point["key"])[:12],
        "overrides": plain(point.get("overrides", {})),
        "error": str(point.get("error", "no reason recorded")),
    }


def _device(device: Mapping[str, Any]) -> dict[str, Any]:
    peaks = {str(k): number(v) for k, v in device.get("peaks", {}).items() if v and v > 0}
    return {
        "name": str(device.get("name", "")),
        "machine": str(device.get("machine", "")),
        "peaks": peaks,
        "bandwidth": number(device.get("bandwidth")),
    }


def _validation(validation: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if validation is None:
        return None
    half = {k: validation[k] for k in ("check", "fit") if k in validation}
    summaries = {"all": validation, **half}
    judged = validation["check"] if validation.get("check", {}).get("n") else validation
    return {
        "source": PurePath(str(validation.get("source", ""))).name,
        "summaries": {
            name: {"overall": _summary(s), "by_op": {k: _summary(v) for k, v in s["by_op"].items()}}
            for name, s in summaries.items()
        },
        "caches": str(validation.get("caches", "cold")),
        "classes": [
            {"name": row["name"], "goal": number(row["goal"]), **_summary(row)}
            for row in judged.get("by_class", ())
        ],
        "choices": [
            {"name": name, **_choice(row)} for name, row in judged.get("choices", {}).items()
        ],
        "peers": peers(),
        "cases": [
            [c["op"], number(c["measured_us"]), number(c["predicted_us"]), bool(c.get("check"))]
            for c in validation["cases"]
        ],
    }


def _rtl(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the co-simulated cases of ``archsim cosim`` or ``loop`` as the page shows them."""
    cases = (found or {}).get("cases", ())
    return {
        "source": PurePath(str((found or {}).get("source", ""))).name,
        "digests": sorted({str(c["design_digest"]) for c in cases if c.get("design_digest")}),
        "cases": [
            {
                "name": str(c["name"]),
                "simulator": str(c.get("simulator", "")),
                "rtl": int(c["rtl_cycles"]),
                "model": int(c["model_cycles"]),
                "bound": int(c["bound_cycles"]),
                "mismatches": int(c["mismatches"]),
            }
            for c in cases
        ],
    }


def peers() -> dict[str, Any]:
    """Return what others publish of their models' errors: ``columns`` and ``rows`` of text."""
    found: dict[str, Any] = json.loads(asset("peers.json"))
    return found


def _choice(row: Mapping[str, Any]) -> dict[str, Any]:
    errors = {side: number(row[side]["mape"]) for side in ("recorded", "own")}
    rest = {k: number(row[k]) for k in ("ranked", "top1", "top3", "regret_us")}
    return {"n": plain(row["own"]["n"]), **errors, **rest}


def _summary(stats: Mapping[str, Any]) -> dict[str, Any]:
    picked = {k: plain(stats.get(k)) for k in ("n", "mape", "median", "max", "correlation")}
    return {
        **picked,
        "repeat": plain(stats.get("repeat")),
        "baseline": plain((stats.get("baseline") or {}).get("mape")),
    }
