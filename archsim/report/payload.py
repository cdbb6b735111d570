"""The data of an HTML report as compact JSON: columns, not rows, for 10^5 points and more."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from archsim.config.constraint import all_kept
from archsim.metrics import TERMS
from archsim.report.assets import asset
from archsim.report.data import Point, ReportData, best, finished, label, ranked
from archsim.report.timeline import embedded

MAX_DETAILS = 40
"""Designs whose operators are embedded: Pareto points, best first, then the next best."""

MAX_OPERATORS = 200
"""Operators embedded of one design, longest first; the page says how many it leaves out."""

MAX_FAILED = 200
"""Failed points listed with their reason; the page says how many there are."""

MAX_CELLS = 4_000_000
"""Numbers embedded for all points; metrics beyond the objectives are left out above it."""

_DIGITS = 7


def build(data: ReportData) -> dict[str, Any]:
    """Return the page's data as plain JSON values, the same for the same ``data``."""
    points = sorted(data.points, key=lambda p: str(p["key"]))
    done = finished(points)
    failed = [p for p in points if p.get("status", "done") != "done"]
    row = {str(p["key"]): i for i, p in enumerate(done)}
    top = best(done, data.minimize, data.constraints)
    metrics = _metrics(done, data.minimize, len(data.axes))
    return {
        "title": data.title,
        "terms": list(TERMS),
        "minimize": [m for m in data.minimize if m in metrics],
        "metrics": [
            {"name": m, "label": label(m, data.machine), "values": _column(done, m)}
            for m in metrics
        ],
        "axes": [_axis(done, axis) for axis in data.axes],
        "keys": [str(p["key"])[:12] for p in done],
        "pareto": sorted(row[k] for k in data.pareto if k in row),
        "best": row[str(top["key"])] if top else None,
        "constraints": [str(constraint) for constraint in data.constraints],
        "limits": {c.metric: plain(c.to_dict()) for c in data.constraints},
        "broken": [i for i, p in enumerate(done) if not all_kept(data.constraints, p["metrics"])],
        "details": _details(data, done, row),
        "failed": {
            "count": sum(data.failed_by_reason().values()),
            "listed": [_failure(p) for p in failed[:MAX_FAILED]],
        },
        "left_out": data.left_out,
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


def plain(value: Any, exact: bool = False) -> Any:
    """Return ``value`` as JSON data: unknown types as text, no NaN.

    Numbers are rounded unless they are to be ``exact``, as in a design that is to run again.
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v, exact) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, exact) for v in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if not isinstance(value, float):
        return str(value)
    return value if exact and math.isfinite(value) else _number(value)


def _number(value: Any) -> float | int | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 2**53 else short


def _column(points: Sequence[Point], metric: str) -> list[float | int | None]:
    return [_number(p["metrics"].get(metric)) for p in points]


def _metrics(points: Sequence[Point], minimize: Sequence[str], axes: int) -> list[str]:
    """Return the objectives, and further metrics while they fit in ``MAX_CELLS``."""
    present = {name for p in points for name in p["metrics"]}
    chosen = [m for m in minimize if m in present]
    room = MAX_CELLS // max(1, len(points)) - axes - len(chosen)
    return chosen + sorted(present - set(chosen))[: max(0, room)]


def _axis(points: Sequence[Point], axis: str) -> dict[str, Any]:
    """Return an axis as the list of its distinct values and an index into it per point."""
    # Equal numbers of different type (1, 1.0, true) stay apart, and most axes have few values.
    text: dict[tuple[type, Any], str] = {}
    cells: list[str] = []
    for point in points:
        value = point["overrides"].get(axis)
        known = (type(value), value) if not isinstance(value, list | dict) else (str, repr(value))
        if known not in text:
            text[known] = json.dumps(plain(value, exact=True), sort_keys=True)
        cells.append(text[known])
    raw = {c: json.loads(c) for c in text.values()}
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in raw.values())
    order = sorted(raw, key=lambda c: (raw[c] if numeric else 0, c))
    index = {c: i for i, c in enumerate(order)}
    return {
        "name": axis,
        "numeric": numeric,
        "values": [raw[c] for c in order],
        "index": [index[c] for c in cells],
    }


def _details(data: ReportData, done: list[Point], row: Mapping[str, int]) -> dict[str, Any]:
    front = set(data.pareto)
    have = [p for p in ranked(done, data.minimize, data.constraints) if p["key"] in data.details]
    have.sort(key=lambda p: p["key"] not in front)
    top = best(done, data.minimize, data.constraints)
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
        "estimated": [[path, _number(change)] for path, change in estimated],
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
        **{n: _number(op[n]) for n in numbers},
        "terms": [_number(terms[t]) for t in TERMS],
        "kernels": [f"{n} ×{c}" if c > 1 else n for n, c in names.items()],
    }


def _failure(point: Point) -> dict[str, Any]:
    return {
        "key": str(point["key"])[:12],
        "overrides": plain(point.get("overrides", {})),
        "error": str(point.get("error", "no reason recorded")),
    }


def _device(device: Mapping[str, Any]) -> dict[str, Any]:
    peaks = {str(k): _number(v) for k, v in device.get("peaks", {}).items() if v and v > 0}
    return {
        "name": str(device.get("name", "")),
        "machine": str(device.get("machine", "")),
        "peaks": peaks,
        "bandwidth": _number(device.get("bandwidth")),
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
            {"name": row["name"], "goal": _number(row["goal"]), **_summary(row)}
            for row in judged.get("by_class", ())
        ],
        "choices": [
            {"name": name, **_choice(row)} for name, row in judged.get("choices", {}).items()
        ],
        "peers": peers(),
        "cases": [
            [c["op"], _number(c["measured_us"]), _number(c["predicted_us"]), bool(c.get("check"))]
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
    errors = {side: _number(row[side]["mape"]) for side in ("recorded", "own")}
    rest = {k: _number(row[k]) for k in ("ranked", "top1", "top3", "regret_us")}
    return {"n": plain(row["own"]["n"]), **errors, **rest}


def _summary(stats: Mapping[str, Any]) -> dict[str, Any]:
    picked = {k: plain(stats.get(k)) for k in ("n", "mape", "median", "max", "correlation")}
    return {
        **picked,
        "repeat": plain(stats.get("repeat")),
        "baseline": plain((stats.get("baseline") or {}).get("mape")),
    }
