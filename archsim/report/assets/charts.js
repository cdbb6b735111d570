// The charts. Each function draws one from DATA and the current selection.
const axisValue = (a, row) => a.values[a.index[row]];
const showValue = (v) => typeof v === "number" ? num(v, 5) : typeof v === "string" ? v : JSON.stringify(v);

function describe(row) {
  const parts = DATA.axes.map((a) => `${esc(a.name)}: <b>${esc(shorten(showValue(axisValue(a, row)), 60))}</b>`);
  const values = DATA.metrics.filter((m) => DATA.minimize.includes(m.name))
    .map((m) => `${esc(m.label)}: <b>${num(m.values[row])}</b>`);
  return [...parts, ...values].join("<br>");
}

function drawPareto(state, onPick) {
  const [mx, my] = [state.x, state.y].map(metricOf);
  const colour = DATA.axes.find((a) => a.name === state.colour && a.values.length > 1);
  const pick = (rows, values) => rows.map((i) => values[i]);
  const front = least(DATA.pareto, mx.values);
  const drawn = DATA.pareto.length <= MANY_FRONT || !isMany();
  const best = { type: "scatter", mode: [...(state.frontLine ? ["lines"] : []), ...(drawn ? ["markers"] : [])].join("+") || "none", name: "Pareto-optimal",
    x: pick(front, mx.values), y: pick(front, my.values), customdata: front,
    line: { color: css("--mark"), width: 1.5, dash: "dot", shape: "hv" },
    marker: { size: 11, symbol: "diamond-open", color: css("--mark"), line: { width: 2 } }, hoverinfo: "none" };
  const now = { type: "scatter", mode: "markers", name: "selected", x: [mx.values[state.row]], y: [my.values[state.row]],
    marker: { size: 19, symbol: "circle-open", color: css("--ink"), line: { width: 2.5 } }, hoverinfo: "skip" };
  draw("pareto-chart", [...(isMany() ? extent(mx, my, colour) : marks(mx, my, colour)), best, now], {
    xaxis: axis(mx.label, state.log ? "log" : "linear"), yaxis: axis(my.label, state.log ? "log" : "linear"),
    legend: { orientation: "h", y: 1.02, x: 0, yanchor: "bottom" }, margin: { l: 60, r: 16, t: 40, b: 50 },
    dragmode: "select", selectionrevision: "keep",
  }, ["select2d", "lasso2d"]);
  wireHover($("pareto-chart"), onPick);
  paintCloud();
}

const scaleOf = (colour) => ({ cmin: 0, cmax: colour.values.length - 1, colorscale: SCALES[dark() ? "dark" : "light"],
  colorbar: { title: { text: shorten(colour.name, 24), side: "right" }, thickness: 12, ...ticks(colour) } });

function marks(mx, my, colour) {
  // Some designs: a mark each, those that break a constraint apart.
  const all = Array.from({ length: DATA.count }, (_, i) => i), broken = new Set(DATA.broken);
  const pick = (rows, values) => rows.map((i) => values[i]);
  const trace = (rows, name, marker) => ({ type: "scatter", mode: "markers", name,
    x: pick(rows, mx.values), y: pick(rows, my.values), marker, hoverinfo: "none", customdata: rows });
  const kept = all.filter((i) => !broken.has(i)), rest = all.filter((i) => broken.has(i));
  const look = { size: 8, opacity: 0.85, color: colour ? pick(kept, colour.index) : hue(1), ...(colour ? scaleOf(colour) : {}) };
  const out = trace(rest, "break a constraint", { size: 8, symbol: "x", opacity: 0.35, color: css("--ink") });
  return [...(rest.length ? [out] : []), trace(kept, "designs", look)];
}

function extent(mx, my, colour) {
  // Many designs are painted beneath; their outermost values give the axes their range.
  const ends = (values) => {
    let low = Infinity, high = -Infinity;
    for (const v of values) if (v < low || v > high) { low = Math.min(low, v); high = Math.max(high, v); }
    return [low, high];
  };
  return [{ type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip", x: ends(mx.values), y: ends(my.values),
    marker: { opacity: 0, size: 8, color: [0, 0], ...(colour ? scaleOf(colour) : {}) } }];
}

function ticks(a) {
  const step = Math.ceil(a.values.length / 10);
  const at = a.values.map((_, i) => i).filter((i) => i % step === 0);
  return { tickvals: at, ticktext: at.map((i) => esc(shorten(showValue(a.values[i]), 16))) };
}

