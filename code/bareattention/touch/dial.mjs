import { Touchable, bars, define, fmt, h, set, slider } from "./base.mjs";
import { entropy, jacobian, softmax } from "./math.mjs";

const TEMPERATURES = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10];
const POWERS = [0, 0.25, 0.5, 0.75, 1];
const POWER_NAMES = ["1", "d^¼", "√d", "d^¾", "d"];
const FRAME = { wide: 400, high: 130, left: 34, right: 308, top: 12, low: 100, most: 0.5 }; // of the curves

/**
 * Softmax of dot products that grow with d, as they are and divided.
 * @typedef {{label: string, hint: string, names: string[], sizes: number[], first: number,
 *   products: number[][][]}} Data products: (sizes, queries, keys)
 */
class Dial extends Touchable {
  /** @param {Data} data */
  draw({ names, sizes, products, first }) {
    const now = { d: first, power: 0.5, temperature: 1 };
    const most = Math.log(names.length);
    const sides = ["rust", "teal"].map((mark) => {
      const shares = bars("", "key", "share", names);
      const says = h("p", { class: "number" });
      const node = h("div", { style: `--mark: var(--${mark})` }, shares.node, says);
      return { ...shares, node, says };
    });
    const curves = new Curves(sizes);

    /** @param {number} d @param {number} power */
    const rows = (d, power) =>
      products[sizes.indexOf(d)].map((row) => softmax(row, undefined, d ** power * now.temperature));
    /** @param {number} d @param {number} power */
    const passes = (d, power) =>
      rows(d, power).reduce((sum, row) => sum + jacobian(row), 0) / products[0].length;

    const show = () => {
      const { d, power } = now;
      const told = [0, power].map((by, i) => {
        const row = rows(d, by)[0];
        const title = i ? `divided by ${POWER_NAMES[POWERS.indexOf(by)]} = ${fmt(d ** by)}` : "not divided";
        sides[i].caption.textContent = title;
        sides[i].show(row);
        const words = `entropy ${fmt(entropy(row))} of ${fmt(most)}, Jacobian ${fmt(jacobian(row))}`;
        sides[i].says.textContent = words;
        return `${title}: largest share ${fmt(Math.max(...row))}, ${words}`;
      });
      curves.show(d, [0, power].map((by) => sizes.map((size) => passes(size, by))));
      return `d = ${d}; ${told.join("; ")}.`;
    };
    const changed = (/** @type {object} */ change) => {
      Object.assign(now, change);
      this.say(show());
    };
    show();
    return [
      h("div", { class: "row" },
        slider("d", sizes, first, (d) => changed({ d })),
        slider("divide by", POWERS, 0.5, (power) => changed({ power }),
          (power) => POWER_NAMES[POWERS.indexOf(power)]),
        slider("temperature", TEMPERATURES, 1, (temperature) => changed({ temperature }))),
      h("div", { class: "beside" }, ...sides.map((side) => side.node)),
      curves.node,
    ];
  }

  css() {
    return `.curves { display: block; margin-top: 0.8em; max-width: 100%; width: 28em; }
.curves text { fill: currentColor; font-size: 12.5px; }
.curves :is(line, .axis) { stroke: currentColor; stroke-opacity: 0.4; }
.curves polyline { fill: none; stroke-width: 2; }`;
  }
}

/** How much of a nudge arrives in the shares, against d: one curve a side. */
class Curves {
  /** @param {number[]} sizes */
  constructor(sizes) {
    this.sizes = sizes;
    this.marker = h("line", { y1: FRAME.top, y2: FRAME.low });
    this.sides = ["rust", "teal"].map((mark, i) => ({
      line: h("polyline", { stroke: `var(--${mark})` }),
      dot: h("circle", { r: 4, fill: `var(--${mark})` }),
      name: h("text", { x: FRAME.right + 8 }, i ? "divided" : "not divided"),
    }));
    const ticks = sizes.filter((_, i) => i % 3 === 0 || i === sizes.length - 1);
    this.node = h("div", {},
      h("p", {}, "Size of the Jacobian, averaged over all queries: how much of a small change of the scores arrives in the shares."),
      h("svg", { class: "curves", viewBox: `0 0 ${FRAME.wide} ${FRAME.high}`, "aria-hidden": "true" },
        h("line", { x1: FRAME.left, x2: FRAME.right, y1: FRAME.low, y2: FRAME.low }),
        ...[0, FRAME.most].map((size) => h("text", { x: FRAME.left - 6, y: this.y(size) + 4, "text-anchor": "end" }, String(size))),
        ...ticks.map((d) => h("text", { x: this.x(d), y: FRAME.low + 17, "text-anchor": "middle" }, String(d))),
        h("text", { x: FRAME.right + 22, y: FRAME.low + 17 }, "d"),
        this.marker, ...this.sides.flatMap((side) => Object.values(side))));
  }

  /** @param {number} d */
  x(d) {
    return FRAME.left + ((FRAME.right - FRAME.left) * this.sizes.indexOf(d)) / (this.sizes.length - 1);
  }

  /** @param {number} size */
  y(size) {
    return FRAME.low - ((FRAME.low - FRAME.top) * Math.min(size, FRAME.most)) / FRAME.most;
  }

  /** @param {number} d the size that is looked at @param {number[][]} curves one number a size */
  show(d, curves) {
    set(this.marker, { x1: this.x(d), x2: this.x(d) });
    this.sides.forEach(({ line, dot, name }, i) => {
      set(line, { points: this.sizes.map((size, k) => [this.x(size), this.y(curves[i][k])]).join(" ") });
      set(dot, { cx: this.x(d), cy: this.y(curves[i][this.sizes.indexOf(d)]) });
      const [own, other] = [i, 1 - i].map((k) => this.y(curves[k][this.sizes.length - 1]));
      const apart = Math.abs(own - other) < 14 ? (i ? -7 : 7) : 0; // or one name covers the other
      set(name, { y: own + 4 + apart });
    });
  }
}
define("touch-dial", Dial);
