// Many designs: one picture under the axes instead of an element each. Every design has its dot, and hovering, clicking and
// brushing look through the columns, so none is out of reach.
const MANY = 3000;
const MANY_FRONT = 400;
const CLOUD = { x: null, y: null, rows: null, drawn: 0 };
const isMany = () => DATA.count > MANY;

function mask(size, inside) {
  // Offsets of the pixels of a mark that is "size" pixels wide.
  const half = (size - 1) / 2, found = [];
  for (let dy = 0; dy < size; dy++) for (let dx = 0; dx < size; dx++) {
    if (inside(Math.abs(dx - half), Math.abs(dy - half), half + 0.5)) found.push([dx - Math.floor(half), dy - Math.floor(half)]);
  }
  return found;
}
const disc = (dx, dy, r) => Math.hypot(dx, dy) <= r;
const cross = (dx, dy) => Math.abs(dx - dy) < 0.6;
const diamond = (dx, dy, r) => dx + dy <= r && dx + dy > r - 2;

function rgb(text) {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pen.fillStyle = text;
  pen.fillRect(0, 0, 1, 1);
  return Array.from(pen.getImageData(0, 0, 1, 1).data.slice(0, 3));
}

function shades(axisShown) {
  // A colour for each value of the axis, between the stops of the colour scale.
  const stops = SCALES[dark() ? "dark" : "light"].map(([at, colour]) => [at, rgb(colour)]);
  const last = axisShown.values.length - 1;
  return axisShown.values.map((_, i) => {
    const t = i / last, k = Math.min(stops.findIndex(([at]) => at >= t) || 1, stops.length - 1);
    const [[low, from], [high, to]] = [stops[k - 1], stops[k]];
    return from.map((c, j) => c + (to[j] - c) * (t - low) / (high - low));
  });
}

function place(values, range, log, length, flip) {
  // Where each value lies in pixels; NaN where it is off the scale.
  const found = new Float32Array(values.length), scale = length / (range[1] - range[0]);
  for (let i = 0; i < values.length; i++) {
    const v = log ? Math.log10(values[i]) : values[i];
    found[i] = flip ? length - (v - range[0]) * scale : (v - range[0]) * scale;
  }
  return found;
}

function paintCloud() {
  const chart = $("pareto-chart"), canvas = $("pareto-cloud");
  const size = chart._fullLayout && chart._fullLayout._size;
  canvas.hidden = !(isMany() && size);
  if (canvas.hidden) return;
  const dots = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.width = Math.max(1, Math.round(size.w * dots));
  const height = canvas.height = Math.max(1, Math.round(size.h * dots));
  Object.assign(canvas.style, { left: `${size.l}px`, top: `${size.t}px`, width: `${size.w}px`, height: `${size.h}px` });
  const { xaxis, yaxis } = chart.layout;
  CLOUD.x = place(metricOf(STATE.x).values, xaxis.range, xaxis.type === "log", size.w, false);
  CLOUD.y = place(metricOf(STATE.y).values, yaxis.range, yaxis.type === "log", size.h, true);
  const ink = new Float32Array(4 * width * height);
  const mark = (row, offsets, colour, alpha) => {
    const cx = Math.round(CLOUD.x[row] * dots), cy = Math.round(CLOUD.y[row] * dots);
    if (!(cx >= -9 && cx < width + 9 && cy >= -9 && cy < height + 9)) return;
    CLOUD.drawn++;
    for (let k = 0; k < offsets.length; k++) {
      const px = cx + offsets[k][0], py = cy + offsets[k][1];
      if (px < 0 || py < 0 || px >= width || py >= height) continue;
      const at = 4 * (py * width + px);
      for (let c = 0; c < 3; c++) ink[at + c] += (colour[c] - ink[at + c]) * alpha;
      ink[at + 3] += (1 - ink[at + 3]) * alpha;
    }
  };
  CLOUD.drawn = 0;
  paintMarks(mark, dots);
  canvas.getContext("2d").putImageData(blended(ink, width, height), 0, 0);
}

