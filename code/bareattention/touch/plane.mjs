import { Touchable, button, define, drag, fmt, h, set } from "./base.mjs";
import { attention, dot } from "./math.mjs";

const SIDE = 240; // px of a plane's view

/** The angle between two arrows in degrees; NaN where one has no length. @param {number[]} a @param {number[]} b */
export function angle(a, b) {
  const lengths = Math.hypot(...a) * Math.hypot(...b);
  return lengths ? (Math.acos(Math.max(-1, Math.min(1, dot(a, b) / lengths))) * 180) / Math.PI : NaN;
}

/** The corners of the smallest convex shape around points, in order. @param {number[][]} points */
export function hull(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (/** @type {number[][]} */ along) => {
    /** @type {number[][]} */ const kept = [];
    for (const p of along) {
      for (; kept.length > 1; kept.pop()) {
        const [a, b] = kept.slice(-2);
        if ((b[0] - a[0]) * (p[1] - a[1]) > (b[1] - a[1]) * (p[0] - a[0])) break;
      }
      kept.push(p);
    }
    return kept.slice(0, -1);
  };
  return sorted.length < 2 ? sorted : [...half(sorted), ...half(sorted.reverse())];
}

/**
 * One query, some keys and, where they are given, values: arrows and points to be dragged.
 * @typedef {{label: string, hint: string, names: string[], asks: string, query: number[],
 *   keys: number[][], values?: number[][], axes: string[]}} Data
 */
class Plane extends Touchable {
  /** @param {Data} data */
  draw(data) {
    const copy = () => JSON.parse(JSON.stringify({ query: data.query, keys: data.keys, values: data.values }));
    /** @type {Data} */ this.data = data;
    /** @type {{query: number[], keys: number[][], values?: number[][]}} */ this.now = copy();
    const left = new Field("Query and keys", [data.query, ...data.keys], ["", ""]);
    /** @type {Field[]} */ this.fields = [left];
    /** @type {ReturnType<Plane["movable"]>[]} */ this.all = [];
    const q = this.movable(left, () => this.now.query, "violet", `${data.asks} asks`, `query of ${data.asks}`, true);
    const keys = data.keys.map((_, i) =>
      this.movable(left, () => this.now.keys[i], "teal", data.names[i], `key of ${data.names[i]}`, true));
    /** @type {any[]} */ let values = [];
    if (data.values) {
      const right = new Field("Values, and what is taken away", data.values, data.axes);
      this.fields.push(right);
      this.hull = h("polygon", { class: "hull" });
      this.mixed = h("circle", { r: 7, fill: "var(--rust)" });
      this.mixedName = h("text", { class: "name" }, "mixture");
      right.svg.append(this.hull);
      values = data.values.map((_, i) =>
        this.movable(right, () => /** @type {number[][]} */ (this.now.values)[i], "amber", data.names[i], `value of ${data.names[i]}`, false));
      right.svg.append(this.mixed, this.mixedName);
    }
    const columns = ["key of", "x", "y", "q · k", "angle", "share", ...(values.length ? ["value x", "y"] : [])];
    /** @type {any[][]} */ this.cells = data.names.map(() => [0, 1, 2].map(() => h("td", {})));
    const rows = data.names.map((name, i) => h("tr", {}, h("th", { scope: "row" }, name),
      ...keys[i].inputs.map(inCell), ...this.cells[i], ...(values[i]?.inputs ?? []).map(inCell)));
    /** @type {any} */ this.mixture = h("p", { class: "mixture number" });
    this.show();
    return [
      h("div", { class: "beside" }, ...this.fields.map((field) => field.node)),
      h("p", { class: "asks" }, `${data.asks} asks with `, ...q.inputs, button("Reset", () => {
        this.now = copy();
        this.say(`As at the beginning. ${this.show()}`);
      })),
      h("div", { class: "wide" }, h("table", {},
        h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, ...rows))),
      this.mixture,
    ];
  }

  /**
   * Something that can be dragged or typed.
   * @param {Field} field @param {() => number[]} place @param {string} mark @param {string} name
   * @param {string} what @param {boolean} isArrow
   */
  movable(field, place, mark, name, what, isArrow) {
    const change = () => this.say(`${what} ${place().map((x) => fmt(x, 1)).join(", ")}. ${this.show()}`);
    const inputs = [0, 1].map((axis) => h("input", {
      type: "number", step: 0.5, min: -field.most, max: field.most, "aria-label": `${what}, ${"xy"[axis]}`,
      oninput: (/** @type {any} */ event) => {
        const typed = event.target.valueAsNumber;
        if (!Number.isFinite(typed)) return;
        place()[axis] = Math.max(-field.most, Math.min(field.most, typed));
        change();
      },
      onblur: (/** @type {any} */ event) => (event.target.value = written(place()[axis])),
    }));
    const line = h("line", { class: "arrow", stroke: `var(--${mark})` });
    const tip = h("circle", { r: isArrow ? 6 : 7, fill: `var(--${mark})` });
    const grip = h("circle", { class: "grip", r: 18 });
    const label = h("text", { class: "name" }, name);
    /** @type {number[]} */ let before = [];
    drag(grip, field.svg, {
      start: () => (before = [...place()]),
      move: (x, y) => {
        place().splice(0, 2, ...field.number(x, y));
        change();
      },
      end: (brokenOff) => {
        if (brokenOff) place().splice(0, 2, ...before);
        change();
      },
    });
    field.svg.append(...(isArrow ? [line] : []), label, tip, grip);
    const item = { name, place, field, inputs, what, line, tip, grip, label };
    this.all.push(item);
    return item;
  }

  /** Draw all anew; returns what it comes to. */
  show() {
    const { query, keys, values } = this.now;
    for (const item of this.all) {
      const { place, field, inputs, line, tip, grip, label } = item;
      const [x, y] = field.point(place());
      // Where several lie on one point, the first says all names.
      const here = this.all.filter((other) => other.field === field && String(other.place()) === String(place()));
      label.textContent = here[0] === item ? here.map((other) => other.name).join(", ") : "";
      for (const node of [tip, grip]) set(node, { cx: x, cy: y });
      set(line, { x1: SIDE / 2, y1: SIDE / 2, x2: x, y2: y });
      field.put(label, [x, y], item === this.all[0] ? -1 : 1);
      inputs.forEach((input, axis) => {
        if (input.getRootNode().activeElement !== input) input.value = written(place()[axis]);
      });
    }
    const { products, weights, output } = attention([query], keys, values ?? keys);
    this.cells.forEach(([product, turn, share], i) => {
      product.textContent = fmt(products[0][i]);
      const degrees = angle(query, keys[i]);
      turn.textContent = Number.isNaN(degrees) ? "none" : `${fmt(degrees, 0)}°`;
      share.textContent = fmt(weights[0][i]);
    });
    const most = fmt(Math.max(...weights[0]));
    const best = this.data.names.filter((_, i) => fmt(weights[0][i]) === most);
    let words = `${this.data.asks} looks ${best.length < keys.length ? `most at ${best.join(" and ")}` : "at all alike"}, ${most}.`;
    if (values) {
      const [x, y] = this.fields[1].point(output[0]);
      set(this.mixed, { cx: x, cy: y });
      // The names of the points stand further out: above, or below for those on the axis.
      set(this.mixedName, { x, y: Math.abs(y - SIDE / 2) < 40 ? y - 13 : y + 21, "text-anchor": "middle" });
      set(this.hull, { points: hull(values).map((v) => this.fields[1].point(v).join(",")).join(" ") });
      words += ` It takes away ${output[0].map((v, c) => `${fmt(v)} ${this.data.axes[c]}`).join(" and ")}.`;
    }
    this.mixture.textContent = words;
    return words;
  }

  css() {
    return `.field { display: block; height: auto; max-width: 100%; overflow: visible; touch-action: pan-y; width: 19em; }
.field .name { fill: currentColor; font-size: 12.5px; paint-order: stroke; pointer-events: none; }
.field .axis { stroke: currentColor; stroke-opacity: 0.3; }
.field .tick { fill: currentColor; font-size: 11px; }
.field .frame { fill: none; stroke: var(--faint); }
.arrow { stroke-width: 3; }
.grip { cursor: grab; fill: transparent; touch-action: none; }
.hull { fill: var(--amber); fill-opacity: 0.16; stroke: var(--amber); stroke-opacity: 0.6; }
.asks { align-items: center; display: flex; flex-wrap: wrap; gap: 0.5em; }
input[type="number"] { width: 4.6em; }
.wide { max-width: 100%; overflow-x: auto; }
td, .wide th { padding: 0.15em 0.5em 0.15em 0; text-align: left; white-space: nowrap; }
@media (width < 30rem) {
  .wide table { font-size: 0.92em; }
  .wide :is(td, th) { padding-right: 0.3em; }
  .wide input { appearance: textfield; padding: 0.15em 0.3em; width: 3em; }
  ::-webkit-inner-spin-button { display: none; } }`;
  }
}

