"""Predicted and measured micro-benchmarks of the instruction-level SM, record by record.

python benchmarks/bench_sm_micro.py [--set micro|micro_judge|micro_tma|micro_laws|...]
                                    [--bench NAME] [--only TEXT]
                                    [--half fit|check] [--json FILE] [--worst N]

Laws and constants come from the set ``micro``; the records of ``micro_judge`` judge them. Of
``micro_paths`` the half ``fit`` gave laws and the half ``check`` judges. A latency holds within one
clock or 3 %, a throughput within 4 %, one of distributed shared memory within 5 %.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
from collections import defaultdict
from importlib import resources
from pathlib import Path
from typing import Any

from archsim.app.microbench import predict
from archsim.app.sm_device import sm_device

SETS = (
    "micro", "micro_judge", "micro_judge2", "micro_tma", "micro_laws", "micro_misses",
    "micro_ports", "micro_streams", "micro_paths",
)  # fmt: skip
NOT_IN_RECORD = (
    "value",
    "unit",
    "low",
    "high",
    "us",
    "sms",
    "values",
    "error",
    "starts",
    "stops",
    "notes",
    "pairs",
    "each",
    "spans",
)
NOT_PREDICTED = ("l2_map", "placement", "progress", "residency", "turns")
CLOCK, LATENCY, RATE, DSMEM = 1.0, 0.03, 0.04, 0.05


def main() -> None:
    """Predict every chosen record of a set; print the worst and a line for each bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, default="micro_judge")
    parser.add_argument("--bench", default="", help="name of a bench")
    parser.add_argument("--only", default="", help="part of the record's text")
    parser.add_argument("--worst", type=int, default=20, help="records outside that are shown")
    parser.add_argument("--half", choices=("fit", "check"), help="half of a set by its texts")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    file = resources.files("workloads.measured") / f"h200_sm_{given.set}.json"
    device, rows = sm_device("h200"), []
    for case in json.loads(file.read_text())["cases"]:
        record = {key: value for key, value in case.items() if key not in NOT_IN_RECORD}
        wanted = given.bench in ("", case["bench"]) and given.only in _text(record)
        wanted = wanted and given.half in (None, half(_text(record)))
        if wanted and "value" in case and case["bench"] not in NOT_PREDICTED:
            rows.append(_row(record, case, predict(record, device)["predicted"]))
    outside = sorted((r for r in rows if not r["holds"]), key=lambda r: -abs(r["error"]))
    for row in outside[: given.worst]:
        print(f"{row['error']:+7.1%} {row['predicted']:10.4g} {row['measured']:10.4g}  {row['of']}")
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["bench"]].append(row)
    for bench, own in sorted(groups.items()):
        errors = [abs(row["error"]) for row in own]
        held = sum(row["holds"] for row in own)
        print(f"{bench:20} {held:4} of {len(own):4} hold   mean {statistics.mean(errors):5.1%}"
              f"   median {statistics.median(errors):5.1%}   worst {max(errors):5.1%}")  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


def half(text: str) -> str:
    """fit or check: the half of its set that a record belongs to."""
    return ("fit", "check")[hashlib.sha256(text.encode()).digest()[0] & 1]


def _text(record: dict[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in record.items())


def _row(record: dict[str, Any], case: dict[str, Any], predicted: float) -> dict[str, Any]:
    measured = float(case["value"])
    error = predicted / measured - 1
    latency = case["unit"] == "clk"
    limit = LATENCY if latency else DSMEM if "dsmem" in case["bench"] else RATE
    return {
        "bench": case["bench"], "of": _text(record), "measured": measured, "predicted": predicted,
        "error": error, "unit": case["unit"],
        "holds": abs(error) <= limit or (latency and abs(predicted - measured) <= CLOCK),
    }  # fmt: skip


if __name__ == "__main__":
    main()
