"""The terminal summaries: complete, within the width, readable without colour."""

import io
import re

import pytest
from rich.console import Console

from archsim.metrics import TERMS, KernelResult, OperatorResult
from archsim.report.terminal import number, render_run, short_paths, term_bar
from archsim.report.terminal_validate import (
    render_models,
    render_published,
    render_sustained,
    render_validation,
)
from archsim.validate import Dataset, Roofline, validate_measured, validate_models
from archsim.validate import validate_sustained as sustained
from archsim.validate.published import PublishedValidation, RowResult
from archsim.validate.published_file import How, RowSpec


def text_of(renderable, width=80):
    console = Console(file=io.StringIO(), width=width, no_color=True, legacy_windows=False)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_run_fits_the_width_and_says_what_matters(make_run, width):
    run = make_run(title="vit", points=[p for p in make_run().points if p["status"] == "done"])
    text = text_of(render_run(run, "out/report.html", width), width)
    assert max(map(len, text.splitlines())) <= width
    assert "vit: 18 designs, " in text
    assert "Pareto-optimal (*)" in text
    assert "launch.kernel_us" in text
    assert "±3.1 % latency" in text
    assert "between kernels" in text
    assert "report: out/report.html" in text
    for term in ("launch", "compute", "hbm", "exposed"):
        assert term in text


def test_best_first_and_the_front_is_marked(make_run):
    run = make_run(title="vit")
    rows = [r for r in text_of(render_run(run)).splitlines() if r[:1] in ("*", " ") and "e12" in r]
    assert len(rows) == 18
    latency = [float(re.split(r"\s{2,}", r)[-2].replace(" ", "")) for r in rows]
    assert latency == sorted(latency)
    assert sum(r.startswith("*") for r in rows) == len(run.pareto)


def test_many_points_show_the_top_ten_and_the_front(make_run):
    points = [
        {"key": f"{i:03d}", "overrides": {"n": i}, "metrics": {"latency_us": 10.0 + i}}
        for i in range(200)
    ]
    run = make_run(
        title="t", points=points, axes=["n"], minimize=["latency_us"], pareto=["000", "150"],
        details={},
    )  # fmt: skip
    lines = text_of(render_run(run)).splitlines()
    assert sum(line.startswith("*") for line in lines) == 2
    assert any("150" in line and line.startswith("*") for line in lines)
    assert "… 189 more in the report and the results files" in "\n".join(lines)


def test_failed_points_are_counted_by_reason(make_run):
    points = [
        {"key": str(i), "status": "failed", "overrides": {}, "error": f"why {i % 2}"}
        for i in range(5)
    ]
    text = text_of(render_run(make_run(points=points, details={}, pareto=[], title="t")))
    assert "5 of 5 points failed" in text
    assert "3 × why 0" in text
    assert "2 × why 1" in text


def test_failed_points_of_a_sample_are_counted_as_the_run_has_them(make_run):
    run = make_run(reasons={"why 0": 70, "why 1": 5}, left_out=900)
    assert "75 of 993 points failed" in text_of(render_run(run))
    assert "70 × why 0" in text_of(render_run(run))


def test_markup_in_names_is_text(make_run):
    run = make_run(title="[bold red]x[/nope]")
    assert "[bold red]x[/nope]" in text_of(render_run(run))


@pytest.mark.parametrize("width", [1, 7, 40])
def test_a_bar_is_divided_by_its_terms(width):
    bar = term_bar(dict.fromkeys(TERMS, 1.0), width, 6.0).plain
    assert len(bar) == width
    half = term_bar({"launch": 1.0, "hbm": 1.0}, 10, 2.0).plain
    assert half == half[0] * 5 + half[9] * 5
    assert half[0] != half[9]
    assert term_bar({}, 10, 0.0).plain == ""


def test_paths_are_shortened_until_they_differ():
    assert short_paths(["device.l2.bytes", "device.l1.bytes", "workload.batch"]) == {
        "device.l2.bytes": "l2.bytes",
        "device.l1.bytes": "l1.bytes",
        "workload.batch": "batch",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0, "0"), (3.35e12, "3.35e12"), (12345.6, "12 346"), (132, "132"),
        (0.54012, "0.5401"), (1e-9, "1e-09"), ("fp16", "fp16"), (True, "True"),
    ],
)  # fmt: skip
def test_numbers(value, shown):
    assert number(value) == shown


def price(spec):
    terms = (2.0, 6.0, 0.0, 0.0, 0.0, 0.0)
    kernel = KernelResult("our_kernel", 4.0, terms, {}, 1, 1, 1, 0.0)
    return OperatorResult("o", spec.kind, 1, 8.0, 8.0, 8.0, 0.0, 1, 1, 1.0, (kernel, kernel))


CASE = {
    "op": "gemm", "m": 64, "n": 64, "k": 64, "dtype": "fp16", "us": 10.0, "us_min": 9.0,
    "us_max": 11.0, "kernels": [{"name": "their_kernel", "dur_us": 10.0}],
}  # fmt: skip
DATA = Dataset("d.json", {}, tuple({**CASE, "m": 64 * i} for i in range(1, 9)))


def test_validation_prints_the_check_half_first_and_the_worst_with_both_sides():
    text = text_of(
        render_validation(validate_measured(DATA, price, Roofline({"fp16": 1e12}, 1e12)))
    )
    order = [text.index(s) for s in ("check half", "fit half", "all cases", "worst cases")]
    assert order == sorted(order)
    assert "20.0" in text
    assert "2 x our_kernel" in text
    assert "10 µs  their_kernel" in text
    assert "compute 12 µs" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_class_behind_the_baseline_is_marked():
    exact = Roofline({"fp16": 1e30}, 1e30, launch_us=10.0)
    text = text_of(render_validation(validate_measured(DATA, price, exact)))
    assert "0.0 <" in text
    weak = Roofline({"fp16": 1e30}, 1e30, launch_us=1.0)
    assert "<" not in text_of(render_validation(validate_measured(DATA, price, weak)))


def test_models_sustained_and_published_print_their_rows():
    model = {"model": "vit", "batch": 1, "dtype": "fp16", "kernel_sum_us": 100.0,
             "graph_us": 120.0, "kernels": 5, "top": [["theirs", 5, 100.0]]}  # fmt: skip
    models = validate_models(
        Dataset("m.json", {}, (model,)), lambda c: (110.0, 120.0, [("ours", 4, 110.0)])
    )
    text = text_of(render_models(models))
    assert "+10.0" in text
    assert "4 kernels, measured 5" in text
    assert "theirs" in text
    steady = sustained(
        Dataset("s.json", {}, ({**CASE, "joules": 0.002, "sm_mhz": 1500.0},)),
        lambda c: (10.0, 0.003, 1500.0),
    )
    text = text_of(render_sustained(steady))
    assert "50.0" in text
    assert "gemm fp16" in text
    row = RowSpec("a_row", "q", "GB/s", 100.0, "V-log", "s", 0.1, True, How(({},), "metrics.x"))
    published = PublishedValidation(
        "p.yaml", (RowResult(row, 50.0), RowResult(row, None, "no such device"))
    )
    text = text_of(render_published(published))
    assert text.count("MISS") == 2
    assert "0.500" in text
    assert "no such device" in text
    assert "2 of 2 rows counted, 2 missed" in text
    counts = PublishedValidation("p.yaml", (RowResult(row, 16641.0), RowResult(row, 35861.2)))
    text = text_of(render_published(counts))
    assert "16 641" in text  # a count keeps its digits
    assert "35 860" in text
