import { Touchable, arrow, bars, button, choice, define, drag, fmt, h, set, toggle } from "./base.mjs";
import { attention, matmul } from "./math.mjs";

const PLANE = { side: 110, head: 7 }; // px of the picture of a meaning

/**
 * One head on one sentence.  Rows of `places` are added by place; `order` lists words by their
 * numbers, from left to right.
 * @param {{rows: number[][], W_query: number[][], W_key: number[][], W_value: number[][]}} head
 * @param {number[]} order @param {number[][]} [places]
 */
export function readSentence({ rows, W_query, W_key, W_value }, order, places) {
  const x = order.map((word, k) => rows[word].map((number, c) => number + (places?.[k][c] ?? 0)));
  const values = matmul(x, W_value);
  return { values, ...attention(matmul(x, W_query), matmul(x, W_key), values) };
}

/** An order in which the word at one place has come to another. @param {number[]} order */
export function moved(order, /** @type {number} */ from, /** @type {number} */ to) {
  const rest = order.filter((_, k) => k !== from);
  return [...rest.slice(0, to), order[from], ...rest.slice(to)];
}

/**
 * A sentence whose words look at each other: what one of them takes away from it.
 * @typedef {{label: string, hint: string, tokens: string[], rows: number[][], W_query: number[][],
 *   W_key: number[][], W_value: number[][], meanings: string[], asks: number, movable: boolean,
 *   instead?: {at: number, word: string, row: number[]}, places?: number[][]}} Data
 */
class Sentence extends Touchable {
  /** @param {Data} data */
  draw(data) {
    const { instead, meanings, movable, places } = data;
    const first = data.tokens.map((_, i) => i);
    const now = { order: first, asks: data.asks, changed: false, placed: false };
    const word = (/** @type {number} */ id) =>
      instead && now.changed && id === instead.at ? instead.word : data.tokens[id];
    const read = (/** @type {number[]} */ order) => {
      const changed = instead && now.changed;
      const rows = data.rows.map((row, id) => (changed && id === instead.at ? instead.row : row));
      return readSentence({ ...data, rows }, order, now.placed ? places : undefined);
    };

    const words = first.map((id) => {
      const name = h("span", { class: "name" });
      const share = h("span", { class: "share number" });
      const node = h("button", { type: "button", class: "word", "aria-describedby": "says",
        onclick: () => change({ asks: id }),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          const step = movable && arrow(event);
          if (step) move(id, now.order.indexOf(id) + step[0] + step[1]);
        } }, name, share);
      return { node, name, share };
    });
    const line = h("div", { class: "line" }, ...words.map(({ node }) => node));
    const arcs = first.flatMap((i) => first.map((j) => ({ i, j, node: h("path") })));
    const n = first.length;
    const sky = h("svg", { class: "sky", viewBox: `0 0 ${100 * n} 100`, "aria-hidden": "true",
      preserveAspectRatio: "none" }, ...arcs.map((arc) => arc.node));
    const says = h("p", { id: "says", class: "number" });
    const meaning = new Meaning(meanings, Math.max(...data.rows.concat(instead ? [instead.row] : [])
      .flatMap((row) => matmul([row], data.W_value)[0])));
    const comparison = h("p", { class: "number compared" });
    const moves = h("span", {});

