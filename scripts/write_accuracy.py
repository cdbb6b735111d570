"""Write docs/accuracy.md, its plot and the README's block from what the code predicts now.

    python scripts/write_accuracy.py

The block of README.md between ``<!-- accuracy -->`` and ``<!-- /accuracy -->`` is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path

import accuracy_calibration
import accuracy_h100
from accuracy_plot import scatter
from accuracy_sets import SETS, check_cases, holdout_cases, judge, model, validation

from archsim.app.measured_models import predictor
from archsim.app.running import evaluate_run
from archsim.app.validating import host_times, steady_predictor
from archsim.config.paths import configs_dir
from archsim.models.gpu.vector import leaf_paths
from archsim.report.payload import peers as peer_figures
from archsim.validate import (
    load_dataset,
    validate_models,
    validate_published,
    validate_sustained,
)
from archsim.validate.goals import OVERALL, ROWS, Row
from archsim.validate.measured import CACHES, Summary, summarise
from archsim.validate.models import ModelResult
from archsim.validate.stats import Stats
from workloads import measured

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE, PLOT, README = (
    ROOT / "docs" / "accuracy.md",
    ROOT / "docs" / "accuracy.svg",
    ROOT / "README.md",
)
BLOCK = re.compile(r"(<!-- accuracy -->\n).*?(<!-- /accuracy -->)", re.S)
CHOSEN = (
    ("holdout", None), ("structured", True), ("names", True), ("conv_holdout", None),
    ("conv_judge", None),
)  # fmt: skip
"""Sets whose choice of kernel is judged, and the half of each that judges."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def digit(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def class_rows() -> list[tuple[Row, Summary, Summary]]:
    check, hold = check_cases(), holdout_cases()
    return [
        (
            row,
            summarise(c for c in check if row.holds(c)),
            summarise(c for c in hold if row.holds(c)),
        )
        for row in (*ROWS, OVERALL)
    ]


def classes() -> str:
    """The table of classes."""
    head = (
        "class", "goal", "check n", "MAPE", "median", "max", "repeat", "roofline",
        "hold-out n", "MAPE", "median", "max", "repeat", "roofline",
    )  # fmt: skip
    rows = []
    for row, check, hold in class_rows():
        cells = [row.name, digit(row.goal)]
        for s in (check, hold):
            ours = s.ours
            cells += [str(ours.n), digit(ours.mape), digit(ours.median), digit(ours.max)]
            cells += [digit(s.repeat), digit(s.baseline.mape)]
        rows.append(cells)
    lines = [
        f"Over the {name}: correlation of log times {s.ours.correlation:.4f}; {s.far} of "
        f"{s.ours.n} predictions are off by more than 2x."
        for name, s in (("check half", class_rows()[-1][1]), ("hold-out", class_rows()[-1][2]))
    ]
    return table(head, rows) + "\n" + "\n".join(lines) + "\n"


def judged() -> str:
    """The last judge, by class, and what it says about the choice of kernel."""
    cases, rows = judge().cases, []
    for row in (*ROWS, OVERALL):
        s = summarise(c for c in cases if row.holds(c))
        if s.ours.n:
            rows.append([row.name, digit(row.goal), str(s.ours.n), *_errors(s.ours),
                         digit(s.repeat), digit(s.baseline.mape)])  # fmt: skip
    head = ("class", "goal", "n", "MAPE", "median", "max", "repeat", "roofline")
    s = summarise(cases)
    line = (
        f"Correlation of log times {s.ours.correlation:.4f}; {s.far} of {s.ours.n} predictions are "
        "off by more than 2x.\n"
    )
    return table(head, rows) + "\n" + line


def extremes() -> str:
    """Errors at the ends of the size range, from cold and from warm caches."""
    rows = []
    for name in (*SETS, "h200_holdout", "h200_judge"):
        side = True if name in SETS else None
        cold, warm = (validation(name, caches=c).extremes(side) for c in CACHES)
        for end, s in cold.items():
            after = warm[end].ours
            rows.append(
                [f"{name}, {end} of every class", str(s.ours.n), *_errors(s.ours), str(after.n),
                 *_errors(after)]
            )  # fmt: skip
    head = ("cases", "cold n", "MAPE", "median", "max", "warm n", "MAPE", "median", "max")
    return table(head, rows)


