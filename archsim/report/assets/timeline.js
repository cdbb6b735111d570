// The timeline of the best design: a row for each track, a bar for each slice.
const WORK = "work";

function kindColour(kind) {
  const term = DATA.terms.indexOf(kind);
  return kind === WORK ? css("--soft") : hue(term >= 0 ? term : DATA.terms.length);
}

function drawTimeline() {
  const { tracks, names, kinds, slices, left_out: rest, title } = DATA.timeline;
  $("timeline-hint").textContent = `${title}. Each row is a unit or a resource; drag to zoom, double-click to see all.`
    + (rest ? ` The first ${num(slices.ts.length)} of ${num(slices.ts.length + rest)} slices.` : "");
  const label = tracks.map((t) => shorten(t, narrow() ? 14 : 30));
  const traces = kinds.map((kind, k) => {
    const mine = slices.kind.map((v, i) => (v === k ? i : -1)).filter((i) => i >= 0);
    return { type: "bar", orientation: "h", name: kind, y: mine.map((i) => slices.track[i]),
      base: mine.map((i) => slices.ts[i]), x: mine.map((i) => slices.dur[i]), width: 0.8,
      marker: { color: kindColour(kind), line: { width: mine.length > 400 ? 0 : 0.5, color: css("--bg") } },
      text: mine.map((i) => `<b>${esc(shorten(names[slices.name[i]], 60))}</b><br>${duration(slices.dur[i] || 0)} from ${duration(slices.ts[i])}`),
      textposition: "none", hovertemplate: "%{text}<extra>%{fullData.name}</extra>" };
  });
  $("timeline-chart").style.height = `${150 + 30 * tracks.length}px`;
  draw("timeline-chart", traces, { barmode: "overlay", dragmode: "zoom",
    xaxis: axis("time (µs)"), yaxis: axis("", "linear", { autorange: "reversed", fixedrange: true, showgrid: false, zeroline: false,
      tickvals: tracks.map((_, i) => i), ticktext: label.map(esc) }),
    legend: { orientation: "h", y: 1.01, x: 0, yanchor: "bottom" }, margin: { l: 60, r: 16, t: 40, b: 50 } });
}

function perfettoTrace() {
  // The embedded slices as a trace-event file, for a page that travelled without its folder.
  const { title, tracks, names, kinds, slices } = DATA.timeline, first = 1001; // as archsim/metrics/timeline.py
  const head = [{ ph: "M", pid: 1, tid: 0, name: "process_name", args: { name: title } },
    ...tracks.map((name, i) => ({ ph: "M", pid: 1, tid: first + i, name: "thread_name", args: { name } }))];
  const body = slices.ts.map((ts, i) => ({ ph: "X", pid: 1, tid: first + slices.track[i], ts, dur: slices.dur[i],
    name: names[slices.name[i]], cat: kinds[slices.kind[i]] }));
  return JSON.stringify({ traceEvents: [...head, ...body] });
}
