// Columns of numbers arrive as base64 text of little-endian words; each is decoded when it is first used.
const WORDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

function unpacked(column) {
  const [[type, text]] = Object.entries(column);
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new WORDS[type](bytes.buffer);
}

function lazy(owner, name) {
  const packed = owner[name];
  Object.defineProperty(owner, name, { configurable: true, get() {
    const value = unpacked(packed);
    Object.defineProperty(owner, name, { value });
    return value;
  } });
}

for (const metric of DATA.metrics) lazy(metric, "values");
for (const swept of DATA.axes) lazy(swept, "index");
lazy(DATA, "broken");

const FRONT = new Set(DATA.pareto);
const designKey = (row) => DATA.keys.text.slice(row * DATA.keys.width, (row + 1) * DATA.keys.width).trim();
const metricOf = (name) => DATA.metrics.find((m) => m.name === name);
const least = (rows, values) => Array.from(rows).sort((a, b) => values[a] - values[b] || a - b);
