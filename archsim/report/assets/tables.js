// Tables, cards and the YAML of one design.
function yamlScalar(value) {
  if (typeof value === "number" && Math.abs(value) >= 1e6) {
    const short = value.toExponential().replace("e+", "e");
    return short.length < String(value).length ? short : String(value);
  }
  if (typeof value !== "string") return value === null ? "null" : String(value);
  const bare = /^[A-Za-zµ_/][\w ./µ()+%²·-]*$/.test(value) && !/ $/.test(value)
    && !/^(true|false|null|yes|no|on|off|y|n|nan|inf)$/i.test(value);
  return bare ? value : JSON.stringify(value);
}

const isLeaf = (v) => v === null || typeof v !== "object" || Object.keys(v).length === 0;
const isFlat = (v) => Array.isArray(v) ? v.every(isLeaf)
  : Object.keys(v).length <= 6 && "value" in v && Object.values(v).every(isLeaf);

function yamlInline(value) {
  if (isLeaf(value)) return value !== null && typeof value === "object" ? (Array.isArray(value) ? "[]" : "{}") : yamlScalar(value);
  if (Array.isArray(value)) return `[${value.map(yamlInline).join(", ")}]`;
  return `{${Object.entries(value).map(([k, v]) => `${yamlScalar(k)}: ${yamlInline(v)}`).join(", ")}}`;
}

function yaml(value, indent = "") {
  if (isLeaf(value) || isFlat(value)) return `${indent}${yamlInline(value)}\n`;
  const entries = Array.isArray(value) ? value.map((v) => ["-", v]) : Object.entries(value).map(([k, v]) => [`${yamlScalar(k)}:`, v]);
  return entries.map(([head, v]) => isLeaf(v) || isFlat(v)
    ? `${indent}${head} ${yamlInline(v)}\n` : `${indent}${head}\n${yaml(v, `${indent}  `)}`).join("");
}

function override(config, path, value) {
  // Returns whether the path could be set; a constant keeps its unit and is marked as chosen.
  const steps = path.split(".");
  let node = config;
  for (const step of steps.slice(0, -1)) {
    if (node === null || typeof node !== "object" || !Object.hasOwn(node, step)) return false;
    node = node[step];
  }
  const last = steps[steps.length - 1];
  if (node === null || typeof node !== "object" || Array.isArray(node)) return false;
  const old = Object.hasOwn(node, last) ? node[last] : null;
  const constant = old !== null && typeof old === "object" && "value" in old && "basis" in old;
  node[last] = constant && (value === null || typeof value !== "object")
    ? { value, unit: old.unit, basis: "chosen", source: "a value of the sweep", uncertainty: 0 } : value;
  return true;
}

const ORDER = ["workload", "device", "execution", "sweep", "minimize", "machine", "name", "title", "value", "unit", "basis", "source", "uncertainty"];

function ordered(value) {
  // Plain data with the keys people look for first; the others keep their order.
  if (isLeaf(value) || Array.isArray(value)) return value;
  const rank = (key) => ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length;
  const entries = Object.entries(value).map(([k, v]) => [k, ordered(v)]);
  return Object.fromEntries(entries.sort((a, b) => rank(a[0]) - rank(b[0])));
}

function designConfig(row) {
  // "devices" holds the devices that a sweep names; the one of this design takes its place.
  const { devices = {}, ...config } = structuredClone(DATA.config);
  const unset = {};
  const deviceFirst = [...DATA.axes].sort((a, b) => (b.name === "device") - (a.name === "device"));
  for (const a of deviceFirst) {
    const value = axisValue(a, row);
    if (a.name === "device" && Object.hasOwn(devices, value)) config.device = devices[value];
    else if (!override(config, a.name, value)) unset[a.name] = value;
  }
  if (Object.keys(unset).length) config.set = unset;
  return ordered(config);
}

function showYaml(id, text) {
  $(id).replaceChildren(...text.split(/(?<=\n)/).map((line) =>
    /basis: chosen\b/.test(line) ? el("span", { class: "chosen" }, line) : document.createTextNode(line)));
}

