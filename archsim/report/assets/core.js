"use strict";
// Shared by all charts: the data, number formats, colours and small DOM helpers.
// Text reaches the page through textContent or esc() only: names are data, never markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  for (const child of children) {
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const esc = (text) => String(text)
  .replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function num(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e7 || size < 1e-3) return (+value.toPrecision(digits)).toExponential().replace("e+", "e");
  const text = size >= 10 ** digits ? String(Math.round(value)) : String(+value.toPrecision(digits));
  return text.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, " ");
}

function si(value, unit) {
  for (const [factor, prefix] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= factor) return `${+(value / factor).toPrecision(4)} ${prefix}${unit}`;
  }
  return `${+value.toPrecision(4)} ${unit}`;
}

function duration(us) {
  if (us < 1) return `${+(us * 1e3).toPrecision(3)} ns`;
  if (us < 1e3) return `${+us.toPrecision(4)} µs`;
  if (us < 1e6) return `${+(us / 1e3).toPrecision(4)} ms`;
  return `${+(us / 1e6).toPrecision(4)} s`;
}

const shorten = (text, limit) =>
  text.length <= limit ? text : `${text.slice(0, Math.ceil(limit / 2) - 1)}…${text.slice(-Math.floor(limit / 2))}`;

const narrow = () => window.innerWidth <= 600;

function dark() {
  const forced = document.documentElement.dataset.theme;
  return forced ? forced === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
}

// Distinguishable with the common colour blindnesses, on either background.
const HUES = {
  light: ["#7a7f87", "#0b62a8", "#7b3fa0", "#00795c", "#c75000", "#b08900", "#b3261e", "#4a5a00", "#00838f", "#ad1457", "#5d4037", "#283593", "#558b2f", "#6a1b9a"],
  dark: ["#a4abb5", "#6db7f5", "#c9a0ec", "#3fcf9f", "#ff9a52", "#f0cf4f", "#ff8f85", "#c3d36a", "#4dd0e1", "#f48fb1", "#bcaaa4", "#9fa8da", "#aed581", "#ce93d8"],
};
const SCALES = {
  light: [[0, "#cfa900"], [0.5, "#1f8f80"], [1, "#3b1c72"]], dark: [[0, "#4f83dc"], [0.5, "#3fcf9f"], [1, "#fde76a"]],
};
const PATTERNS = ["", "", ".", "\\", "", "/"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon", "hexagon", "triangle-down", "hourglass", "bowtie", "star-square", "triangle-right"];
const hue = (i) => HUES[dark() ? "dark" : "light"][i % HUES.light.length];

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(title, type, more) {
  return Object.assign({
    title: { text: title, standoff: 8 }, type: type || "linear", gridcolor: css("--line"),
    zerolinecolor: css("--line"), linecolor: css("--line"), automargin: true,
    exponentformat: "SI", ...(type === "log" ? { dtick: 1, minor: { ticks: "outside" } } : {}),
  }, more);
}

function layout(more) {
  return Object.assign({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: narrow() ? 12 : 14, color: css("--ink") },
    margin: { l: 60, r: 16, t: 16, b: 50 }, hovermode: "closest",
    hoverlabel: { align: "left", font: { size: 13 } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--line"), activecolor: css("--accent") },
    legend: { orientation: "h", y: -0.2, x: 0, xanchor: "left", yanchor: "top" },
  }, more);
}

const config = (tools = []) => ({
  responsive: true, displaylogo: false, displayModeBar: narrow() ? false : "hover",
  modeBarButtons: [[...tools, "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
});
const draw = (id, traces, more, tools) => Plotly.react(id, traces, layout(more), config(tools));

function table(id, columns, rows, onPick, current) {
  // columns: [title, class]; rows: arrays of text, or {cells, class, pick}.
  const head = el("tr", {}, ...columns.map(([title, kind]) => el("th", { class: kind || "" }, title)));
  const body = rows.map((row) => {
    const cells = row.cells || row;
    const line = el("tr", { class: row.class || "" },
      ...cells.map((cell, i) => el("td", { class: columns[i][1] || "" }, cell)));
    if (onPick && row.pick !== undefined) {
      line.className = row.pick === current ? "pick now" : "pick";
      line.tabIndex = 0;
      line.addEventListener("click", () => onPick(row.pick));
      line.addEventListener("keydown", (event) => { if (event.key === "Enter") onPick(row.pick); });
    }
    return line;
  });
  $(id).replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
}