def warm() -> str:
    """Errors by class where each run finds in L2 what the last one left there."""
    sides = [[c for name in SETS for c in validation(name, caches="warm").half(True)]]
    sides += [list(validation(f"h200_{n}", caches="warm").cases) for n in ("holdout", "judge")]
    rows = []
    for row in (*ROWS, OVERALL):
        cells = [row.name, digit(row.goal)]
        for cases in sides:
            s = summarise(c for c in cases if row.holds(c))
            cells += [str(s.ours.n), digit(s.ours.mape), digit(s.ours.median), digit(s.repeat)]
        rows.append(cells)
    each = ("MAPE", "median", "repeat")
    head = ("class", "goal", "check n", *each, "hold-out n", *each, "judge n", *each)
    return table(head, rows)


def _errors(s: Stats) -> list[str]:
    return [digit(s.mape), digit(s.median), digit(s.max)]


def choices() -> str:
    """Recorded kernel given against own choice."""
    rows = []
    found = [
        (f"h200_{name}", validation(f"h200_{name}", True).choices(side)) for name, side in CHOSEN
    ]
    for name, summaries in (("h200_judge", judge().choices()), *found):
        for op, s in summaries.items():
            rows.append(
                [f"{name}: {op}", str(s.given.n), digit(s.given.mape), digit(s.own.mape),
                 str(s.ranked), digit(s.top1), digit(s.top3), f"{s.regret_us or 0.0:.2f}"]
            )  # fmt: skip
    head = (
        "cases",
        "n",
        "recorded kernel",
        "own choice",
        "ranked",
        "top-1 %",
        "top-3 %",
        "regret µs",
    )
    return table(head, rows)


def convolutions() -> str:
    """The convolutions set aside, by kind."""
    kinds = (
        ("dense", lambda g, c: g == 1), ("depthwise", lambda g, c: 1 < g == c["cin"]),
        ("grouped", lambda g, c: 1 < g < c["cin"]),
    )  # fmt: skip
    types = (("fp16", "bf16"), ("tf32", "fp32"))
    rows = []
    for judge_set in ("h200_conv_holdout", "h200_conv_judge"):
        cases = list(validation(judge_set).cases)
        for name, holds in kinds:
            of_kind = [c for c in cases if holds(c.shape.get("groups", 1), c.shape)]
            for some in types:
                s = summarise(c for c in of_kind if c.shape["dtype"] in some)
                if s.ours.n:
                    rows.append(
                        [f"{judge_set}: {name}, {' and '.join(some)}", str(s.ours.n),
                         *_errors(s.ours), digit(s.repeat), digit(s.baseline.mape)]
                    )  # fmt: skip
        s = summarise(cases)
        rows.append(
            [f"{judge_set}: all", str(s.ours.n), *_errors(s.ours), digit(s.repeat),
             digit(s.baseline.mape)]
        )  # fmt: skip
    head = ("convolution", "n", "MAPE", "median", "max", "repeat", "roofline")
    return table(head, rows)


def _model_row(c: ModelResult) -> list[str]:
    seq = f" seq {c.choices['seq']}" if "seq" in c.choices else ""
    return [
        f"{c.model} batch {c.batch}{seq}", f"{c.measured_us:.0f}",
        f"{100 * (c.predicted_us / c.measured_us - 1):+.1f}", f"{c.measured_graph_us:.0f}",
        f"{100 * (c.predicted_graph_us / c.measured_graph_us - 1):+.1f}",
        str(c.launches), str(c.measured_launches),
    ]  # fmt: skip


def whole_models() -> str:
    """Whole models: totals and kernel families."""
    parts = []
    for name in ("h200_models", "h200_models_full", "h200_models_judge"):
        result = validate_models(load_dataset(measured.path(name)), predictor(model()))
        rows = [
            [q, str(s.n), *_errors(s)]
            for q, s in (
                ("summed kernel time", result.kernel_sum),
                ("CUDA-graph time", result.graph),
            )
        ]
        parts.append(
            f"`{name}`:\n\n" + table(("quantity", "models", "MAPE", "median", "max"), rows)
        )
        if result.failed:
            parts.append(
                "\n".join(f"Not predicted: {f.op}: {f.reason}" for f in result.failed) + "\n"
            )
        if result.families:
            kinds = [
                [k, str(n), str(m), f"{us / 1e3:.2f}", f"{them / 1e3:.2f}"]
                for k, (n, us, m, them) in result.families.items()
            ]
            head = ("kernel family", "launches", "recorded", "ms", "recorded")
            parts.append(
                "Kernels of all these models, predicted and recorded:\n\n" + table(head, kinds)
            )
            each = [_model_row(c) for c in result.cases]
            head = ("model", "kernels µs", "ours %", "graph µs", "ours %", "launches", "recorded")
            parts.append(table(head, each))
    return "\n".join(parts)