function paintMarks(mark, dots) {
  const swept = DATA.axes.find((a) => a.name === STATE.colour && a.values.length > 1);
  const colours = swept ? shades(swept) : [rgb(hue(1))], index = swept && swept.index;
  const dim = STATE.brushed.length ? 0.06 : 0.5;
  const dot = mask(Math.round((DATA.count > 20000 ? 3 : 4) * dots), disc), out = mask(Math.round(5 * dots), cross);
  const soft = rgb(css("--ink")), off = new Uint8Array(DATA.count);
  for (const row of DATA.broken) { off[row] = 1; mark(row, out, soft, dim * 0.6); }
  for (let row = 0; row < DATA.count; row++) if (!off[row]) mark(row, dot, colours[swept ? index[row] : 0], dim);
  for (const row of STATE.brushed) mark(row, off[row] ? out : dot, off[row] ? soft : colours[swept ? index[row] : 0], 0.8);
  if (DATA.pareto.length <= MANY_FRONT) return;
  const front = mask(Math.round(9 * dots), diamond), colour = rgb(css("--mark"));
  for (const row of DATA.pareto) mark(row, front, colour, 0.8);
}

function blended(ink, width, height) {
  // Colours were mixed from black: the share of ink in a pixel undoes that and becomes its opacity.
  const image = new ImageData(width, height), data = image.data;
  for (let at = 0; at < ink.length; at += 4) {
    const alpha = ink[at + 3];
    if (!alpha) continue;
    for (let c = 0; c < 3; c++) data[at + c] = ink[at + c] / alpha;
    data[at + 3] = 255 * alpha;
  }
  return image;
}

function nearest(left, top, reach = 8) {
  // The design next to a place on the plot, in pixels from its upper left corner; the front first.
  let found, best = reach * reach;
  const look = (row) => {
    const d = (CLOUD.x[row] - left) ** 2 + (CLOUD.y[row] - top) ** 2;
    if (d < best) { best = d; found = row; }
  };
  DATA.pareto.forEach(look);
  if (found === undefined) for (let row = 0; row < DATA.count; row++) look(row);
  return found;
}

function inside(event) {
  // The rows in what was drawn last: a box in the axes' values, or a lasso's corners.
  const x = metricOf(STATE.x).values, y = metricOf(STATE.y).values, rows = [];
  const box = event.range, lasso = event.lassoPoints;
  if (!box && !lasso) return rows;
  const [xs, ys] = box ? [box.x, box.y] : [lasso.x, lasso.y];
  const { xaxis, yaxis } = $("pareto-chart").layout;
  const scaled = (values, type) => Array.from(values, type === "log" ? Math.log10 : Number);
  const [px, py] = [scaled(xs, xaxis.type), scaled(ys, yaxis.type)];
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  for (let row = 0; row < DATA.count; row++) {
    if (!(x[row] >= left && x[row] <= right && y[row] >= low && y[row] <= high)) continue;
    if (box || within(px, py, xaxis.type === "log" ? Math.log10(x[row]) : x[row], yaxis.type === "log" ? Math.log10(y[row]) : y[row])) rows.push(row);
  }
  return rows;
}

function within(xs, ys, x, y) {
  let odd = false;
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    if ((ys[i] > y) !== (ys[j] > y) && x < (xs[j] - xs[i]) * (y - ys[i]) / (ys[j] - ys[i]) + xs[i]) odd = !odd;
  }
  return odd;
}

function wireCloud(chart, onHover, onPick) {
  for (const event of ["plotly_afterplot", "plotly_relayouting"]) chart.on(event, paintCloud);
  const over = (event) => {
    const area = $("pareto-cloud").getBoundingClientRect();
    const left = event.clientX - area.left, top = event.clientY - area.top;
    return left < 0 || top < 0 || left > area.width || top > area.height ? undefined : nearest(left, top);
  };
  chart.addEventListener("pointermove", (event) => onHover(event.buttons ? undefined : over(event), event));
  chart.addEventListener("pointerleave", (event) => onHover(undefined, event));
  let pressed = null;
  chart.addEventListener("pointerdown", (event) => { pressed = event.button === 0 && event.target.closest(".draglayer") ? event : null; });
  window.addEventListener("pointerup", (event) => {
    const still = pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < 4;
    const row = still ? over(event) : undefined;
    pressed = null;
    if (row !== undefined) onPick(row);
  });
}
