// Charts as SVG. Whatever is written goes through textContent; nothing here makes markup of text.
"use strict";

const svgSpace = "http://www.w3.org/2000/svg";

// make returns an element with properties and children. Texts become text, never markup.
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}

function draw(name, attributes, text) {
  const element = document.createElementNS(svgSpace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

// niceTop rounds up to 1, 2 or 5 times a power of ten, so that the lines of the grid have round numbers.
function niceTop(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= value);
}

// niceBytes is niceTop in powers of two.
const niceBytes = (value) => (value > 0 ? 2 ** Math.ceil(Math.log2(value)) : 1024);

// chart shows series over time in a place. about: {times, series: [{name, class, values, dashed}], kind: "bars" or "lines",
// format, top or nice, label}. Values belong to the time from one of times to the next. The pointer and the arrow keys move
// a cursor, whose values the legend shows; without one it shows what sums up the whole.
function chart(place, about) {
  const wide = place.clientWidth || 600;
  const area = { left: 52, right: wide - 8, top: 8, bottom: 150 };
  const count = about.times.length - 1;
  const svg = draw("svg", { viewBox: `0 0 ${wide} 172`, role: "img", tabindex: "0", "aria-label": about.label });
  const x = (i) => area.left + ((area.right - area.left) * i) / Math.max(count, 1);
  const total = (i) => about.series.reduce((sum, s) => sum + s.values[i], 0);
  const indexes = [...Array(Math.max(count, 0)).keys()];
  const highest = Math.max(0, ...(about.kind === "bars" ? indexes.map(total) : about.series.flatMap((s) => s.values.filter((v) => v !== null))));
  const top = about.top || (about.nice || niceTop)(highest);
  const y = (v) => area.bottom - ((area.bottom - area.top) * Math.min(v, top)) / top;
  for (const part of [0, 0.5, 1]) {
    svg.append(draw("line", { class: "grid", x1: area.left, x2: area.right, y1: y(top * part), y2: y(top * part) }));
    svg.append(draw("text", { x: area.left - 6, y: y(top * part) + 4, "text-anchor": "end" }, about.format(top * part)));
  }
  if (count > 0) {
    const every = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(wide / 130))));
    for (let i = 0; i < count; i += every) svg.append(draw("text", { x: x(i), y: 167 }, clock(about.times[i])));
  }
  if (about.kind === "bars") drawBars(svg, about, indexes, x, y);
  else drawLines(svg, about, indexes, x, y);
  const cursor = draw("line", { class: "cursor", y1: area.top, y2: area.bottom, visibility: "hidden" });
  svg.append(cursor);
  const legend = make("ul", { class: "legend" });
  place.className = "chart";
  place.replaceChildren(svg, legend);
  let at = -1;
  const show = (i) => {
    at = i;
    cursor.setAttribute("visibility", i < 0 ? "hidden" : "visible");
    cursor.setAttribute("x1", x(i + 0.5));
    cursor.setAttribute("x2", x(i + 0.5));
    showLegend(legend, about, i);
  };
  svg.addEventListener("pointermove", (e) => {
    const box = svg.getBoundingClientRect();
    const i = Math.floor(((((e.clientX - box.left) * wide) / box.width - area.left) / (area.right - area.left)) * count);
    show(i >= 0 && i < count ? i : -1);
  });
  svg.addEventListener("pointerleave", () => show(-1));
  svg.addEventListener("blur", () => show(-1));
  svg.addEventListener("keydown", (e) => {
    const to = { ArrowLeft: at < 0 ? count - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: count - 1, Escape: -1 }[e.key];
    if (to === undefined || count < 1) return;
    e.preventDefault();
    show(e.key === "Escape" ? -1 : Math.min(Math.max(to, 0), count - 1));
  });
  show(-1);
}

function drawBars(svg, about, indexes, x, y) {
  for (const i of indexes) {
    let sum = 0;
    for (const s of about.series) {
      const high = y(sum);
      sum += s.values[i];
      if (s.values[i] > 0) svg.append(draw("rect", { class: "fill-" + s.class, x: x(i) + 0.5, y: y(sum), width: Math.max(1, x(i + 1) - x(i) - 1), height: Math.max(0.5, high - y(sum)) }));
    }
  }
}

// drawLines leaves gaps where there is no value, and a dot for one that stands alone.
function drawLines(svg, about, indexes, x, y) {
  for (const s of about.series) {
    let path = "";
    let gap = true;
    for (const i of indexes) {
      if (s.values[i] === null) {
        gap = true;
        continue;
      }
      const alone = gap && (i + 1 === indexes.length || s.values[i + 1] === null);
      if (alone) svg.append(draw("circle", { class: "fill-" + s.class, cx: x(i + 0.5), cy: y(s.values[i]), r: 2.5 }));
      path += `${gap ? "M" : "L"}${x(i + 0.5).toFixed(1)} ${y(s.values[i]).toFixed(1)}`;
      gap = false;
    }
    svg.append(draw("path", { class: `series line-${s.class}${s.dashed ? " dashed" : ""}`, d: path || "M0 0" }));
  }
}

function showLegend(legend, about, i) {
  const items = about.series.map((s) => {
    const value = i < 0 ? s.sum : s.values[i];
    const shown = value === null || value === undefined ? "–" : about.format(value);
    return make("li", {}, make("i", { class: `fill-${s.class}${s.dashed ? " dashed" : ""}` }), s.name, make("b", {}, shown));
  });
  const when = i < 0 ? "" : `${clock(about.times[i])} to ${clock(about.times[i + 1])}`;
  legend.replaceChildren(...items, make("li", { class: "when" }, when));
}
