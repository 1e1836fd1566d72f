import { Touchable, arrow, button, choice, define, fmt, h, set, toggle } from "./base.mjs";
import { colour, inkOn } from "./colour.mjs";
import { matmul, shares, transposed } from "./math.mjs";

const MOST_CELLS = 16; // tokens; beyond, the table is painted and not written
const PIXELS = 384; // of the painted table

/**
 * Attention with one known mistake in it, by the name that the exercise checker gives it, or right.
 * @param {number[][]} q @param {number[][]} k @param {number[][]} v
 * @param {boolean[][]} [mask] true = may look @param {string} [wrong]
 */
export function broken(q, k, v, mask, wrong = "") {
  const [from, to] = wrong === "keys_ask" ? [k, q] : [q, wrong === "queries_twice" ? q : k];
  const products = matmul(from, transposed(to));
  const d = k[0].length;
  const divisors = { no_scale: 1, scale_d_k: d, scale_times: 1 / Math.sqrt(d), scale_n_keys: Math.sqrt(k.length) };
  const divisor = divisors[/** @type {"no_scale"} */ (wrong)] ?? Math.sqrt(d);
  let scores = products.map((row) => row.map((x) => x / divisor));
  const seen = (mask && wrong === "mask_transposed" ? transposed(mask) : mask)?.map((row) =>
    row.map((may) => (wrong === "mask_inverted" ? !may : may)));
  const late = ["mask_zero", "mask_after", "mask_ignored", "mask_added"].includes(wrong);
  if (mask && wrong === "mask_zero") scores = scores.map((row, i) => row.map((x, j) => (mask[i][j] ? x : 0)));
  if (mask && wrong === "mask_added") scores = scores.map((row, i) => row.map((x, j) => x + Number(mask[i][j])));
  let weights = shares(scores, { mask: late ? undefined : seen, axis: wrong === "wrong_axis" ? 0 : 1 });
  if (wrong === "hard") weights = weights.map((row) => row.map((x) => Number(x > 0 && x === Math.max(...row))));
  if (mask && wrong === "mask_after") weights = weights.map((row, i) => row.map((x, j) => x * Number(mask[i][j])));
  if (wrong === "weights_transposed") weights = transposed(weights);
  return { products, divisor, scores, weights, output: matmul(weights, wrong === "keys_carried" ? k : v) };
}

/**
 * What a mistake does: the smallest and largest sum of a row, how far the output is from the right
 * one, and how much weight lies where the mask says nobody may look.
 * @param {number[][]} weights @param {number[][]} output @param {number[][]} right
 * @param {boolean[][]} [mask]
 */
export function harm(weights, output, right, mask) {
  const sums = weights.map((row) => row.reduce((a, b) => a + b, 0));
  const off = Math.max(...output.flatMap((row, i) => row.map((x, c) => Math.abs(x - right[i][c]))));
  const leak = weights.flatMap((row, i) => row.filter((_, j) => mask && !mask[i][j])).reduce((a, b) => a + b, 0);
  return { sums, off, leak };
}

/**
 * A table of weights to walk through, to break, and to mask.
 * @typedef {{label: string, hint: string, names: string[], queries: number[][][],
 *   keys: number[][][], values: number[][][], mask?: boolean[][], first: [number, number],
 *   mistakes: {name: string, short: string, says: string}[], parts: string[]}} Data
 *   queries, keys, values: (heads, tokens, channels)
 */
