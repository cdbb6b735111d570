// The comparison of two runs.
const PICK = { x: DATA.metrics[0], y: DATA.metrics[1] || DATA.metrics[0] };
const NAMES = DATA.sides.map((side) => side.name);
const over = (a, b) => a && b !== null && b !== undefined ? num(b / a) : "–";
const show = (value) => value === null || value === undefined ? "–" : typeof value === "number" ? num(value, 6) : String(value);
// Logarithmic where a linear axis would hide the small values.
const scale = (values) => Math.min(...values) > 0 && Math.max(...values) > 30 * Math.min(...values) ? "log" : "linear";

function showSummary() {
  const best = DATA.metrics.map((name) => {
    const [a, b] = DATA.sides.map((side) => side.best ? side.best.metrics[name] : null);
    return [`best design: ${DATA.labels[name]}`, show(a), show(b), over(a, b)];
  });
  table("summary-table", [["", "text"], [NAMES[0]], [NAMES[1]], ["second / first"]], [...best,
    ["designs", ...DATA.sides.map((s) => num(s.finished, 7)), ""],
    ["failed", ...DATA.sides.map((s) => num(s.failed, 7)), ""],
    ["Pareto-optimal", ...DATA.sides.map((s) => num(s.front.length, 7)), ""],
    ["of the front of both", ...DATA.joint_front.map((n) => num(n, 7)), ""],
    ["share of its hypervolume", ...DATA.hypervolume.map((v) => `${(100 * v).toFixed(1)} %`), ""]]);
}

function showFronts() {
  const traces = DATA.sides.map((side, i) => {
    const points = side.front.filter((p) => PICK.x in p.metrics && PICK.y in p.metrics);
    const text = points.map((p) => Object.entries(p.overrides).map(([k, v]) => `${esc(k)}: <b>${esc(shorten(show(v), 60))}</b>`).join("<br>") || "the base design");
    return { type: "scatter", mode: "markers", name: esc(side.name), text,
      x: points.map((p) => p.metrics[PICK.x]), y: points.map((p) => p.metrics[PICK.y]),
      hovertemplate: `%{text}<br>${esc(DATA.labels[PICK.x])}: %{x:.4g}<br>${esc(DATA.labels[PICK.y])}: %{y:.4g}<extra>${esc(side.name)}</extra>`,
      marker: { size: 10, symbol: SYMBOLS[i], color: hue(i ? 4 : 1), opacity: 0.8 } };
  });
  const type = (name) => scale(DATA.sides.flatMap((s) => s.front.map((p) => p.metrics[name])));
  draw("fronts-chart", traces, { xaxis: axis(DATA.labels[PICK.x], type(PICK.x)), yaxis: axis(DATA.labels[PICK.y], type(PICK.y)),
    legend: { orientation: "h", y: 1.02, x: 0, yanchor: "bottom" }, margin: { l: 60, r: 16, t: 40, b: 50 } });
}

function showCommon() {
  const name = PICK.x, pairs = DATA.pairs[name] || [];
  const ratio = DATA.ratios.find((r) => r.metric === name);
  $("common-hint").textContent = `${num(ratio.points, 7)} designs were evaluated in both runs; ${num(DATA.only[0], 7)} only in the first, `
    + `${num(DATA.only[1], 7)} only in the second. ` + (ratio.geometric_mean === null ? "" :
    `${DATA.labels[name]}, second over first: mean ${num(ratio.geometric_mean)}, from ${num(ratio.least)} to ${num(ratio.most)}. On the line nothing changed.`);
  const ends = [Math.min(...pairs.flat()), Math.max(...pairs.flat())];
  const type = scale(ends);
  draw("common-chart", [
    { type: "scatter", mode: "lines", x: ends, y: ends, line: { color: css("--soft"), dash: "dot" }, hoverinfo: "skip", showlegend: false },
    { type: "scatter", mode: "markers", x: pairs.map((p) => p[0]), y: pairs.map((p) => p[1]), showlegend: false,
      hovertemplate: "%{x:.4g} → %{y:.4g}<extra></extra>", marker: { size: 7, color: hue(1), opacity: 0.6 } }],
  { xaxis: axis(`${DATA.labels[name]}, ${NAMES[0]}`, type), yaxis: axis(NAMES[1], type) });
}

function controls() {
  const choose = (id, title, key) => {
    const box = el("select", { id }, ...DATA.metrics.map((m) => el("option", { value: m }, DATA.labels[m])));
    box.value = PICK[key];
    box.addEventListener("change", () => { PICK[key] = box.value; showAll(); });
    return el("label", {}, `${title} `, box);
  };
  $("fronts-controls").replaceChildren(choose("pick-x", "across", "x"), choose("pick-y", "up", "y"));
}

const VISIBLE = { summary: true, fronts: true, common: DATA.ratios[0].points > 0,
  operators: DATA.operators.length + DATA.unexplained.length > 0, changes: DATA.changes.length > 0 };

function showAll() {
  for (const [id, shown] of Object.entries(VISIBLE)) $(id).hidden = !shown;
  $("toc").replaceChildren(...Object.keys(VISIBLE).filter((id) => VISIBLE[id])
    .map((id) => el("a", { href: `#${id}` }, $(id).querySelector("h2").textContent)));
  showSummary();
  showFronts();
  if (VISIBLE.common) showCommon();
  $("operators-hint").textContent = DATA.unexplained.join(" ");
  $("operators-table").hidden = !DATA.operators.length;
  table("operators-table", [["operator", "text name"], [`${NAMES[0]}, µs`], [`${NAMES[1]}, µs`], ["second / first"]],
    DATA.operators.map((op) => [shorten(op.name, 80), show(op.first_us), show(op.second_us), over(op.first_us, op.second_us)]));
  table("changes-table", [["path", "text"], [NAMES[0]], [NAMES[1]]],
    DATA.changes.map((c) => [c.path, shorten(show(c.first), 60), shorten(show(c.second), 60)]));
}

controls();
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  showAll();
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showAll);
showAll();