    const show = () => {
      const head = read(now.order);
      const at = now.order.indexOf(now.asks);
      const name = word(now.asks);
      now.order.forEach((id, k) => {
        words[id].name.textContent = word(id);
        words[id].share.textContent = fmt(head.weights[at][k]);
        words[id].node.style.setProperty("--share", `${100 * head.weights[at][k]}%`);
        set(words[id].node, { "aria-pressed": String(id === now.asks) });
      });
      for (const { i, j, node } of arcs) {
        const weight = head.weights[i][j];
        set(node, { d: Sentence.arc(i, j, n), class: i === at ? "lit" : "faint",
          "stroke-width": weight < 0.005 ? 0 : 0.7 + 11 * weight });
      }
      const gives = now.order.map((id, k) =>
        `${fmt(head.weights[at][k])} to ${id === now.asks ? "itself" : word(id)}`);
      moves.textContent = `move ${name}`;
      says.textContent = `${name} gives ${gives.join(", ")}.`;
      meaning.show(name, head.values[at], head.output[at]);
      const before = read(first).output[now.asks];
      const same = before.every((x, c) => Math.abs(x - head.output[at][c]) < 0.005);
      const takes = meanings.map((what, c) => `${fmt(head.output[at][c])} ${what}`).join(", ");
      comparison.textContent = now.order === first ? "" : same
        ? `The same as in “${first.map(word).join(" ")}”: this head does not see the order.`
        : `In “${first.map(word).join(" ")}” it was ${meanings.map((what, c) => `${fmt(before[c])} ${what}`).join(", ")}.`;
      const text = now.order.map(word).join(" ");
      return `${text}: ${says.textContent} It takes away ${takes}. ${comparison.textContent}`;
    };
    const change = (/** @type {object} */ what) => {
      Object.assign(now, what);
      this.say(show());
    };
    // The word that moves stays in the page, or it would lose the focus and the pointer.
    const move = (/** @type {number} */ id, /** @type {number} */ to) => {
      const from = now.order.indexOf(id);
      if (to < 0 || to >= n || to === from) return;
      const order = moved(now.order, from, to);
      const { node } = words[id];
      node.before(...order.slice(0, to).map((other) => words[other].node));
      node.after(...order.slice(to + 1).map((other) => words[other].node));
      change({ asks: id, order: String(order) === String(first) ? first : order });
    };

    const controls = h("div", { class: "row" });
    if (instead)
      controls.append(choice("the word", [data.tokens[instead.at], instead.word], 0,
        (i) => change({ changed: i === 1 })));
    if (movable) {
      const step = (/** @type {number} */ by) => () => move(now.asks, now.order.indexOf(now.asks) + by);
      controls.append(h("span", { class: "moves" },
        button("←", step(-1), "move the word to the left"),
        button("→", step(1), "move the word to the right"),
        moves));
      if (places) controls.append(toggle("with positions", false, (placed) => change({ placed })));
      words.forEach(({ node }, id) => {
        /** @type {number} */ let start;
        node.classList.add("movable");
        drag(node, line, {
          start: () => (start = now.order.indexOf(id)),
          move: (x) => move(id, Math.max(0, Math.min(n - 1, Math.floor((x / line.clientWidth) * n)))),
          end: (broken) => broken && move(id, start),
        });
      });
    }
    show();
    return [controls, h("div", { class: "text" }, sky, line), says,
      h("div", { class: "meaning" }, ...meaning.nodes), comparison];
  }

  /** The curve from one word to another, 100 wide each. */
  static arc(/** @type {number} */ i, /** @type {number} */ j, /** @type {number} */ n) {
    const [from, to] = i === j ? [100 * i + 36, 100 * i + 64] : [100 * i + 50, 100 * j + 50];
    const top = 100 - (i === j ? 36 : 40 + (80 * Math.abs(i - j)) / (n - 1));
    return `M${from} 100C${from} ${top} ${to} ${top} ${to} 100`;
  }

  css() {
    return `.text { --mark: var(--violet); max-width: 34em; }
.sky { display: block; height: 6em; overflow: visible; width: 100%; }
.sky path { fill: none; vector-effect: non-scaling-stroke; }
.sky .lit { stroke: var(--mark); stroke-opacity: 0.85; }
.sky .faint { stroke: currentColor; stroke-opacity: 0.1; }
.line { display: grid; gap: 0.4em; grid-auto-columns: 1fr; grid-auto-flow: column; }
.word { background: linear-gradient(var(--mark) 0 0) left bottom / var(--share) 0.3em no-repeat;
  min-width: 0; padding: 0.3em 0.1em 0.5em; }
.word[aria-pressed="true"] { border-color: var(--mark); box-shadow: inset 0 0 0 1px var(--mark); }
.word.movable { cursor: grab; touch-action: none; }
.name { display: block; font: 600 1.35em/1.3 var(--text-face, serif); }
.moves { align-items: center; display: inline-flex; gap: 0.4em; }
.meaning { align-items: center; display: flex; flex-wrap: wrap; gap: 0.6em 1.6em; max-width: 34em; }
.amounts { flex: 1 1 8em; }
.plane { flex: none; height: 10em; width: 11em; }
.plane text { fill: currentColor; font-size: 11px; }
.plane .axis { stroke: currentColor; stroke-opacity: 0.4; }
.plane .arrow { fill: none; stroke-linejoin: round; stroke-width: 2.5; }
.plane .alone { stroke: currentColor; stroke-dasharray: 3 3; stroke-opacity: 0.6; }
.plane .here { stroke: var(--violet); }
@media (prefers-reduced-motion: no-preference) {
  .plane .here, .sky path { transition: d 400ms, stroke-width 400ms, stroke-opacity 200ms; } }
@media (forced-colors: active) {
  .word[aria-pressed="true"] { border: 3px solid Highlight; } }`;
  }
}

