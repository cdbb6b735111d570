"""The page in headless Chromium: charts drawn, clicks answered, nothing executed from names."""

import base64
import re
import subprocess
from dataclasses import replace

import pytest

from archsim.config.constraint import Constraint
from archsim.config.yaml_strict import parse_document
from archsim.metrics import KernelResult, OperatorResult
from archsim.metrics.kernel_timeline import kernel_timeline
from archsim.metrics.timeline import trace_events
from archsim.report import render_html

pytestmark = pytest.mark.system

HOSTILE = "</script><img src=x onerror=window.hacked=1>"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--enable-unsafe-swiftshader", "--enable-logging=stderr",
    "--virtual-time-budget=20000", "--dump-dom",
)  # fmt: skip

PROBE = """<script>
window.addEventListener("error", (e) => console.error("UNCAUGHT " + e.message));
setTimeout(() => {
  const say = (name, value) => document.body.setAttribute("data-" + name, value);
  const points = (id) => document.querySelectorAll(`#${id} .scatterlayer .point`).length;
  const chart = document.getElementById("pareto-chart");
  say("hacked", String(window.hacked));
  say("drawn", (chart.data || []).reduce((sum, t) => sum + t.x.length, 0));
  say("marks", points("pareto-chart"));
  say("roofline", points("roofline-chart"));
  say("bars", document.querySelectorAll("#operators-chart .bars .point").length);
  say("validation", points("validation-chart"));
  say("wide", document.documentElement.scrollWidth - window.innerWidth);
  const [batch] = DATA.axes;
  const clicked = batch.index.findIndex((v, i) => i !== DATA.best && batch.values[v] === 8);
  const event = { points: [{ customdata: clicked }], event: { clientX: 9, clientY: 9 } };
  if (chart.emit && clicked >= 0) {
    chart.emit("plotly_click", event);
    say("clicked", document.getElementById("design-yaml").textContent);
    chart.emit("plotly_hover", event);
    say("tip", document.getElementById("tip").textContent);
  }
  const rows = (id) => document.querySelectorAll(`#${id} tbody tr`);
  if (rows("front-table").length > 1) {
    rows("front-table")[1].dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    say("keyed", String(STATE.row === DATA.pareto.slice().sort((a, b) =>
      DATA.metrics[0].values[a] - DATA.metrics[0].values[b])[1]));
  }
  const back = () => getComputedStyle(document.body).backgroundColor;
  const before = back();
  document.getElementById("theme").click();
  say("theme", before + " " + back());
  const pick = document.getElementById("pick-y");
  if (pick) {
    pick.value = "power_w";
    pick.dispatchEvent(new Event("change"));
    say("picked", chart.layout.yaxis.title.text);
  }
  if (chart.emit && DATA.count > 2) {
    const box = [0, 1, 2].map((i) => ({ customdata: i }));
    chart.emit("plotly_selected", { points: [...box, { customdata: undefined }] });
    say("brushed", rows("brush-table").length + " " + $("brush").hidden);
    say("brush-run", btoa(unescape(encodeURIComponent(brushedRun()))));
    document.getElementById("brush-save").click();
    say("saved-brush", document.documentElement.dataset.saved);
    rows("brush-table")[1].click();
    say("brush-picked", String(STATE.brushed.includes(STATE.row)));
    chart.emit("plotly_deselect");
    say("unbrushed", String($("brush").hidden));
  }
  const beyond = (title) => {
    const a = title.getBoundingClientRect(), b = title.closest(".chart").getBoundingClientRect();
    return a.top < b.top - 1 || a.bottom > b.bottom + 1
      || a.left < b.left - 1 || a.right > b.right + 1;
  };
  say("cut", [...document.querySelectorAll(".chart .xtitle, .chart .ytitle")]
    .filter(beyond).map((title) => title.textContent).join(", "));
  say("cards", document.getElementById("cards").textContent);
  say("design-run", btoa(unescape(encodeURIComponent($("design-yaml").textContent))));
  say("timeline", document.querySelectorAll("#timeline-chart .bars .point").length);
  say("rtl", `${points("rtl-chart")} ${rows("rtl-table").length} ${$("rtl-hint").textContent}`);
  const saved = (id) => new Promise((done) => {
    const root = document.documentElement.dataset;
    root.saved = "";
    document.getElementById(id).click();
    const wait = () => root.saved ? done(root.saved) : setTimeout(wait, 50);
    wait();
  });
  (async () => {
    say("png", await saved("operators-png"));
    say("svg", await saved("operators-svg"));
    say("perfetto", await saved("timeline-perfetto"));
    say("done", "yes");
  })();
}, 3000);
</script></body>"""


