// What leaves the page: charts as PNG or SVG, designs as YAML, the timeline for Perfetto.
function save(name, url) {
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  document.documentElement.dataset.saved = `${name} ${url.slice(0, 60)}`;
}

function saveText(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  save(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

async function saveChart(id, format) {
  // As shown, on an opaque ground; PNG with three dots a pixel, for print.
  const chart = $(id), size = chart.getBoundingClientRect();
  const shown = { ...chart.layout, paper_bgcolor: css("--bg"), plot_bgcolor: css("--bg"), width: size.width, height: size.height };
  if (id === "pareto-chart" && isMany()) shown.images = [underlay()];
  const url = await Plotly.toImage({ data: chart.data, layout: shown }, { format, width: size.width, height: size.height, scale: format === "png" ? 3 : 1 });
  save(`${slug(DATA.title)}-${id.replace("-chart", "")}.${format}`, url);
}

function underlay() {
  // What is painted beneath the axes of the design space, as a picture of the chart itself.
  return { source: $("pareto-cloud").toDataURL(), xref: "paper", yref: "paper", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "stretch", layer: "below" };
}

const slug = (text) => text.replace(/[^A-Za-z0-9_-]+/g, "-").slice(0, 60) || "run";

function button(id, text, act, hint) {
  const node = el("button", { id, type: "button", class: "small", title: hint || text }, text);
  node.addEventListener("click", act);
  return node;
}

function exportButtons() {
  for (const chart of document.querySelectorAll(".chart")) {
    const name = chart.id.replace("-chart", "");
    chart.after(el("p", { class: "exports" },
      ...["png", "svg"].map((format) => button(`${name}-${format}`, format.toUpperCase(), () => saveChart(chart.id, format), `Save this chart as ${format.toUpperCase()}`))));
  }
  $("timeline-chart").nextSibling.append(button("timeline-perfetto", "Perfetto",
    () => saveText(`${slug(DATA.title)}-timeline.json`, perfettoTrace(), "application/json"), "Save as a trace that ui.perfetto.dev opens"));
}

function copyText(node, text) {
  // Pages opened from the file system may lack the clipboard: then the text is selected instead.
  const done = () => { node.dataset.copied = "yes"; node.textContent = "Copied"; setTimeout(() => { node.textContent = "Copy"; }, 1500); };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => selectText("design-yaml"));
  else selectText("design-yaml");
}

function selectText(id) {
  const range = document.createRange();
  range.selectNodeContents($(id));
  window.getSelection().removeAllRanges();
  window.getSelection().addRange(range);
}