/** What a word takes away, beside what it says alone: as an arrow, and in numbers. */
class Meaning {
  /** @param {string[]} names of the two numbers @param {number} most */
  constructor(names, most) {
    this.scale = PLANE.side / most;
    this.alone = h("path", { class: "arrow alone" });
    this.here = h("path", { class: "arrow here" });
    this.names = names;
    this.bars = bars("", "of", "amount", names, most);
    this.bars.node.rows[0].className = "unseen";
    ["blue", "amber"].forEach((mark, c) =>
      this.bars.node.rows[c + 1].style.setProperty("--mark", `var(--${mark})`));
    this.says = h("p", { class: "number" });
    const end = PLANE.side + 6;
    const plane = h("svg", { class: "plane", viewBox: `-16 -${end + 8} 160 ${end + 26}`, "aria-hidden": "true" },
      h("path", { class: "axis", fill: "none", d: `M0 -${end}V0H${end}` }),
      h("text", { x: end, y: 14, "text-anchor": "end" }, names[0]),
      h("text", { transform: `translate(-5 -${end}) rotate(-90)`, "text-anchor": "end" }, names[1]),
      this.alone, this.here);
    this.nodes = [plane, h("div", { class: "amounts" }, this.bars.node, this.says)];
  }

  /** An arrow from the corner; all have the same commands, so that one can turn into another. */
  static arrow(/** @type {number} */ x, /** @type {number} */ y) {
    const length = Math.hypot(x, y);
    const size = Math.min(PLANE.head, length);
    const [a, b] = length ? [(size * x) / length, (size * y) / length] : [0, 0];
    const side = (/** @type {number} */ s) => `L${x - a - (s * b) / 2} ${-y + b - (s * a) / 2}`;
    return `M0 0L${x} ${-y}${side(1)}L${x} ${-y}${side(-1)}`;
  }

  /** @param {string} word @param {number[]} alone @param {number[]} here */
  show(word, alone, here) {
    set(this.alone, { d: Meaning.arrow(alone[0] * this.scale, alone[1] * this.scale) });
    set(this.here, { d: Meaning.arrow(here[0] * this.scale, here[1] * this.scale) });
    this.bars.show(here);
    this.bars.caption.textContent = `What ${word} takes away`;
    const own = this.names.map((name, c) => `${fmt(alone[c], Number.isInteger(alone[c]) ? 0 : 2)} ${name}`).join(", ");
    this.says.textContent = `Dashed: ${word} by itself, ${own}.`;
  }
}
define("touch-sentence", Sentence);