class Matrix extends Touchable {
  /** @param {Data} data */
  draw(data) {
    /** @type {Data} */ this.data = data;
    /** @type {boolean[][] | undefined} */ this.mask = data.mask?.map((row) => [...row]);
    /** @type {{head: number, wrong: string, row: number, column: number}} */ this.now = { head: 0, wrong: "", row: data.first[0], column: data.first[1] };
    /** @type {number[] | undefined} where the mouse is */
    this.over = undefined;
    /** @type {boolean[]} */ this.off = data.queries.map(() => false);
    /** @type {any} */ this.told = h("p", { class: "told" });
    /** @type {any} */ this.sums = h("div", { class: "sum number" });
    /** @type {any} */ this.takes = h("div", { class: "number" });
    const large = data.names.length > MOST_CELLS;
    /** @type {Painted | Written} */ this.table = large ? new Painted(this, data.names) : new Written(this, data.names);
    const controls = [];
    if (data.queries.length > 1) {
      const names = data.queries.map((_, i) => String(i + 1));
      this.switch = toggle("switch it off", false, (off) => {
        this.off[this.now.head] = off;
        this.change({}, `head ${this.now.head + 1} is ${off ? "off" : "on"}`);
      });
      controls.push(choice("Head", names, 0, (head) => this.change({ head }, `head ${head + 1}`)), this.switch);
    }
    if (data.mistakes.length) {
      const all = [{ name: "", short: "nothing", says: "" }, ...data.mistakes];
      controls.push(choice("Break it:", all.map((each) => each.short), 0, (i) =>
        this.change({ wrong: all[i].name }, all[i].says || "All is right again.")));
    }
    const beside = [this.sums, this.takes];
    if (this.mask) {
      this.button = button("", () => this.flip(this.now.row, this.now.column));
      beside.splice(1, 0, h("p", {}, this.button));
    }
    this.show();
    return [
      h("div", { class: "row" }, ...controls), this.told,
      h("div", { class: "beside" }, this.table.node, h("div", {}, ...beside)),
    ];
  }

  /** @param {object} change @param {string} [words] what is said before the cell */
  change(change, words) {
    Object.assign(this.now, change);
    this.over = undefined;
    const cell = this.show();
    this.say([words, words && this.told?.textContent, cell].filter(Boolean).join(" "));
  }

  /** Look at another cell while the mouse is there. @param {number[]} [cell] */
  peek(cell) {
    this.over = cell;
    this.show();
  }

  /** @param {number} row @param {number} column */
  flip(row, column) {
    if (!this.mask) return;
    this.mask[row][column] = !this.mask[row][column];
    this.change({ row, column }, this.mask[row][column] ? "May look." : "Hidden.");
  }

