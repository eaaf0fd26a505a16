"use strict";
// Charts, table and tooltip of the report. All text of the run reaches the page through textContent: nothing is parsed as HTML.
(() => {
const DATA = JSON.parse(document.getElementById("data").textContent);
const NS = "http://www.w3.org/2000/svg";
const tip = document.getElementById("tip");

function svg(name, attributes, parent) {
  const element = document.createElementNS(NS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (parent) parent.append(element);
  return element;
}
function html(name, parent, text, style) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (style) element.className = style;
  if (parent) parent.append(element);
  return element;
}
const colour = tone => `var(--${tone})`;

// ---- numbers --------------------------------------------------------------------------------------------------------------------
function plain(value, digits) {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6)) return value.toExponential(2);
  return String(+value.toPrecision(digits));
}
function count(value) {
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= (unit === "k" ? 1e4 : size)) return `${+(value / size).toPrecision(3)}\u202f${unit}`;
  return String(+value.toPrecision(6));
}
function seconds(value) {
  if (value < 60) return `${+value.toPrecision(2)}\u202fs`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)}\u202fmin` + (whole % 60 ? ` ${whole % 60}\u202fs` : "");
  const minutes = Math.floor(whole % 3600 / 60);
  return `${Math.floor(whole / 3600)}\u202fh` + (minutes ? ` ${minutes}\u202fmin` : "");
}
function write(kind, value, step) {
  if (kind === "share") {
    const digits = step ? Math.max(0, -Math.floor(Math.log10(step * 100) + 1e-9)) : 2;
    return `${(100 * value).toFixed(Math.min(digits, 6))}\u202f%`;
  }
  if (kind === "count") return count(value);
  if (kind === "seconds") return seconds(value);
  return plain(value, step ? 6 : 4) + (kind === "number" ? "" : `\u202f${kind}`);
}

// ---- scales ---------------------------------------------------------------------------------------------------------------------
function ticks(low, high, most, kind) {
  let step = 10 ** Math.floor(Math.log10((high - low) / most));
  for (const factor of [1, 2, 5, 10]) if ((high - low) / (step * factor) <= most) { step *= factor; break; }
  if (kind === "seconds" && high - low > 90) {
    const steps = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
    step = steps.find(s => (high - low) / s <= most) || Math.ceil((high - low) / most / 86400) * 86400;
  }
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) found.push(n * step);
  return [found, step];
}
function logTicks(low, high, most) {
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const factor of factors) {
        const value = factor * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    if (found.length <= most || factors.length === 1) return found;
  }
}
function extent(view, place, axis) {
  let low = Infinity, high = -Infinity;
  for (const layer of view.layers) for (const row of layer.rows) {
    const values = layer.type === "limit" ? (place === 0 ? [row[0]] : []) : place === 0 ? [row[0]] : layer.type === "band" ? [row[1], row[2]] : [row[1]];
    for (const value of values) if (value !== null && !(axis.log && value <= 0)) { low = Math.min(low, value); high = Math.max(high, value); }
  }
  if (low > high) return [0, 1];
  if (axis.log) return low === high ? [low / 2, high * 2] : [low / 1.12, high * 1.12];
  if (low === high) { const pad = Math.abs(low) * 0.05 || 1; low -= pad; high += pad; }
  const pad = (high - low) * 0.05;
  const ends = [axis.low === undefined ? low - pad : axis.low, axis.high === undefined ? high + pad : axis.high];
  if (axis.low !== undefined && axis.high === undefined) ends[1] = high + (high - axis.low) * 0.05;
  if (axis.high !== undefined && axis.low === undefined) ends[0] = low - (axis.high - low) * 0.05;
  return ends[0] < ends[1] ? ends : [low - pad, high + pad];
}

// ---- charts ---------------------------------------------------------------------------------------------------------------------
function draw(figure, view) {
  const plot = figure.querySelector(".plot"), width = plot.clientWidth, height = plot.clientHeight;
  if (!width) return;
  const [yLow, yHigh] = extent(view, 1, view.y), [xLow, xHigh] = extent(view, 0, view.x);
  const yMost = height < 300 ? 5 : 6;
  const [yTicks, yStep] = view.y.log ? [logTicks(yLow, yHigh, yMost + 2), 0] : ticks(yLow, yHigh, yMost, view.y.kind);
  const yTexts = yTicks.map(value => write(view.y.kind, value, yStep));
  const left = 14 + 6.6 * Math.max(...yTexts.map(text => text.length), 3), top = 26, right = width - 8, bottom = height - 42;
  const [xTicks, xStep] = view.x.log ? [logTicks(xLow, xHigh, (right - left) / 58), 0] : ticks(xLow, xHigh, Math.max(2, (right - left) / 92), view.x.kind);
  const bend = view.x.log ? Math.log : value => value;
  const x = value => left + (right - left) * (bend(value) - bend(xLow)) / (bend(xHigh) - bend(xLow));
  const yBend = view.y.log ? Math.log : value => value;
  const y = value => bottom - (bottom - top) * (yBend(value) - yBend(yLow)) / (yBend(yHigh) - yBend(yLow));

  plot.replaceChildren();
  const root = svg("svg", {viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true"}, plot);
  const clip = `clip-${figure.dataset.chart}`;
  svg("rect", {x: left - 6, y: top - 6, width: right - left + 12, height: bottom - top + 12}, svg("clipPath", {id: clip}, root));
  svg("text", {x: 0, y: 12, "font-weight": 600}, root).textContent = view.y.label;
  yTicks.forEach((value, place) => {
    svg("line", {class: "grid", x1: left, x2: right, y1: y(value), y2: y(value)}, root);
    svg("text", {x: left - 8, y: y(value) + 4, "text-anchor": "end"}, root).textContent = yTexts[place];
  });
  svg("line", {class: "axis", x1: left, x2: right, y1: bottom, y2: bottom}, root);
  for (const value of xTicks) {
    svg("line", {class: "axis", x1: x(value), x2: x(value), y1: bottom, y2: bottom + 4}, root);
    const anchor = x(value) > right - 14 ? "end" : "middle";
    svg("text", {x: x(value), y: bottom + 18, "text-anchor": anchor}, root).textContent = write(view.x.kind, value, xStep);
  }
  svg("text", {x: (left + right) / 2, y: height - 4, "text-anchor": "middle"}, root).textContent = view.x.label;

  const inside = svg("g", {"clip-path": `url(#${clip})`}, root), targets = [], lines = [];
  const clamp = value => Math.min(Math.max(y(value), top), bottom);
  for (const layer of view.layers) {
    const there = layer.rows.filter(row => row[0] !== null && !(view.x.log && row[0] <= 0));
    const rows = there.filter(row => row[1] !== null);
    if (layer.type === "points") for (const row of there) if (row[1] === null) { // never measured: a mark on the axis
      svg("path", {d: `M${x(row[0]).toFixed(1)} ${bottom + 1}v-9`, "stroke-width": 1.4, style: `stroke:${colour(layer.tone)}`}, root);
      targets.push({row, layer, px: x(row[0]), py: bottom - 4});
    }
    if (layer.type === "band") {
      const path = "M" + rows.map(row => `${x(row[0]).toFixed(1)} ${y(row[2]).toFixed(1)}`).join("L") + "L" +
        rows.slice().reverse().map(row => `${x(row[0]).toFixed(1)} ${y(row[1]).toFixed(1)}`).join("L") + "Z";
      svg("path", {d: path, opacity: layer.opacity || .18, style: `fill:${colour(layer.tone)}`}, inside);
    } else if (layer.type === "limit") {
      const at = x(layer.rows[0][0]), turns = at > (left + right) / 2;
      svg("line", {x1: at, x2: at, y1: top, y2: bottom, "stroke-dasharray": "5 4", "stroke-width": 1.5, style: `stroke:${colour(layer.tone)}`}, root);
      svg("text", {x: at + (turns ? -6 : 6), y: top + 10, "text-anchor": turns ? "end" : "start", style: `fill:${colour(layer.tone)}`}, root).textContent = layer.name;
    } else if (layer.type === "line") {
      let path = "";
      rows.forEach((row, place) => {
        const at = `${x(row[0]).toFixed(1)} ${y(row[1]).toFixed(1)}`;
        path += place === 0 ? `M${at}` : layer.step ? `H${x(row[0]).toFixed(1)}V${y(row[1]).toFixed(1)}` : `L${at}`;
      });
      if (rows.length === 1) path += "h0"; // a single look is a dot
      const line = svg("path", {d: path, fill: "none", "stroke-linejoin": "round", "stroke-linecap": rows.length === 1 ? "round" : "butt", "stroke-width": layer.thin ? 1.6 : 2.4, style: `stroke:${colour(layer.tone)}`}, inside);
      if (layer.dash) line.setAttribute("stroke-dasharray", layer.dash);
      if (layer.thin) lines.push(line);
      rows.forEach(row => targets.push({row, layer, line, px: x(row[0]), py: clamp(row[1])}));
    } else {
      const radius = layer.large ? 5 : rows.length > 400 ? 2.4 : 3.4;
      for (const row of rows) {
        const px = x(row[0]), py = clamp(row[1]), beyond = py !== y(row[1]);
        if (beyond) {
          const tipY = y(row[1]) > bottom ? `M${px - 4} ${py - 7}h8l-4 7z` : `M${px - 4} ${py + 7}h8l-4 -7z`;
          svg("path", {d: tipY, fill: "none", "stroke-width": 1.2, style: `stroke:${colour(layer.tone)}`}, root);
        } else svg("circle", {cx: px.toFixed(1), cy: py.toFixed(1), r: radius, "stroke-width": 1,
          style: layer.hollow ? `fill:none;stroke:${colour(layer.tone)}` : `fill:${colour(layer.tone)};stroke:var(--card)`}, inside);
        targets.push({row, layer, px, py, isPoint: true});
      }
    }
  }
  legend(figure, view);
  const cursor = svg("circle", {class: "cursor", r: 7, visibility: "hidden"}, root);
  figure.reach = {view, targets, lines, cursor, plot};
}