def sustained() -> str:
    """Steady states: time, energy and clock."""
    rows = []
    for name in ("h200_sustained", "h200_sustained_more", "h200_sustained_judge"):
        data = load_dataset(measured.path(name))
        result = validate_sustained(data, steady_predictor(model(), host_times(data)))
        for quantity, word in (("us", "time"), ("joules", "energy"), ("sm_mhz", "clock")):
            s = result.stats(quantity)
            rows.append([f"{name}: {word}", str(s.n), *_errors(s)])
    return table(("quantity", "n", "MAPE", "median", "max"), rows)


def published() -> str:
    """Other devices: a paper's figures."""
    result = validate_published(configs_dir() / "published" / "hopper.yaml", evaluate_run)
    rows = [
        [r.spec.id, f"{r.spec.value:g}", "–" if r.ours is None else f"{r.ours:.4g}", r.spec.unit,
         "–" if r.ratio is None else f"{r.ratio:.3f}", f"{100 * r.spec.tolerance:.0f} %", r.verdict]
        for r in result.rows
    ]  # fmt: skip
    return table(("row", "paper", "ours", "unit", "ratio", "tolerance", "verdict"), rows)


def sources() -> str:
    """The measured sets that the device's constants name as their source."""
    named: dict[str, list[str]] = {}
    for path in leaf_paths():
        source = attrgetter(path)(model().device).source
        for name in dict.fromkeys(re.findall(r"h200_\w+", source)):
            named.setdefault(name, []).append(path)
    rows = [
        [name, str(len(paths)), ", ".join(f"`{p}`" for p in paths[:6]) if len(paths) < 7 else "…"]
        for name, paths in sorted(named.items())
    ]
    return table(("set", "constants of h200 that name it", "which"), rows)


def calibrations() -> str:
    """What calibrate finds."""
    head = ("data", "device", "constant", "start", "fitted", "± %", "shipped", "error %")
    return table(head, accuracy_calibration.rows())


def peers() -> str:
    """What others publish."""
    found = peer_figures()
    return table(found["columns"], found["rows"])


def text(name: str) -> str:
    """The fixed words of a section."""
    return (HERE / f"accuracy_{name}.md").read_text(encoding="utf-8")


def page() -> str:
    """The whole page."""
    sections = {
        "introduction": sources(), "classes": classes(), "extremes": extremes(),
        "judge": judged(), "warm": warm(), "folds": "",
        "choices": choices(), "convolutions": convolutions(),
        "models": whole_models(), "sustained": sustained(),
        "h100": accuracy_h100.section(table, digit), "published": published(),
        "calibration": calibrations(), "limits": "", "peers": peers(),
    }  # fmt: skip
    parts = [text(name).rstrip() + "\n\n" + body for name, body in sections.items()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def plot() -> str:
    hold = holdout_cases()
    groups = [(r.name, [c.pair for c in hold if r.holds(c)]) for r in ROWS]
    title = f"{len(hold)} kernels of the hold-out on H200: predicted against measured"
    return scatter([(name, pairs) for name, pairs in groups if pairs], title)


def block() -> str:
    """The README's table."""
    rows = [
        [row.name, digit(row.goal), digit(check.ours.mape), digit(hold.ours.mape),
         digit(hold.repeat), digit(hold.baseline.mape)]
        for row, check, hold in class_rows()
        if hold.ours.n
    ]  # fmt: skip
    head = ("error in % (MAPE) on H200", "goal", "check half", "hold-out", "repeat", "roofline")
    return table(head, rows) + "\n" + text("readme") + "\n" + peers()


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    PLOT.write_text(plot(), encoding="utf-8")
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    if BLOCK.search(text):
        new = BLOCK.sub(lambda m: m[1] + block() + m[2], text)
        README.write_text(new, encoding="utf-8")
    print(PAGE, PLOT, README if BLOCK.search(text) else "(README.md has no accuracy block)")


if __name__ == "__main__":
    main()
