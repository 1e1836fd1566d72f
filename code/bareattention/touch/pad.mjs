import { arrow, drag, h } from "./base.mjs";
import { paint } from "./ink.mjs";

const GRID = 84; // pixels of the pad: three of them are one of MNIST's
const PEN = 4.2; // radius of the pen in them

/** A pad to draw on with mouse, finger, pen or keys. */
export class Pad {
  /** @param {string} label @param {(pixels: number[][] | null) => void} changed */
  constructor(label, changed) {
    this.changed = changed;
    /** @type {number[][]} */ this.ink = [];
    this.spot = [GRID / 2, GRID / 2];
    this.down = false;
    this.canvas = h("canvas", {
      class: "pad", width: GRID, height: GRID, tabindex: 0, role: "application", "aria-label":
        `${label}: arrow keys move the pen, space puts it down or lifts it`,
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    });
    /** @type {number[] | null} */ let last = null;
    const at = (/** @type {number} */ x, /** @type {number} */ y) => {
      const unit = GRID / this.canvas.getBoundingClientRect().width;
      const spot = [x * unit, y * unit];
      this.stroke(last ?? spot, spot);
      last = spot;
    };
    /** @type {number[][]} */ let before = [];
    drag(this.canvas, this.canvas, {
      start: (x, y) => {
        before = this.ink.map((row) => [...row]);
        last = null;
        at(x, y);
      },
      move: at,
      end: (brokenOff) => {
        if (brokenOff) this.ink = before;
        this.show();
        this.changed(this.ink);
      },
    });
    this.clear();
  }

  clear() {
    this.ink = Array.from({ length: GRID }, () => new Array(GRID).fill(0));
    this.show();
  }

  /** Put another picture on the pad. @param {number[][]} pixels 28 × 28 */
  set(pixels) {
    const times = GRID / pixels.length;
    this.ink = this.ink.map((row, i) => row.map((_, j) => pixels[Math.floor(i / times)][Math.floor(j / times)]));
    this.show();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = arrow(event);
    if (step) {
      const before = this.spot;
      this.spot = before.map((x, i) => Math.max(0, Math.min(GRID - 1, x + 4 * step[1 - i])));
      if (this.down) this.stroke(before, this.spot);
      this.show();
      if (this.down) this.changed(this.ink);
    } else if (event.key === " ") {
      event.preventDefault();
      this.down = !this.down;
      if (this.down) this.stroke(this.spot, this.spot);
      this.show();
      this.changed(this.ink);
    }
  }

  /** A line with soft edges. @param {number[]} from @param {number[]} to */
  stroke(from, to) {
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const long = dx * dx + dy * dy;
    this.ink.forEach((row, y) => row.forEach((ink, x) => {
      const t = long && Math.max(0, Math.min(1, ((x + 0.5 - from[0]) * dx + (y + 0.5 - from[1]) * dy) / long));
      const away = Math.hypot(from[0] + t * dx - x - 0.5, from[1] + t * dy - y - 0.5);
      row[x] = Math.max(ink, Math.round(255 * Math.max(0, Math.min(1, PEN + 0.5 - away))));
    }));
    this.show();
  }

  show() {
    paint(this.canvas, this.ink);
    if (this.canvas.getRootNode().activeElement !== this.canvas) return;
    const pen = this.canvas.getContext("2d");
    pen.strokeStyle = this.down ? "#cf5f3c" : "#8f6bc4";
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.arc(this.spot[0], this.spot[1], PEN, 0, 7);
    pen.stroke();
  }
}