@pytest.fixture
def browse(require_system, tmp_path):
    """Return a function: page, window size -> attributes the probe found; fails on an error."""
    program = require_system("chromium")

    def browse(page, size="1280,900"):
        file = tmp_path / "page.html"
        file.write_text(page.replace("</body>", PROBE), encoding="utf-8")
        done = subprocess.run(
            [program, *FLAGS, f"--window-size={size}", f"--user-data-dir={tmp_path / 'chrome'}",
             file.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        said = [x for x in done.stderr.splitlines() if "CONSOLE" in x]
        console = [x for x in said if "GL Driver Message" not in x]  # software WebGL's hints
        assert console == []
        (body,) = re.findall(r"<body[^>]*>", done.stdout)
        return dict(re.findall(r'data-([a-z-]+)="([^"]*)"', body))

    return browse


RTL = {
    "source": "cosim.json",
    "cases": [
        {"name": f"gemm {HOSTILE}", "simulator": "verilator", "rtl_cycles": 1000 * n, "seed": 1,
         "model_cycles": 1000 * n + 5, "bound_cycles": 900, "mismatches": n // 3,
         "design_digest": "abcdef0123456789"}
        for n in (1, 2, 3)
    ],
}  # fmt: skip


def events():
    made = kernel_timeline(
        "h200: vit", [("a", bar(1.0)), ("b", bar(3.0)), (HOSTILE, bar(2.0))], 6.0
    )
    return list(trace_events([made]))


def bar(us):
    kernel = KernelResult("k", us, (0, us / 2, 0, 0, us / 2, 0), {}, 1, 8, 0, 0)
    return OperatorResult("a", "gemm", 1, us, 0, 0, 0, 0, 0, 0, (kernel,))


def test_the_summary_counts_designs_within_the_limits_alone(browse, make_run):
    run = make_run()
    slow = sorted(p["metrics"]["latency_us"] for p in run.points if "metrics" in p)[-1]
    kept = [p for p in run.points if p.get("metrics", {}).get("latency_us") == slow]
    limits = (Constraint("latency_us", minimum=slow),)
    found = browse(render_html(replace(run, constraints=limits, pareto=[kept[0]["key"]])))
    assert f"{slow:.4g}leastlatency" in re.sub(r"\s", "", found["cards"])


def test_no_title_of_an_axis_is_cut_off(browse, make_run, validation):
    run = make_run(validation=validation, timeline=events(), rtl=RTL)
    history = ((48, 0.85), (96, 0.93), (144, 1.0))
    found = browse(render_html(replace(run, search="nsga2 (seed 7)", history=history)))
    assert found["done"] == "yes"
    assert found["cut"] == ""


def test_every_chart_is_drawn_and_a_click_shows_the_design(browse, make_run, validation):
    run = make_run(validation=validation, timeline=events(), rtl=RTL)
    found = browse(render_html(run))
    assert found["done"] == "yes"
    assert int(found["drawn"]) == 18 + len(run.pareto) + 1
    assert int(found["marks"]) == 18 + len(run.pareto) + 1
    assert int(found["roofline"]) == 2
    assert int(found["bars"]) >= 3 * 3
    assert int(found["validation"]) == 12
    assert int(found["wide"]) <= 0
    assert "batch: 8" in found["clicked"]
    assert "basis: chosen" in found["clicked"]
    assert "workload.batch: 8" in found["tip"]
    assert found["brushed"] == "3 false"
    assert found["brush-picked"] == found["unbrushed"] == "true"
    brushed = parse_document(base64.b64decode(found["brush-run"]).decode(), "brushed.yaml").data
    assert [row["workload.batch"] for row in brushed["sweep"]["list"]] == [1, 1, 1]
    assert brushed["minimize"] == ["latency_us", "energy_j"]
    assert found["saved-brush"].startswith("run-script-script-window-hacked-1")
    assert found["timeline"] == str(3 * 2 + 3 * 2)  # operators, kernels, compute, hbm
    assert found["rtl"].startswith("3 3 3 co-simulated cases of cosim.json (design abcdef012345)")
    assert "1 with wrong bits" in found["rtl"] and "within 0.5 %" in found["rtl"]
    assert re.search(r"-operators\.png data:image/png;base64,\w", found["png"])
    assert re.search(r"-operators\.svg data:image/svg\+xml", found["svg"])
    assert re.search(r"-timeline\.json blob:", found["perfetto"])
    assert found["keyed"] == "true"
    assert found["picked"] == "power (W)"
    assert len(set(re.findall(r"rgb\([^)]*\)", found["theme"]))) == 2


def test_hostile_names_stay_text(browse, run, hostile):
    assert hostile in run.title
    found = browse(render_html(run))
    assert found["hacked"] == "undefined"
    assert "onerror" in found["clicked"]


def test_a_phone_sees_no_sideways_scroll(browse, make_run, validation):
    found = browse(render_html(make_run(validation=validation)), "500,900")
    assert int(found["wide"]) <= 0
    assert int(found["bars"]) >= 3 * 3


def test_one_design_alone_has_its_operators_and_no_scatter(browse, make_run):
    run = make_run()
    point = run.points[0]
    alone = make_run(points=[point], pareto=[point["key"]], title="one")
    found = browse(render_html(alone))
    assert found["drawn"] == "0"
    assert int(found["bars"]) >= 3 * 3
