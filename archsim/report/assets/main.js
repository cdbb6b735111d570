// What is shown, and what happens on a click.
const STATE = {
  row: DATA.best, brushed: [], log: false, frontLine: DATA.minimize.length === 2,
  x: DATA.minimize[0], y: DATA.minimize[1] || (DATA.metrics.find((m) => m.name !== DATA.minimize[0]) || {}).name,
  colour: (DATA.axes.find((a) => a.values.length > 1) || {}).name,
};
STATE.log = [STATE.x, STATE.y].some(spreads);

function spreads(name) {
  // Whether a metric spans so much that a linear scale would hide the small values.
  let low = Infinity, high = 0;
  for (const v of (metricOf(name) || { values: [] }).values) {
    if (v <= 0) return false;
    if (v < low || v > high) { low = Math.min(low, v); high = Math.max(high, v); }
  }
  return high > 30 * low;
}

const VISIBLE = {
  summary: true, pareto: DATA.count > 1 && STATE.x && STATE.y, search: DATA.search.history.length > 1,
  design: DATA.best !== null,
  roofline: false, operators: false, timeline: DATA.timeline.slices.ts.length > 0, estimated: false,
  validation: Boolean(DATA.validation), rtl: DATA.rtl.cases.length > 0, failures: DATA.failed.count > 0,
};

function select(id, title, options, value, change) {
  const box = el("select", { id }, ...options.map(([v, text]) => el("option", { value: v }, text)));
  box.value = value;
  box.addEventListener("change", () => change(box.value));
  return el("label", {}, `${title} `, box);
}

function controls() {
  const metrics = DATA.metrics.map((m) => [m.name, m.label]);
  const set = (name) => (value) => { STATE[name] = value; STATE.frontLine = isFrontPlane(); showPareto(); };
  const parts = [select("pick-x", "across", metrics, STATE.x, set("x")), select("pick-y", "up", metrics, STATE.y, set("y"))];
  if (DATA.axes.length) {
    parts.push(select("pick-colour", "colour", [["", "none"], ...DATA.axes.map((a) => [a.name, a.name])], STATE.colour || "", set("colour")));
  }
  parts.push(select("pick-scale", "scale", [["", "linear"], ["log", "logarithmic"]], STATE.log ? "log" : "", (v) => { STATE.log = v === "log"; showPareto(); }));
  $("pareto-controls").replaceChildren(...parts);
}

function isFrontPlane() {
  return DATA.minimize.length === 2 && STATE.x !== STATE.y && [STATE.x, STATE.y].every((n) => DATA.minimize.includes(n));
}

function showPareto() {
  if (!VISIBLE.pareto) return;
  drawPareto(STATE, pick);
  showFront(STATE, pick);
}

function pick(row) {
  STATE.row = row;
  showPareto();
  showSelected();
}

function showSelected() {
  if (STATE.row === null) return;
  showDesign(STATE.row);
  const own = DATA.details[STATE.row];
  const row = own ? STATE.row : DATA.best;
  const detail = own || DATA.details[DATA.best];
  VISIBLE.estimated = Boolean(detail);
  VISIBLE.operators = Boolean(detail || DATA.unexplained);
  VISIBLE.roofline = Boolean(detail && detail.device.bandwidth && Object.keys(detail.device.peaks).length
    && detail.operators.some((op) => op.flops > 0 && op.bytes > 0));
  reveal();
  $("operators-chart").hidden = !detail;
  if (!detail) { $("operators-hint").textContent = DATA.unexplained; return; }
  const whose = own ? `design ${designKey(row)}` : `the best design (${designKey(row)}); the operators of the selected one are not embedded`;
  const free = detail.operators.filter((op) => !(op.flops > 0)).length;
  $("roofline-hint").textContent = `Operators of ${whose}. Area is the share of time, shape and colour the largest term. Roofs are those of this design`
    + (free ? `; ${free} without arithmetic ${free === 1 ? "is" : "are"} not drawn.` : ".");
  $("operators-hint").textContent = `Operators of ${whose}, longest first`
    + (detail.left_out ? `; ${detail.left_out} more are left out.` : ".") + gaps(detail, row);
  if (VISIBLE.roofline) drawRoofline(detail);
  drawOperators(detail);
  showOperators(detail);
  showEstimated(detail);
}

function gaps(detail, row) {
  const latency = (metricOf("latency_us") || { values: [] }).values[row];
  const total = detail.operators.reduce((sum, op) => sum + op.us * op.count, 0);
  if (!latency || latency - total < 0.005 * latency || detail.left_out) return "";
  return ` Together they take ${duration(total)} of a latency of ${duration(latency)}; the rest lies between kernels.`;
}

function reveal() {
  const links = [];
  for (const [id, shown] of Object.entries(VISIBLE)) {
    $(id).hidden = !shown;
    if (shown) links.push(el("a", { href: `#${id}` }, $(id).querySelector("h2").textContent));
  }
  $("toc").replaceChildren(...links);
}

function showAll() {
  showSummary();
  reveal();
  showPareto();
  showSelected();
  if (VISIBLE.search) drawSearch();
  if (DATA.validation) { drawValidation(DATA.validation); showValidation(DATA.validation); }
  if (VISIBLE.timeline) drawTimeline();
  if (VISIBLE.rtl) { drawRtl(DATA.rtl.cases); showRtl(DATA.rtl); }
  if (DATA.failed.count) showFailures();
}

function actions() {
  const name = () => `${slug(DATA.title)}-${designKey(STATE.row)}.yaml`;
  $("design-actions").append(
    button("design-copy", "Copy", (event) => copyText(event.target, $("design-yaml").textContent), "Copy the run file"),
    button("design-save", "Save YAML", () => saveText(name(), $("design-yaml").textContent, "text/yaml"), "Save as a run file"));
  $("brush-actions").append(
    button("brush-save", "Save as a run file", () => saveText(`${slug(DATA.title)}-brushed.yaml`, brushedRun(), "text/yaml"), "A run of these designs alone"));
}

document.body.append(el("div", { id: "tip", role: "tooltip" }));
if (VISIBLE.pareto) controls();
exportButtons();
actions();
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  showAll();
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showAll);
let wasNarrow = narrow();
window.addEventListener("resize", () => { if (narrow() !== wasNarrow) { wasNarrow = narrow(); showAll(); } });
showAll();
document.documentElement.dataset.ready = "yes";
