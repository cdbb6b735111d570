// Brushing: designs inside a box or lasso on the chart become a table and a run file.
const MOST_BRUSHED = 200;

function wireBrush(chart, onPick) {
  chart.on("plotly_selected", (event) => {
    if (!event || !event.points) return;
    const rows = isMany() ? inside(event) : [...new Set(event.points.map((p) => p.customdata).filter((row) => row !== undefined))];
    showBrush(rows, onPick);
  });
  chart.on("plotly_deselect", () => showBrush([], onPick));
}

function showBrush(rows, onPick) {
  STATE.brushed = rows;
  paintCloud();
  $("brush").hidden = !rows.length;
  if (!rows.length) return;
  const objectives = DATA.metrics.filter((m) => DATA.minimize.includes(m.name));
  const first = objectives[0];
  const shown = least(rows, first.values).slice(0, MOST_BRUSHED);
  $("brush-hint").textContent = `${num(rows.length, 7)} designs brushed`
    + (shown.length < rows.length ? `, the best ${shown.length} listed` : "") + `. ${spans(rows)}`;
  table("brush-table",
    [["", "text"], ...DATA.axes.map((a) => [a.name, a.numeric ? "" : "text"]), ...objectives.map((m) => [m.label])],
    shown.map((i) => ({ pick: i, cells: [FRONT.has(i) ? "◆" : "",
      ...DATA.axes.map((a) => shorten(showValue(axisValue(a, i)), 40)), ...objectives.map((m) => num(m.values[i]))] })),
    onPick, STATE.row);
}

function spans(rows) {
  // Which values each axis takes among the brushed designs: what they have in common.
  return DATA.axes.filter((a) => a.values.length > 1).map((a) => {
    const seen = [...new Set(rows.map((row) => a.index[row]))].sort((x, y) => x - y).map((i) => showValue(a.values[i]));
    const text = seen.length === 1 ? seen[0] : a.numeric ? `${seen[0]} to ${seen[seen.length - 1]}` : seen.join(", ");
    return `${a.name}: ${shorten(text, 60)}`;
  }).join("; ");
}

function brushedRun() {
  // A run file that evaluates the brushed designs again: the base design and a list of points.
  const { devices, set, ...config } = structuredClone(DATA.config);
  const list = STATE.brushed.slice(0, 10000).map((row) => Object.fromEntries(DATA.axes.map((a) => [a.name, axisValue(a, row)])));
  const limits = DATA.limits && Object.keys(DATA.limits).length ? { constraints: DATA.limits } : {};
  return yaml(ordered({ ...config, sweep: { list }, minimize: DATA.minimize, ...limits }));
}
