import { Touchable, bars, button, define, fmt, h } from "./base.mjs";
import { images, paint, prepared, resampled } from "./ink.mjs";
import { dot, softmax } from "./math.mjs";
import { gelu, linear } from "./net.mjs";
import { Pad } from "./pad.mjs";
import { whenSeen } from "./weights.mjs";

const MOST_CARDS = 10;
const FEWEST_CARDS = 2;

/**
 * The book's CardReader: which card it looks at, and what it reads on the other side.
 * @param {number[][][]} left pictures, one a card, 0 to 255 @param {number[][][]} right
 * @param {number[][]} asked @param {Record<string, any>} all its parameters
 * @param {{mean: number, std: number}} config
 */
export function readCards(left, right, asked, all, { mean, std }) {
  const embed = (/** @type {number[][][]} */ pictures) => {
    const rows = pictures.map((picture) => picture.flat().map((x) => (x - mean) / std));
    return linear(gelu(linear(rows, all, "embedding.1")), all, "embedding.3");
  };
  const [query] = linear(embed([asked]), all, "projections.query");
  const keys = linear(embed(left), all, "projections.key");
  const values = linear(embed(right), all, "projections.value");
  const looks = softmax(keys.map((key) => dot(query, key) / Math.sqrt(key.length)));
  const found = Array.from(query, (_, c) => looks.reduce((sum, share, i) => sum + share * values[i][c], 0));
  const logits = linear(gelu(linear([[...query, ...found]], all, "read.0")), all, "read.2");
  return { looks, logits: Array.from(logits[0]) };
}

/**
 * Cards on the table and a question: what is on the right of the card with this digit?
 * @typedef {{label: string, hint: string, pictures: string, labels: number[], side: number,
 *   cards: number[][], asked: number, config: {mean: number, std: number}}} Data
 *   pictures: side × side bytes each, in base64; cards: numbers of two pictures each
 */
class Cards extends Touchable {
  /** @param {Data} data */
  draw(data) {
    /** @type {Data} */ this.data = data;
    /** @type {number[][][]} */ this.pool = images(data.pictures, data.side);
    /** @type {number[][]} */ this.cards = data.cards.map((card) => [...card]);
    /** @type {number[][]} */ this.asked = this.pool[data.asked];
    /** @type {any} */ this.table = h("ol", { class: "cards" });
    /** @type {any} */ this.question = h("canvas", { class: "picture", "aria-hidden": "true" });
    /** @type {any} */ this.answer = h("p", { class: "answer" }, h("b", {}, "…"));
    /** @type {ReturnType<typeof bars>} */ this.bars = bars("What it reads on the right", "digit", "share", Array.from({ length: 10 }, (_, i) => String(i)));
    /** @type {Pad} */ this.pad = new Pad("Draw the digit you ask for", (pixels) => {
      const drawn = pixels && prepared(pixels);
      if (drawn) this.ask(resampled(drawn, data.side, data.side));
    });
    /** @type {any} */ this.more = button("Add a card", () => this.deal(this.cards.length + 1, true));
    /** @type {any} */ this.fewer = button("Take one away", () => this.deal(this.cards.length - 1, true));
    const picks = [...Array(10).keys()].map((digit) => button(String(digit), () => {
      const known = this.cards.map(([left]) => left);
      const same = this.pool.flatMap((_, i) => (data.labels[i] === digit && !known.includes(i) ? [i] : []));
      this.ask(this.pool[same[Math.floor(Math.random() * same.length)]]);
    }, `Ask for the ${digit}`));
    this.show();
    whenSeen(this, "cards", (all) => {
      this.model = all;
      this.show();
    }, this.answer);
    return [
      h("div", { class: "row" }, button("Deal anew", () => this.deal(this.cards.length, false)), this.more, this.fewer,
        button("Shuffle", () => this.change("Shuffled.", () => mixed(this.cards)))),
      this.table,
      h("div", { class: "beside" },
        h("div", {}, h("p", {}, "Asked: the card whose left digit is this one"), this.question,
          h("div", { class: "row picks" }, ...picks),
          h("details", {}, h("summary", {}, "Draw it yourself"), this.pad.canvas, button("Clear", () => this.pad.clear()))),
        h("div", {}, this.answer, this.bars.node)),
    ];
  }

  /** @param {string} words @param {() => void} act */
  change(words, act) {
    act();
    this.say(`${words} ${this.show()}`.trim());
  }

  /** @param {number[][]} picture */
  ask(picture) {
    this.change("", () => (this.asked = picture));
  }

  /** Deal cards with left digits of which no two are alike. @param {number} n @param {boolean} keep */
  deal(n, keep) {
    this.change(`${n} cards.`, () => {
      const { labels } = this.data;
      this.cards = keep ? this.cards.slice(0, n) : [];
      while (this.cards.length < n) {
        const there = this.cards.map(([left]) => labels[left]);
        const free = labels.flatMap((label, i) => (there.includes(label) ? [] : [i]));
        const any = () => Math.floor(Math.random() * labels.length);
        this.cards.push([free[Math.floor(Math.random() * free.length)], any()]);
      }
    });
  }

  /** Draw all anew; returns the answer in words. */
  show() {
    const { cards, pool, data: { labels } } = this;
    this.more.disabled = cards.length >= MOST_CARDS;
    this.fewer.disabled = cards.length <= FEWEST_CARDS;
    paint(this.question, this.asked);
    const found = this.model && readCards(cards.map(([left]) => pool[left]), cards.map(([, right]) => pool[right]),
      this.asked, this.model, this.data.config);
    this.table.replaceChildren(...cards.map(([left, right], i) => {
      const share = found?.looks[i] ?? 0;
      const sides = [left, right].map((side) => {
        const canvas = h("canvas", { class: "picture", "aria-hidden": "true" });
        paint(canvas, pool[side]);
        return canvas;
      });
      return h("li", { style: `--share: ${share}` }, h("div", { class: "card" }, ...sides),
        h("p", {}, h("span", { class: "unseen" }, `card ${labels[left]} and ${labels[right]}, looked at: `), found ? fmt(share) : ""));
    }));
    if (!found) return "";
    const shares = softmax(found.logits);
    this.bars.show(shares);
    const [best, card] = [shares, found.looks].map((row) => row.indexOf(Math.max(...row)));
    const words = `It looks at the card ${labels[cards[card][0]]} | ${labels[cards[card][1]]}, ` +
      `share ${fmt(found.looks[card])}, and answers ${best}, share ${fmt(shares[best])}.`;
    this.answer.replaceChildren(h("b", {}, words));
    return words;
  }

  css() {
    return `.cards { display: flex; flex-wrap: wrap; gap: 0.6em; list-style: none; margin: 0.8em 0; padding: 0; }
.cards li { text-align: center; }
.card { border: 1px solid var(--faint); border-radius: 0.5em; display: flex; gap: 2px; padding: 0.3em;
  box-shadow: 0 0 0 calc(5px * var(--share)) var(--violet); }
.picture { background: #fff; height: 3em; image-rendering: pixelated; width: 3em; }
.pad { margin: 0.5em 0; width: min(100%, 11em); }
@media (forced-colors: active) { .card, .picture, .pad { forced-color-adjust: none; } }`;
  }
}

/** Bring things into another order, by chance. @param {any[]} things */
function mixed(things) {
  for (let i = things.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [things[i], things[j]] = [things[j], things[i]];
  }
}
define("touch-cards", Cards);