function drawSearch() {
  const [points, share] = [0, 1].map((column) => DATA.search.history.map((row) => row[column]));
  $("search-hint").textContent = `${DATA.search.text}. The line is the hypervolume of the front so far, as a share of the last one `
    + "(each objective from the best to the worst value seen, logarithmic where positive): where it is flat, further points found little.";
  draw("search-chart", [{ type: "scatter", mode: "lines", x: points, y: share, line: { color: css("--mark"), width: 2, shape: "hv" },
    hovertemplate: "%{x} points: %{y:.4f}<extra></extra>" }],
  { xaxis: axis("points evaluated"), yaxis: axis("share of hypervolume"), margin: { l: 60, r: 16, t: 20, b: 50 } });
}

let wired = false;
function wireHover(chart, onPick) {
  // The hover text is made when it is needed: embedding one per point would double the page.
  if (wired) return;
  wired = true;
  wireBrush(chart, onPick);
  if (isMany()) { wireCloud(chart, showTip, onPick); return; }
  chart.on("plotly_hover", (event) => showTip(event.points[0].customdata, event.event));
  chart.on("plotly_unhover", () => showTip(undefined));
  chart.on("plotly_click", (event) => {
    if (event.points[0].customdata !== undefined) onPick(event.points[0].customdata);
  });
}

function showTip(row, mouse) {
  const tip = $("tip");
  tip.style.visibility = row === undefined ? "hidden" : "visible";
  if (row === undefined) return;
  tip.innerHTML = describe(row);
  tip.style.left = `${Math.max(4, Math.min(mouse.clientX + 14, window.innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${mouse.clientY + 14}px`;
}

const dominant = (op) => op.terms.indexOf(Math.max(...op.terms));

function roofs(device, low, high) {
  const bandwidth = device.bandwidth;
  const groups = new Map();
  for (const [dtype, peak] of Object.entries(device.peaks)) {
    groups.set(peak, [...(groups.get(peak) || []), dtype]);
  }
  return [...groups.entries()].sort((a, b) => a[0] - b[0]).map(([peak, dtypes]) => {
    const ridge = peak / bandwidth;
    return { peak, names: dtypes.join(", "),
      x: [Math.min(low, ridge / 2), ridge, Math.max(high, ridge * 4)],
      y: [Math.min(low, ridge / 2) * bandwidth, peak, peak] };
  });
}

function drawRoofline(detail) {
  const ops = detail.operators.filter((op) => op.flops > 0 && op.bytes > 0 && op.us > 0);
  const total = detail.operators.reduce((sum, op) => sum + op.us * op.count, 0);
  const x = ops.map((op) => op.flops / op.bytes);
  const low = Math.min(0.25, ...x), high = Math.max(narrow() ? 3e4 : 1e4, ...x);
  const lines = roofs(detail.device, low, high).map((roof) => ({
    type: "scatter", mode: "lines", x: roof.x, y: roof.y, showlegend: false,
    line: { color: css("--soft"), width: 1.5 }, hoverinfo: "skip" }));
  const labels = roofs(detail.device, low, high).map((roof) => ({
    x: Math.log10(roof.x[2]), y: Math.log10(roof.peak), xanchor: "right", yanchor: "bottom", showarrow: false,
    text: `${esc(roof.names)} · ${si(roof.peak, "FLOP/s")}`, font: { size: 12, color: css("--soft") },
    bgcolor: css("--bg"), borderpad: 1 }));
  const points = DATA.terms.map((term, t) => {
    const mine = ops.filter((op) => dominant(op) === t);
    return { type: "scatter", mode: "markers", name: term,
      x: mine.map((op) => op.flops / op.bytes), y: mine.map((op) => op.flops / op.us * 1e6),
      marker: { color: hue(t), symbol: SYMBOLS[t], line: { width: 1, color: css("--bg") },
        size: mine.map((op) => 9 + 22 * Math.sqrt(op.us * op.count / total)) },
      text: mine.map((op) => `<b>${esc(shorten(op.name, 60))}</b> (${esc(op.kind)})<br>${num(100 * op.us * op.count / total, 3)} % of the time, `
        + `${op.count} × ${duration(op.us)}<br>${si(op.flops / op.us * 1e6, "FLOP/s")} at ${num(op.flops / op.bytes, 3)} FLOP/B`),
      hovertemplate: "%{text}<extra></extra>" };
  }).filter((trace) => trace.x.length);
  draw("roofline-chart", [...lines, ...points], {
    annotations: labels, xaxis: axis("arithmetic intensity (FLOP per byte)", "log"),
    yaxis: { ...axis("achieved FLOP/s", "log"), tickformat: "~s" }, legend: { orientation: "h", y: 1.02, x: 0, yanchor: "bottom" },
    margin: { l: 60, r: 16, t: 40, b: 50 } });
}