/** @param {number} x */
const written = (x) => String(Math.round(x * 10) / 10);

/** @param {Node} node */
const inCell = (node) => h("td", {}, node);

/** A square of the plane around 0. */
class Field {
  /** @param {string} title @param {number[][]} points that have to fit @param {string[]} axes */
  constructor(title, points, axes) {
    this.most = Math.ceil(1.2 * Math.max(1, ...points.flat().map(Math.abs)));
    const half = SIDE / 2;
    this.svg = h("svg", { class: "field", viewBox: `0 0 ${SIDE} ${SIDE}`, "aria-hidden": "true" },
      h("rect", { class: "frame", width: SIDE, height: SIDE }),
      h("line", { class: "axis", x1: 0, x2: SIDE, y1: half, y2: half }),
      h("line", { class: "axis", x1: half, x2: half, y1: 0, y2: SIDE }),
      h("text", { class: "tick", x: SIDE - 5, y: SIDE - 6, "text-anchor": "end" }, `${axes[0]} → ${this.most}`),
      h("text", { class: "tick", x: 5, y: 14 }, `${axes[1]} ↑ ${this.most}`));
    this.node = h("div", {}, h("p", {}, title), this.svg);
  }

  /** @param {number[]} numbers */
  point([x, y]) {
    const unit = SIDE / 2 / this.most;
    return [SIDE / 2 + x * unit, SIDE / 2 - y * unit];
  }

  /** Put a name beside a point, outwards where it fits in. @param {Element} name @param {number[]} point @param {1 | -1} side on the axis */
  put(name, [x, y], side) {
    const [out, down] = [x, y].map((from, axis) => Math.sign(from - SIDE / 2) || (axis ? 1 : side));
    const edge = x + out * (11 + 7 * (name.textContent ?? "").length); // 7 px a letter
    const right = edge < 0 || edge > SIDE ? -out : out;
    set(name, { x: x + right * 11, y: Math.max(13, Math.min(SIDE - 5, y + down * 9 + 4)), "text-anchor": right > 0 ? "start" : "end" });
  }

  /** The numbers at a place in px of the screen, to a tenth. @param {number} x @param {number} y */
  number(x, y) {
    const unit = this.svg.getBoundingClientRect().width / 2 / this.most;
    return [x / unit - this.most, this.most - y / unit].map((value) =>
      Math.round(10 * Math.max(-this.most, Math.min(this.most, value))) / 10);
  }
}
define("touch-plane", Plane);