function showDesign(row) {
  const front = FRONT.has(row) ? ", Pareto-optimal" : "";
  const broken = DATA.broken.includes(row) ? `, breaks a constraint (${DATA.constraints.join(", ")})` : "";
  const best = row === DATA.best ? ", best by the first objective" : "";
  const cards = [
    ...DATA.axes.map((a) => card(showValue(axisValue(a, row)), a.name)),
    ...DATA.metrics.filter((m) => DATA.minimize.includes(m.name)).map((m) => card(num(m.values[row]), m.label)),
  ];
  $("design-head").replaceChildren(
    el("p", { class: "hint" }, `Design ${designKey(row)}${best}${front}${broken}.`), el("div", { class: "cards" }, ...cards));
  showYaml("design-yaml", yaml(designConfig(row)));
}

const card = (value, name) => el("div", { class: "card" }, el("b", {}, value), el("span", {}, name));

function showSummary() {
  const count = DATA.count;
  const total = count + DATA.left_out;
  const cards = [card(num(total, 7), total === 1 ? "design evaluated" : "designs evaluated")];
  if (DATA.left_out) cards.push(card(num(count, 7), "of them shown here, the Pareto front included"));
  if (DATA.failed.count) cards.push(card(num(DATA.failed.count, 7), "failed, see below"));
  if (count > 1) cards.push(card(num(DATA.pareto.length, 7), "Pareto-optimal"));
  if (DATA.constraints.length) {
    cards.push(card(num(count - DATA.broken.length, 7), `shown designs keep ${DATA.constraints.join(", ")}`));
  }
  for (const name of DATA.pareto.length ? DATA.minimize : []) {  // the front has the least of each
    const metric = metricOf(name);
    const lowest = DATA.pareto.reduce((low, row) => Math.min(low, metric.values[row]), Infinity);
    cards.push(card(num(lowest), `least ${metric.label}`));
  }
  if (DATA.validation) {
    const summary = (DATA.validation.summaries.check || DATA.validation.summaries.all).overall;
    if (summary.mape !== null) cards.push(card(`${num(summary.mape, 3)} %`, `mean error on ${summary.n} measured kernels not used for fitting`));
  }
  $("cards").replaceChildren(...cards);
  const about = [DATA.device.name, DATA.device.machine].filter(Boolean).join(" · ");
  $("subtitle").textContent = about ? `Device ${about}` : "";
}

function showFront(state, onPick) {
  const limit = 200;
  const first = metricOf(DATA.minimize[0]);
  if (!DATA.pareto.length || DATA.count < 2 || !first) { $("front").replaceChildren(); return; }
  const rows = least(DATA.pareto, first.values);
  const objectives = DATA.metrics.filter((m) => DATA.minimize.includes(m.name));
  $("front").replaceChildren(
    el("p", { class: "hint" }, rows.length > limit ? `The first ${limit} of ${rows.length} Pareto-optimal designs.` : "Pareto-optimal designs."),
    el("div", { id: "front-table", class: "scroll" }));
  table("front-table",
    [...DATA.axes.map((a) => [a.name, a.numeric ? "" : "text"]), ...objectives.map((m) => [m.label])],
    rows.slice(0, limit).map((i) => ({ pick: i,
      cells: [...DATA.axes.map((a) => shorten(showValue(axisValue(a, i)), 40)), ...objectives.map((m) => num(m.values[i]))] })),
    onPick, state.row);
}

function showOperators(detail) {
  const total = detail.operators.reduce((sum, op) => sum + op.us * op.count, 0);
  table("operators-table",
    [["operator", "text name"], ["kind", "text"], ["count"], ["µs each"], ["low – high"], ["bound µs"], ["share"], ["mostly", "text"], ["kernels", "text wide"]],
    detail.operators.map((op) => [
      shorten(op.name, 80), op.kind, op.count, num(op.us), op.low_us === op.high_us ? "–" : `${num(op.low_us, 3)} – ${num(op.high_us, 3)}`,
      num(op.bound_us, 3), `${(100 * op.us * op.count / total).toFixed(1)} %`, DATA.terms[dominant(op)], op.kernels.join(", ")]));
}

