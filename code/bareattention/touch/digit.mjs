import { Touchable, bars, button, choice, define, fmt, h, set, toggle } from "./base.mjs";
import { colour, inkOn } from "./colour.mjs";
import { images, paint, prepared } from "./ink.mjs";
import { softmax } from "./math.mjs";
import { readDigit } from "./net.mjs";
import { Pad } from "./pad.mjs";
import { whenSeen } from "./weights.mjs";

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/**
 * A digit to draw, read by the trained model; its looks, its heads and its patches to play with.
 * @typedef {{label: string, hint: string, examples: string, shares: number[][], first: number,
 *   config: {size: number, stride: number, padding: number, heads: number, blocks: number,
 *   mean: number, std: number}}} Data examples: 28 × 28 bytes each, in base64
 */
class Digit extends Touchable {
  /** @param {Data} data */
  draw(data) {
    const { heads, blocks } = data.config;
    /** @type {Data} */ this.data = data;
    /** @type {number[][][]} */ this.examples = images(data.examples, 28);
    /** @type {boolean[][]} */ this.off = Array.from({ length: blocks }, () => new Array(heads).fill(false));
    /** @type {{block: number, head: number}} */ this.now = { block: blocks - 1, head: 0 };
    /** @type {number} */ this.side = Math.floor((28 + 2 * data.config.padding - data.config.size) / data.config.stride) + 1;
    /** @type {boolean[]} */ this.covered = new Array(this.side ** 2).fill(false);
    /** @type {number[][] | undefined} */ this.image = this.examples[data.first];

    /** @type {Pad} */ this.pad = new Pad("Draw a digit", (pixels) => this.drawn(pixels && prepared(pixels)));
    this.pad.set(this.image);
    /** @type {any} */ this.seen = h("canvas", { class: "seen", "aria-hidden": "true" });
    /** @type {any} */ this.answer = h("p", { class: "answer" }, h("b", {}, "…"));
    /** @type {ReturnType<typeof bars>} */ this.bars = bars("", "digit", "share", DIGITS);
    /** @type {ReturnType<Digit["grid"]>} */ this.looks = this.grid();
    /** @type {any} */ this.told = h("p", {});
    const buttons = this.examples.map((example, i) => button(DIGITS[i], () => {
      this.pad.set(example);
      this.drawn(example);
    }, `Take the ${DIGITS[i]}`));
    const clear = button("Clear", () => {
      this.pad.clear();
      this.forget();
    });
    this.switches = this.off.map((row, b) => row.map((_, head) =>
      toggle(`block ${b + 1}, head ${head + 1}`, true, (on) => {
        this.off[b][head] = !on;
        this.change(`Block ${b + 1}, head ${head + 1} is ${on ? "on" : "off"}.`);
      })));
    this.bars.show(data.shares[data.first]);
    whenSeen(this, "digit", (all) => {
      this.model = all;
      this.show();
    }, this.answer);
    return [
      h("div", { class: "beside" },
        h("div", {}, this.pad.canvas, h("div", { class: "row picks" }, ...buttons, clear)),
        h("div", {}, this.answer, this.bars.node)),
      h("div", { class: "beside" },
        h("div", {},
          choice("Block", this.off.map((_, b) => String(b + 1)), this.now.block, (block) => this.look({ block })),
          choice("Head", this.off[0].map((_, i) => String(i + 1)), 0, (head) => this.look({ head })),
          this.told),
        h("div", {}, h("div", { class: "stack" }, this.seen, this.looks.node),
          h("p", {}, "Touch a square to cover what lies under it."))),
      h("details", {}, h("summary", {}, "Switch heads off"),
        ...this.switches.map((row) => h("div", { class: "row" }, ...row))),
    ];
  }

  /** A new picture. @param {number[][] | null} image */
  drawn(image) {
    if (!image) return;
    this.image = image;
    this.whole = undefined;
    this.covered.fill(false);
    this.change("");
  }

  /** Nothing is drawn, so that nothing is read. */
  forget() {
    this.image = undefined;
    this.covered.fill(false);
    const words = "Draw a digit, or take one.";
    this.answer.replaceChildren(h("b", {}, words));
    this.say(words);
    this.told.textContent = "";
    this.bars.show([]);
    this.looks.show([]);
    paint(this.seen, Array.from({ length: 28 }, () => new Array(28).fill(0)));
  }

  /** @param {object} change */
  look(change) {
    Object.assign(this.now, change);
    if (this.show()) this.say(this.told.textContent);
  }