function drawOperators(detail) {
  const most = narrow() ? 12 : 20;
  const shown = detail.operators.slice(0, most), rest = detail.operators.slice(most);
  const rows = shown.map((op) => ({ name: shorten(op.name, narrow() ? 16 : 34), op, terms: op.terms.map((t) => t * op.count) }));
  if (rest.length) {
    rows.push({ name: `${rest.length} others`, op: null,
      terms: DATA.terms.map((_, t) => rest.reduce((sum, op) => sum + op.terms[t] * op.count, 0)) });
  }
  const total = detail.operators.reduce((sum, op) => sum + op.us * op.count, 0);
  const at = rows.map((_, i) => i);
  const traces = DATA.terms.map((term, t) => ({
    type: "bar", orientation: "h", name: term, y: at, x: rows.map((r) => r.terms[t]),
    marker: { color: hue(t), pattern: { shape: PATTERNS[t], size: 6, solidity: 0.22, fillmode: "overlay", fgcolor: css("--bg") } },
    text: rows.map((r) => `<b>${esc(r.op ? shorten(r.op.name, 60) : r.name)}</b><br>${term}: ${duration(r.terms[t])}, ${num(100 * r.terms[t] / total, 3)} % of all`),
    textposition: "none", hovertemplate: "%{text}<extra></extra>" })).filter((trace) => trace.x.some((v) => v > 0));
  $("operators-chart").style.height = `${130 + 26 * rows.length}px`;
  draw("operators-chart", traces, {
    barmode: "stack", bargap: 0.25, xaxis: axis("time in one pass (µs)"),
    yaxis: axis("", "linear", { autorange: "reversed", tickvals: at, ticktext: rows.map((r) => esc(r.name)), showgrid: false, zeroline: false }),
    legend: { orientation: "h", y: 1.01, x: 0, yanchor: "bottom", traceorder: "normal" }, margin: { l: 60, r: 16, t: 40, b: 50 } });
}

function drawValidation(validation) {
  const ops = [...new Set(validation.cases.map((c) => c[0]))];
  const times = validation.cases.flatMap((c) => [c[1], c[2]]);
  const ends = [Math.min(...times) / 1.3, Math.max(...times) * 1.3];
  const lines = [[1, "solid"], [1.25, "dot"], [0.8, "dot"]].map(([factor, dash]) => ({
    type: "scatter", mode: "lines", x: ends, y: ends.map((t) => t * factor), showlegend: false, hoverinfo: "skip",
    line: { color: css("--soft"), width: 1.2, dash } }));
  const points = ops.map((op, i) => {
    const mine = validation.cases.filter((c) => c[0] === op);
    return { type: "scatter", mode: "markers", name: op, x: mine.map((c) => c[1]), y: mine.map((c) => c[2]),
      marker: { color: hue(i + 1), symbol: mine.map((c) => SYMBOLS[i % SYMBOLS.length] + (c[3] ? "" : "-open")), size: 8 },
      text: mine.map((c) => `<b>${esc(op)}</b> (${c[3] ? "check" : "fit"} half)<br>measured ${duration(c[1])}, predicted ${duration(c[2])}<br>${num(100 * (c[2] / c[1] - 1), 3)} %`),
      hovertemplate: "%{text}<extra></extra>" };
  });
  $("validation-chart").style.height = narrow() ? "600px" : "560px";
  draw("validation-chart", [...lines, ...points], {
    xaxis: axis("measured (µs)", "log"), yaxis: axis("predicted (µs)", "log") });
}

function drawRtl(cases) {
  const cycles = cases.flatMap((c) => [c.rtl, c.model]);
  const ends = [Math.min(...cycles) / 1.3, Math.max(...cycles) * 1.3];
  const line = { type: "scatter", mode: "lines", x: ends, y: ends, showlegend: false, hoverinfo: "skip", line: { color: css("--soft"), width: 1.2 } };
  const marks = [[true, "bits equal", "circle", hue(3)], [false, "bits differ", "x", css("--mark")]].map(([good, name, symbol, color]) => {
    const mine = cases.filter((c) => (c.mismatches === 0) === good);
    return { type: "scatter", mode: "markers", name, x: mine.map((c) => c.rtl), y: mine.map((c) => c.model), marker: { color, symbol, size: 9 },
      text: mine.map((c) => `<b>${esc(c.name)}</b><br>RTL ${num(c.rtl, 9)}, model ${num(c.model, 9)} cycles`), hovertemplate: "%{text}<extra></extra>" };
  }).filter((trace) => trace.x.length);
  draw("rtl-chart", [line, ...marks], { xaxis: axis("RTL cycles", "log"), yaxis: axis("predicted cycles", "log"),
    legend: { orientation: "h", y: 1.02, x: 0, yanchor: "bottom" }, margin: { l: 60, r: 16, t: 40, b: 50 } });
}