function showEstimated(detail) {
  const rows = detail.estimated;
  $("estimated-hint").textContent = rows.length
    ? "These constants are estimates. The change of latency is what the edge of their uncertainty does to this design."
    : "No estimated constant changes the latency of this design.";
  if (rows.length) table("estimated-table", [["constant", "text"], ["change of latency"]],
    rows.map(([path, change]) => [path, `±${num(100 * Math.abs(change), 3)} %`]));
  else $("estimated-table").replaceChildren();
  if (detail.notes.length) {
    $("estimated-table").append(el("p", { class: "hint" }, "Notes of the model:"), el("ul", {}, ...detail.notes.map((note) => el("li", {}, note))));
  }
}

function showValidation(validation) {
  const side = validation.summaries.check ? "check" : "all";
  const { overall, by_op: byOp } = validation.summaries[side];
  $("validation-hint").textContent = `${validation.cases.length} cases of ${validation.source}. Solid marks judge (check half), open marks were `
    + "open to fitting; dotted lines are ±25 %. The half of a case depends on nothing but its shape, so one shape never stands on both "
    + `sides. L2 was ${validation.caches === "warm" ? "as the last run of the case left it" : "emptied before each run"}. `
    + `Errors below are those of the ${side === "check" ? "check half" : "whole set"}; repeat is half the spread of the measurement itself.`;
  const percent = (v) => v === null ? "–" : `${num(v, 3)} %`;
  const line = (name, s) => [name, s.n, percent(s.mape), percent(s.median), percent(s.max), s.correlation === null ? "–" : s.correlation.toFixed(4), percent(s.repeat), percent(s.baseline)];
  table("validation-table",
    [["class", "text"], ["n"], ["MAPE"], ["median"], ["max"], ["r (log)"], ["repeat"], ["roofline + launch"]],
    [...Object.entries(byOp).map(([op, s]) => line(op, s)), { cells: line("overall", overall), class: "sum" }]);
  if (validation.classes.length) table("classes-table",
    [["class", "text"], ["n"], ["goal"], ["MAPE"], ["median"], ["max"], ["repeat"], ["roofline + launch"]],
    validation.classes.map((c) => [c.name, c.n, percent(c.goal), percent(c.mape), percent(c.median), percent(c.max), percent(c.repeat), percent(c.baseline)]));
  if (validation.choices.length) table("choices-table",
    [["choice of kernel", "text"], ["n"], ["recorded kernel given"], ["own choice"], ["ranked"], ["tile top-1"], ["tile top-3"], ["regret µs"]],
    validation.choices.map((c) => [c.name, c.n, percent(c.recorded), percent(c.own), c.ranked, percent(c.top1), percent(c.top3), num(c.regret_us, 3)]));
  table("peers-table", validation.peers.columns.map((name) => [name, "text wide"]), validation.peers.rows);
}

function showFailures() {
  const { count, listed } = DATA.failed;
  $("failures-hint").textContent = count > listed.length ? `The first ${listed.length} of ${count}.` : `${count} ${count === 1 ? "point has" : "points have"} no answer.`;
  table("failures-table", [["key", "text"], ["design", "text wide"], ["reason", "text wide"]],
    listed.map((f) => [f.key, Object.entries(f.overrides).map(([k, v]) => `${k}=${showValue(v)}`).join(", "), f.error]));
}

function showRtl({ cases, source, digests }) {
  const wrong = cases.filter((c) => c.mismatches).length;
  const worst = Math.max(...cases.map((c) => Math.abs(c.model / c.rtl - 1)));
  $("rtl-hint").textContent = `${cases.length} co-simulated ${cases.length === 1 ? "case" : "cases"} of ${source}`
    + `${digests.length ? ` (design ${digests.map((d) => d.slice(0, 12)).join(", ")})` : ""}: `
    + `${wrong ? `${wrong} with wrong bits` : "every bit equal to the reference"}, cycles within ${num(100 * worst, 2)} % of the prediction.`;
  table("rtl-table",
    [["case", "text name"], ["simulator", "text"], ["RTL cycles"], ["model cycles"], ["error"], ["bound cycles"], ["wrong values"]],
    cases.map((c) => ({ class: c.mismatches ? "bad" : "", cells: [c.name, c.simulator, num(c.rtl, 9), num(c.model, 9),
      `${(100 * (c.model / c.rtl - 1)).toFixed(2)} %`, num(c.bound, 9), num(c.mismatches, 9)] })));
}