  /** @param {string} words */
  change(words) {
    const answer = this.show();
    if (answer) this.say(`${words} ${answer}`.trim());
  }

  /** A picture with the covered squares white. @param {number[][]} image */
  shown(image) {
    const { size, stride, padding } = this.data.config;
    const hidden = this.covered.flatMap((is, i) => (is ? [i] : [])).map((i) =>
      [Math.floor(i / this.side) * stride - padding, (i % this.side) * stride - padding]);
    return image.map((row, r) => row.map((ink, c) =>
      hidden.some(([top, left]) => r >= top && r < top + size && c >= left && c < left + size) ? 0 : ink));
  }

  /** Read and draw all anew; returns the answer in words. */
  show() {
    if (!this.model || !this.image) return "";
    const image = this.shown(this.image);
    const { logits, weights } = readDigit(image, this.model, this.data.config, this.off);
    const shares = softmax(logits);
    const altered = this.covered.some(Boolean) || this.off.flat().some(Boolean);
    if (!altered) this.whole = shares;
    const whole = this.whole ?? softmax(readDigit(this.image, this.model, this.data.config).logits);
    this.bars.show(shares);
    const [best, before] = [shares, whole].map((row) => row.indexOf(Math.max(...row)));
    const words = `It reads a ${best}, share ${fmt(shares[best])}.` + (altered
      ? ` Uncovered and with all heads, a ${before}, share ${fmt(whole[before])}.` : "");
    this.answer.replaceChildren(h("b", {}, words));
    paint(this.seen, image);
    const table = weights[this.now.block][this.now.head];
    const looked = table[0].map((_, j) => table.reduce((sum, row) => sum + row[j], 0) / table.length);
    this.looks.show(looked);
    const most = looked.indexOf(Math.max(...looked));
    this.told.textContent = `Block ${this.now.block + 1}, head ${this.now.head + 1}` +
      `${this.off[this.now.block][this.now.head] ? " (off)" : ""}: all tokens together look most at the square ` +
      `in ${this.place(most)}, share ${fmt(looked[most])}; ` +
      `an even look would be ${fmt(1 / looked.length)}.`;
    return words;
  }

  /** Where a square lies. @param {number} i */
  place(i) {
    return `row ${Math.floor(i / this.side) + 1}, column ${(i % this.side) + 1}`;
  }

  /** The squares over the picture, each with the share of looks that it gets. */
  grid() {
    const squares = this.covered.map((_, i) => button("", () => {
      this.covered[i] = !this.covered[i];
      this.change(this.covered[i] ? "Covered." : "Uncovered.");
    }, this.place(i)));
    squares.forEach((square) => set(square, { class: "square" }));
    const node = h("div", { class: "squares", style: `--side: ${this.side}` }, ...squares);
    return { node, show: (/** @type {number[]} */ looked) => {
      const most = Math.max(...looked);
      squares.forEach((square, i) => {
        const paper = colour("viridis", looked[i] / most || 0);
        const share = looked.length ? fmt(looked[i]) : "";
        square.textContent = share;
        square.style.setProperty("--paper", paper);
        square.style.setProperty("--ink", inkOn(paper));
        set(square, { "aria-pressed": String(this.covered[i]),
          "aria-label": `${this.place(i)}${share && `: looked at ${share}`}${this.covered[i] ? ", covered" : ""}` });
      });
    } };
  }

  css() {
    return `.bars :is(th, td) { padding: 0.02em 0; }
.beside + .beside { margin-top: 1em; }
.stack { display: grid; max-width: 15em; }
.stack > * { grid-area: 1 / 1; }
.seen { aspect-ratio: 1; border: 1px solid var(--faint); image-rendering: pixelated; width: 100%; }
.squares { display: grid; gap: 2px; grid-template-columns: repeat(var(--side), 1fr); }
.square { aspect-ratio: 1; background: color-mix(in srgb, var(--paper, transparent) 62%, transparent);
  border: 1px solid var(--faint); border-radius: 0; color: var(--ink); font-size: 0.8em; min-height: 24px;
  padding: 0; text-shadow: 0 0 3px color-mix(in srgb, var(--paper, #fff) 90%, transparent); }
.square[aria-pressed="true"] { outline: 3px solid var(--rust); outline-offset: -3px; }
@media (forced-colors: active) { .pad, .stack { forced-color-adjust: none; } }`;
  }
}
define("touch-digit", Digit);