function legend(figure, view) {
  const box = figure.querySelector(".legend"), seen = new Set();
  box.replaceChildren();
  const order = view.legend || [], layers = view.layers.slice().sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  for (const layer of layers) {
    if (!layer.name || layer.type === "limit" || seen.has(layer.name)) continue;
    seen.add(layer.name);
    const item = html("span", box), mark = svg("svg", {width: 18, height: 12, "aria-hidden": "true"}, item);
    if (layer.type === "points") svg("circle", {cx: 9, cy: 6, r: 4.5, style: layer.hollow ? `fill:none;stroke:${colour(layer.tone)}` : `fill:${colour(layer.tone)}`}, mark);
    else if (layer.dash) svg("path", {d: "M0 6h18", "stroke-width": 2.4, "stroke-dasharray": layer.dash, style: `stroke:${colour(layer.tone)}`}, mark);
    else svg("rect", {x: 0, y: layer.type === "band" ? 0 : 4.5, width: 18, height: layer.type === "band" ? 12 : 3, opacity: layer.type === "band" ? .25 : 1, style: `fill:${colour(layer.tone)}`}, mark);
    html("span", item, layer.name);
  }
}

function show(figure, target) {
  const {view, lines, cursor, plot} = figure.reach;
  for (const line of lines) line.classList.toggle("dim", Boolean(target && target.line) && line !== target.line);
  if (!target) { cursor.setAttribute("visibility", "hidden"); tip.hidden = true; return; }
  cursor.setAttribute("cx", target.px); cursor.setAttribute("cy", target.py); cursor.setAttribute("visibility", "visible");
  const box = plot.getBoundingClientRect(), id = target.row[2];
  tip.replaceChildren();
  html("b", tip, target.layer.type !== "band" && id !== undefined && id !== null ? `Trial ${id}` : target.layer.name || view.y.label);
  if (target.row[1] !== null) html("div", tip, `${view.y.label}: ${write(view.y.kind, target.row[1])}`);
  html("div", tip, `${view.x.label}: ${write(view.x.kind, target.row[0])}`);
  if (id !== undefined && target.layer.name) html("div", tip, target.layer.name);
  tip.hidden = false;
  const width = tip.offsetWidth, height = tip.offsetHeight;
  const left = Math.min(Math.max(8, box.left + target.px - width / 2), document.documentElement.clientWidth - width - 8);
  const above = box.top + target.py - height - 14;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : box.top + target.py + 14}px`;
}

function nearest(figure, px, py) {
  let best = null, least = 50 ** 2;
  for (const target of figure.reach.targets) {
    const away = (target.px - px) ** 2 + (target.py - py) ** 2 + (target.isPoint ? 0 : 9);
    if (away < least) { least = away; best = target; }
  }
  return best;
}

for (const figure of document.querySelectorAll("figure.chart")) {
  const views = DATA.charts[figure.dataset.chart], plot = figure.querySelector(".plot");
  let name = Object.keys(views)[0], place = -1, width = 0;
  const redraw = () => { draw(figure, views[name]); place = -1; };
  new ResizeObserver(() => { if (plot.clientWidth !== width) { width = plot.clientWidth; redraw(); } }).observe(plot);
  for (const button of figure.querySelectorAll(".toggle button")) button.addEventListener("click", () => {
    name = button.dataset.view;
    for (const other of figure.querySelectorAll(".toggle button")) other.setAttribute("aria-pressed", String(other === button));
    redraw();
  });
  const point = event => {
    if (!figure.reach) return;
    const box = plot.getBoundingClientRect();
    show(figure, nearest(figure, event.clientX - box.left, event.clientY - box.top));
  };
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => figure.reach && show(figure, null));
  plot.addEventListener("blur", () => figure.reach && show(figure, null));
  plot.addEventListener("click", event => {
    const box = plot.getBoundingClientRect(), target = nearest(figure, event.clientX - box.left, event.clientY - box.top);
    const row = target && target.row[2] !== undefined && document.getElementById(`t${target.row[2]}`);
    if (row) { reveal(row); }
  });
  plot.addEventListener("keydown", event => {
    if (event.key === "Escape") return show(figure, null);
    const step = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key];
    if (!step || !figure.reach) return;
    event.preventDefault();
    const ordered = figure.reach.targets.slice().sort((a, b) => a.px - b.px);
    place = Math.min(Math.max(place + step, 0), ordered.length - 1);
    show(figure, ordered[place]);
  });
}
addEventListener("scroll", () => { tip.hidden = true; }, {passive: true});
addEventListener("beforeprint", () => { for (const figure of document.querySelectorAll("figure.chart")) if (figure.reach) draw(figure, figure.reach.view); });

// ---- the table of trials --------------------------------------------------------------------------------------------------------
const table = document.getElementById("trial-table");
let reveal = () => {};
if (table) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const filter = document.getElementById("filter"), shown = document.getElementById("shown");
  const states = [...document.querySelectorAll(".chips [data-state]")], {paths, values, trials, facts} = DATA.details;
  const decisions = id => { const flat = trials[id] || [], found = []; for (let n = 0; n < flat.length; n += 2) found.push([paths[flat[n]], values[flat[n + 1]]]); return found; };
  const texts = new Map();
  const textOf = row => {
    if (!texts.has(row)) texts.set(row, (row.textContent + " " + decisions(row.id.slice(1)).map(pair => pair.join("=")).join(" ")).toLowerCase());
    return texts.get(row);
  };
  const closeAll = () => {
    for (const more of body.querySelectorAll("tr.more")) more.remove();
    for (const button of body.querySelectorAll("[aria-expanded=true]")) button.setAttribute("aria-expanded", "false");
  };
  const apply = () => {
    closeAll();
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const on = new Set(states.filter(button => button.getAttribute("aria-pressed") === "true").map(button => button.dataset.state));
    let number = 0;
    for (const row of rows) {
      row.hidden = !(on.has(row.dataset.s) && words.every(word => textOf(row).includes(word)));
      number += !row.hidden;
    }
    shown.textContent = number === rows.length ? `${number} rows` : `${number} of ${rows.length} rows`;
  };
  filter.addEventListener("input", apply);
  for (const button of states) button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    apply();
  });
  const valueOf = (row, place) => {
    const cell = row.cells[place];
    if (place === 0) return Number(row.id.slice(1));
    if (cell.dataset.v === undefined) return cell.textContent.trim();
    return cell.dataset.v === "" ? null : Number(cell.dataset.v);
  };
  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    closeAll();
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach(other => other.setAttribute("aria-sort", other === head ? (sign === 1 ? "ascending" : "descending") : "none"));
    rows.sort((a, b) => {
      const one = valueOf(a, place), two = valueOf(b, place), gone = value => value === null || value === "";
      if (gone(one) || gone(two)) return gone(one) - gone(two); // what is missing stays at the end
      return sign * (typeof one === "number" && typeof two === "number" ? one - two : String(one).localeCompare(String(two)));
    });
    body.append(...rows);
  }));
  const open = row => {
    const id = row.id.slice(1), more = document.createElement("tr"), cell = html("td", more);
    more.className = "more";
    cell.colSpan = heads.length;
    const [key, parent, seed, resumed] = facts[id];
    html("div", cell, `architecture ${key}, seed ${seed}` + (parent === null ? "" : [`, descends from trial ${parent}`, `, goes on from trial ${parent}`, `, began with the weights of trial ${parent} that fit`][resumed]), "muted");
    const list = html("dl", cell, undefined, "settings");
    for (const [path, value] of decisions(id)) { const item = html("div", list); html("dt", item, path); html("dd", item, value); }
    row.after(more);
  };
  body.addEventListener("click", event => {
    const button = event.target.closest("[aria-expanded]");
    if (!button) return;
    const row = button.closest("tr"), isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) row.nextElementSibling.remove(); else open(row);
  });
  reveal = row => {
    if (row.hidden) { filter.value = ""; for (const button of states) button.setAttribute("aria-pressed", "true"); apply(); }
    row.scrollIntoView({block: "center"});
    row.classList.add("flash");
    setTimeout(() => row.classList.remove("flash"), 1800);
  };
  apply();
}

// ---- the command ----------------------------------------------------------------------------------------------------------------
const copy = document.getElementById("copy");
if (copy) copy.addEventListener("click", async () => {
  const text = document.getElementById("command");
  try {
    await navigator.clipboard.writeText(text.textContent);
    copy.textContent = "Copied";
  } catch { // a page opened from a file may not be allowed to: select it, so that one key press copies
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    copy.textContent = "Selected";
  }
  setTimeout(() => { copy.textContent = "Copy"; }, 1800);
});
})();