  /** Draw all anew; returns the words for the chosen cell. */
  show() {
    const { names, queries, keys, values, mistakes, parts } = this.data;
    const { head, wrong } = this.now;
    const [row, column] = this.over ?? [this.now.row, this.now.column];
    const found = queries.map((q, i) => broken(q, keys[i], values[i], this.mask, wrong));
    const right = queries.map((q, i) => broken(q, keys[i], values[i], this.mask));
    const { products, divisor, scores, weights } = found[head];
    const brought = (/** @type {number} */ i) => (this.off[i] ? found[i].output.map((line) => line.map(() => 0)) : found[i].output);
    const { sums, off, leak } = harm(weights, brought(head), right[head].output, this.mask);
    this.table.show(weights, sums, this.mask, row, column);
    if (this.switch) this.switch.firstChild.checked = this.off[head];

    const range = [Math.min(...sums), Math.max(...sums)].map((sum) => fmt(sum));
    const says = mistakes.find((each) => each.name === wrong)?.says;
    this.told.replaceChildren(
      ...(says ? [h("b", {}, says), " "] : []),
      `Row sums ${range[0] === range[1] ? range[0] : `from ${range[0]} to ${range[1]}`}; the output is off by up to ${fmt(off)}`,
      this.mask ? `; ${fmt(leak)} of the weight lies where nobody may look.` : ".");

    const [from, to] = wrong === "keys_ask" ? [keys[head][row], queries[head][column]]
      : [queries[head][row], (wrong === "queries_twice" ? queries : keys)[head][column]];
    const terms = from.map((x, c) => `${fmt(x, 1)} · ${fmt(to[c], 1)}`);
    const shown = terms.length > 8 ? [...terms.slice(0, 6), "…", terms[terms.length - 1]] : terms;
    const hidden = this.mask && !this.mask[row][column];
    const share = fmt(weights[row][column]);
    const [divided, masked] = [products[row][column] / divisor, scores[row][column]].map((x) => fmt(x));
    const where = weights[row][column] ? (hidden ? ", which should be hidden" : "")
      : hidden ? ", hidden by the mask" : wrong.startsWith("mask") ? ", hidden by mistake" : "";
    this.sums.replaceChildren(
      h("p", {}, h("b", {}, `${names[row]} asks, ${names[column]} is asked`)),
      h("p", {}, `${shown.join(" + ")} = ${fmt(products[row][column])}`),
      h("p", {}, `divided by ${fmt(divisor)}: ${divided}${masked === divided ? "" : `, and with the mask ${masked}`}${where}`),
      h("p", {}, hidden ? `its share: ${share}` : this.share(scores, share, row, column)));
    if (this.button) this.button.textContent = this.mask?.[this.now.row][this.now.column] ? "Hide this cell" : "Let it look";

    const joined = found.flatMap((_, i) => brought(i)[row]);
    const before = right.flatMap((each) => each.output[row]);
    const cells = joined.slice(0, MOST_CELLS).map((x, c) => h("tr", {}, h("th", { scope: "row" }, parts[c] ?? `${c + 1}`),
      h("td", {}, fmt(x)), h("td", {}, fmt(before[c]))));
    this.takes.replaceChildren(h("table", { class: "takes" },
      h("caption", {}, `What ${names[row]} takes away`),
      h("thead", {}, h("tr", {}, ...["channel", "now", "right"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...cells)));
    return `${names[row]} gives ${names[column]} ${share}${hidden ? ", hidden" : ""}.`;
  }

  /** How a score becomes a share, as a quotient. @param {number[][]} scores @param {string} share @param {number} row @param {number} column */
  share(scores, share, row, column) {
    const { wrong } = this.now;
    const among = wrong === "wrong_axis" ? scores.map((line) => line[column])
      : scores[row].filter((_, j) => !this.mask || this.mask[row][j]);
    const plain = wrong === "hard" || wrong.startsWith("mask") || among.length > 6;
    const powers = among.map((score) => `e^${fmt(score, 1)}`);
    if (wrong === "weights_transposed") return `${share} is what ${this.data.names[column]} gives ${this.data.names[row]}`;
    return plain ? `its share: ${share}` : `e^${fmt(scores[row][column], 1)} / (${powers.join(" + ")}) = ${share}`;
  }

  css() {
    return `.told { min-height: 3em; }
.cells { border-spacing: 2px; border-collapse: separate; table-layout: fixed; }
.cells :is(th, td) { font-size: 0.92em; height: 2.3em; min-width: 2.6em; padding: 0 0.25em; text-align: center; }
.cells tbody th { text-align: right; }
.cells .cell { cursor: pointer; position: relative; }
.cells .hidden::after { background: repeating-linear-gradient(45deg, currentColor 0 1px, transparent 1px 7px);
  content: ""; inset: 0; opacity: 0.55; position: absolute; }
.cells .lit { font-weight: 700; }
.cells .chosen { outline: 3px solid var(--rust); outline-offset: -1px; }
.wide { max-width: 100%; overflow-x: auto; }
.takes :is(th, td) { padding: 0.1em 0.9em 0.1em 0; text-align: left; }
.takes caption { font-weight: 600; padding: 0.3em 0; text-align: left; white-space: nowrap; }
canvas { border: 1px solid var(--faint); cursor: crosshair; display: block; image-rendering: pixelated; max-width: 100%; }
@media (forced-colors: active) { .cells .cell { forced-color-adjust: none; } }`;
  }
}

/** A table whose cells are written: one stop for Tab, arrow keys within. */
class Written {
  /** @param {Matrix} owner @param {string[]} names */
  constructor(owner, names) {
    this.cells = names.map((_, i) => names.map((_, j) => h("td", {
      class: "cell",
      tabindex: -1,
      onpointerenter: (/** @type {PointerEvent} */ event) => event.pointerType === "mouse" && owner.peek([i, j]),
      onclick: () => (owner.mask && owner.now.row === i && owner.now.column === j
        ? owner.flip(i, j) : owner.change({ row: i, column: j })),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event, owner, i, j),
    })));
    this.sums = names.map(() => h("td", { class: "number" }));
    this.columns = names.map((name) => h("th", { scope: "col" }, name));
    this.rows = names.map((name) => h("th", { scope: "row" }, name));
    const head = h("tr", {}, h("td", {}, "asks ↓"), ...this.columns, h("th", { scope: "col" }, "sum"));
    const body = this.rows.map((name, i) => h("tr", {}, name, ...this.cells[i], this.sums[i]));
    this.node = h("div", { class: "wide", tabindex: 0, role: "group", "aria-label": "Table of weights" },
      h("table", { class: "cells", role: "grid", onpointerleave: () => owner.over && owner.peek(), "aria-label": "Weights: rows ask, columns are asked" },
        h("thead", {}, head), h("tbody", {}, ...body)));
    this.chosen = this.cells[0][0];
  }

  /** @param {KeyboardEvent} event @param {Matrix} owner @param {number} i @param {number} j */
  key(event, owner, i, j) {
    const step = arrow(event);
    if (step) {
      const [row, column] = [i + step[0], j + step[1]];
      if (!this.cells[row]?.[column]) return;
      owner.change({ row, column });
      this.cells[row][column].focus();
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      owner.flip(i, j);
    }
  }

  /**
   * @param {number[][]} weights @param {number[]} sums @param {boolean[][] | undefined} mask
   * @param {number} row @param {number} column
   */
  show(weights, sums, mask, row, column) {
    this.cells.forEach((cells, i) => cells.forEach((cell, j) => {
      const paper = colour("viridis", weights[i][j]);
      const hidden = mask && !mask[i][j];
      cell.textContent = fmt(weights[i][j]);
      cell.style.background = paper;
      cell.style.color = inkOn(paper);
      const chosen = i === row && j === column;
      set(cell, { class: `cell${hidden ? " hidden" : ""}${chosen ? " chosen" : ""}`, tabindex: chosen ? 0 : -1,
        "aria-label": hidden ? `${fmt(weights[i][j])}, hidden` : undefined, "aria-selected": String(chosen) });
    }));
    sums.forEach((sum, i) => (this.sums[i].textContent = fmt(sum)));
    this.rows.forEach((name, i) => name.classList.toggle("lit", i === row));
    this.columns.forEach((name, j) => name.classList.toggle("lit", j === column));
  }
}

/** A table that is too large to be written: a picture to point into, with words below. */
class Painted {
  /** @param {Matrix} owner @param {string[]} names */
  constructor(owner, names) {
    this.names = names;
    const n = names.length;
    const choose = (/** @type {number} */ row, /** @type {number} */ column) => {
      const within = (/** @type {number} */ x) => Math.max(0, Math.min(n - 1, x));
      owner.change({ row: within(row), column: within(column) });
    };
    this.canvas = h("canvas", {
      width: PIXELS, height: PIXELS, tabindex: 0, role: "img",
      onclick: (/** @type {MouseEvent} */ event) => {
        const size = this.canvas.getBoundingClientRect().width / n;
        choose(Math.floor(event.offsetY / size), Math.floor(event.offsetX / size));
      },
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const step = arrow(event);
        if (step) choose(owner.now.row + step[0], owner.now.column + step[1]);
        else if (event.key === " " || event.key === "Enter") {
          event.preventDefault();
          owner.flip(owner.now.row, owner.now.column);
        }
      },
    });
    this.words = h("p", {});
    this.node = h("div", {}, this.canvas, this.words);
  }

  /**
   * @param {number[][]} weights @param {number[]} sums @param {boolean[][] | undefined} mask
   * @param {number} row @param {number} column
   */
  show(weights, sums, mask, row, column) {
    const { canvas, names, words } = this;
    const most = Math.max(...weights.flat());
    const size = PIXELS / names.length;
    const pen = canvas.getContext("2d");
    weights.forEach((line, i) => line.forEach((weight, j) => {
      pen.fillStyle = colour("viridis", most && weight / most);
      pen.fillRect(j * size, i * size, size + 0.5, size + 0.5);
    }));
    pen.strokeStyle = "#cf5f3c";
    pen.lineWidth = 2;
    pen.strokeRect(column * size, row * size, size, size);
    const best = weights[row].map((weight, j) => ({ weight, j })).sort((a, b) => b.weight - a.weight).slice(0, 4);
    const told = best.map(({ weight, j }) => `${names[j]} ${fmt(weight, 3)}`).join(", ");
    words.textContent = `${names[row]} looks most at ${told}. Yellow is ${fmt(most, 3)}; its row sums to ${fmt(sums[row])}.`;
    set(canvas, { "aria-label": `Weights of ${names.length} tokens. ${words.textContent}` });
  }
}
define("touch-matrix", Matrix);
