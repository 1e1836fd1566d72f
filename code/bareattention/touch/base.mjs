/**
 * The base of every element that readers touch.
 *
 * In the page it holds one `<script type="application/json">` and then a picture.  Only when the
 * data have been read and drawn without an error does a shadow root cover the picture, so without
 * scripts, with bad data or in an old browser the picture stays.
 */
export class Touchable extends HTMLElement {
  /** Tell a screen reader what changed, once things are quiet. */
  say = (/** @type {string} */ _words) => {};

  connectedCallback() {
    if (this.shadowRoot) return;
    if (this.querySelector("img")) return this.begin();
    // The element may be here before its children: the picture is the last of them.
    const wait = new MutationObserver(() => {
      if (!this.querySelector("img")) return;
      wait.disconnect();
      this.begin();
    });
    wait.observe(this, { childList: true });
  }

  /** At once; but after the first paint, which need not wait for it, where it stands further below. */
  begin() {
    const section = document.querySelector("article h2");
    const below = section && section.compareDocumentPosition(this) & Node.DOCUMENT_POSITION_FOLLOWING;
    if (below) requestAnimationFrame(() => setTimeout(() => this.start()));
    else this.start();
  }

  start() {
    if (this.shadowRoot) return;
    try {
      const json = this.querySelector('script[type="application/json"]');
      const data = JSON.parse(json?.textContent ?? "");
      const status = h("p", { role: "status", class: "unseen" });
      this.say = later(400, (words) => (status.textContent = words));
      const box = h("div", { role: "group", "aria-label": data.label,
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.heed(event) });
      box.append(h("p", { class: "try" }, data.hint), ...this.draw(data), status);
      this.attachShadow({ mode: "open" }).append(h("style", {}, STYLE + this.css()), box);
      this.setAttribute("ready", "");
    } catch (error) {
      console.warn(`${this.localName} keeps its picture:`, error);
    }
  }

  /**
   * Keep keys from Jupyter, which deletes a cell on x and leaves it on arrows; Escape goes back to
   * the cell.  @param {KeyboardEvent} event
   */
  heed(event) {
    /** @type {HTMLElement | null} */ const cell = this.closest(".jp-Cell");
    if (event.key === "Escape") cell?.focus();
    if (!event.altKey && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  }

  /** What the element is made of.  @param {any} data @returns {(Node | string)[]} */
  draw(data) {
    return [data.label];
  }

  /** Its own part of the style sheet. */
  css() {
    return "";
  }
}

/** Make a tag known, once. @param {string} tag @param {CustomElementConstructor} element */
export function define(tag, element) {
  if (!customElements.get(tag)) customElements.define(tag, element);
}

const SVG = ["svg", "g", "path", "line", "rect", "circle", "text", "polygon", "polyline"];

/**
 * Make an element: `h("button", { class: "x", onclick: f }, "text", child)`.
 * A value of false or undefined leaves an attribute out.
 * @param {string} tag @param {Record<string, any>} [attributes] @param {...(Node | string)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const made = SVG.includes(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  set(made, attributes);
  made.append(...children);
  return made;
}

/** Set attributes and listeners. @param {Element} node @param {Record<string, any>} attributes */
export function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === undefined || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
}

/**
 * A number as the book writes it: a real minus, none before a zero.
 * @param {number} x @param {number} [decimals]
 */
export function fmt(x, decimals = 2) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x < 0 ? "−∞" : "∞";
  const text = Math.abs(x).toFixed(decimals);
  return x < 0 && Number(text) ? `−${text}` : text;
}

/**
 * Call a function once things have been quiet for some time, with what came last: what a live
 * region says while a slider moves would be cut off at every step.
 * @param {number} wait ms @param {(...last: any[]) => void} call
 */
export function later(wait, call) {
  /** @type {any} */ let timer;
  return (/** @type {any[]} */ ...last) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...last), wait);
  };
}

/** Where an arrow key leads: [down, right], or undefined. @param {KeyboardEvent} event */
export function arrow(event) {
  /** @type {Record<string, number[]>} */
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const step = !event.altKey && !event.ctrlKey && !event.metaKey && steps[event.key];
  if (!step) return undefined;
  event.preventDefault();
  return step;
}

/**
 * Let a node be dragged by mouse, touch or pen.  `move` gets the place in px within `frame`; `end`
 * is told whether the drag was broken off (`pointercancel`), when all should be as it was.
 * The node needs `touch-action: none` in its style, or a finger scrolls the page.
 * @param {Element} node @param {Element} frame
 * @param {{start?: (x: number, y: number) => void, move: (x: number, y: number) => void,
 *   end?: (broken: boolean) => void}} on
 */
export function drag(node, frame, on) {
  let active = -1;
  const place = (/** @type {PointerEvent} */ event) => {
    const box = frame.getBoundingClientRect();
    return /** @type {[number, number]} */ ([event.clientX - box.left, event.clientY - box.top]);
  };
  const stop = (/** @type {PointerEvent} */ event) => {
    if (event.pointerId !== active) return;
    active = -1;
    on.end?.(event.type === "pointercancel");
  };
  set(node, {
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      if (active >= 0 || event.button) return;
      active = event.pointerId;
      node.setPointerCapture(active);
      on.start?.(...place(event));
    },
    onpointermove: (/** @type {PointerEvent} */ event) => {
      if (event.pointerId === active) on.move(...place(event));
    },
    onpointerup: stop,
    onpointercancel: stop,
  });
}

/**
 * A slider over some values, which says the values and not the places of its thumb.
 * @param {string} label @param {number[]} values @param {number} first the value at the beginning
 * @param {(value: number) => void} change
 * @param {(value: number) => string} [words] how a value reads
 */
export function slider(label, values, first, change, words = String) {
  const output = h("span", { class: "value", "aria-hidden": "true" });
  const show = () => {
    const value = values[Number(input.value)];
    output.textContent = words(value);
    input.setAttribute("aria-valuetext", words(value));
    return value;
  };
  const input = h("input", {
    type: "range",
    max: values.length - 1,
    value: values.indexOf(first),
    oninput: () => change(show()),
  });
  show();
  return h("div", { class: "slider" }, h("label", {}, h("span", {}, label), input), output);
}

/**
 * A button. @param {string} name @param {() => void} act
 * @param {string} [label] what a screen reader says, where the name is only a sign
 */
export const button = (name, act, label) =>
  h("button", { type: "button", "aria-label": label, onclick: act }, name);

/**
 * A switch. @param {string} label @param {boolean} on @param {(on: boolean) => void} change
 */
export function toggle(label, on, change) {
  const input = h("input", { type: "checkbox", onchange: () => change(input.checked) });
  input.checked = on;
  return h("label", { class: "toggle" }, input, h("span", {}, label));
}

/**
 * One of several, as radio buttons that look like one row of buttons.
 * @param {string} label @param {string[]} names @param {number} first
 * @param {(index: number) => void} change
 */
export function choice(label, names, first, change) {
  const group = `choice-${label}`;
  const options = names.map((name, i) => {
    const input = h("input", { type: "radio", name: group, onchange: () => change(i) });
    input.checked = i === first;
    return h("label", {}, input, h("span", {}, name));
  });
  return h("fieldset", { class: "choice" }, h("legend", {}, label), ...options);
}

/**
 * Bars with their numbers, one a name: a table, so that a screen reader reads it as one.
 * @param {string} title @param {string} what the names stand for, such as "key"
 * @param {string} unit @param {string[]} names @param {number} [most] the value of a full bar
 * @returns {{node: HTMLTableElement, caption: HTMLElement,
 *   show: (values: number[], decimals?: number) => void}}
 */
export function bars(title, what, unit, names, most = 1) {
  const cells = names.map(() => h("td", {}));
  const rows = names.map((name, i) => h("tr", {}, h("th", { scope: "row" }, name), cells[i]));
  const head = h("tr", {}, h("th", { scope: "col" }, what), h("th", { scope: "col" }, unit));
  const caption = h("caption", {}, title);
  return {
    caption,
    node: h("table", { class: "bars" }, caption, h("thead", {}, head), h("tbody", {}, ...rows)),
    show: (values, decimals = 2) =>
      cells.forEach((cell, i) => {
        cell.textContent = values.length ? fmt(values[i], decimals) : "";
        cell.style.setProperty("--share", `${(100 * Math.min(values[i] ?? 0, most)) / most}%`);
      }),
  };
}

/* Marks have the colours of the book's figures, which stand out from light and from dark; words
   have the page's ink. */
const STYLE = `
:host { --teal: #1a8a8c; --rust: #cf5f3c; --violet: #8f6bc4; --amber: #b3761a; --blue: #3f7fc0;
  --faint: color-mix(in srgb, currentColor 22%, transparent); --mark: var(--teal);
  color: inherit; display: block; margin: 1rem 0; padding: 0 5px; text-align: start;
  font: 0.88rem/1.45 var(--label-face, system-ui, sans-serif); }
* { box-sizing: border-box; }
p { margin: 0.4em 0; }
.try { font-weight: 600; margin: 0 0 0.7em; }
.unseen { clip-path: inset(50%); height: 1px; margin: 0; overflow: hidden; position: absolute;
  white-space: nowrap; width: 1px; }
.row { display: flex; flex-wrap: wrap; gap: 0.6em 1.6em; margin: 0.6em 0; }
.beside { display: grid; gap: 0.8em 1.6em;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17em), 1fr)); }
.number { font-variant-numeric: tabular-nums; }
button, input, select { accent-color: light-dark(#14676c, #72c8c0); color: inherit; font: inherit; }
button, select, input[type="number"] { background: none; border: 1px solid var(--faint);
  border-radius: 0.4em; min-height: 2em; padding: 0.15em 0.7em; }
button { cursor: pointer; }
button:hover, select:hover { border-color: currentColor; }
:focus-visible { outline: 2px solid var(--violet); outline-offset: 2px; }
.slider { align-items: center; display: grid; gap: 0 0.7em;
  grid-template-columns: auto minmax(5em, 11em) 4em; }
@media (width < 30rem) { .slider { grid-template-columns: 6em 1fr 3em; width: 100%; } }
.slider label { display: contents; }
.slider input { margin: 0; min-height: 1.7em; width: 100%; }
.value { font-variant-numeric: tabular-nums; font-weight: 600; white-space: nowrap; }
.toggle { align-items: center; cursor: pointer; display: inline-flex; gap: 0.45em; min-height: 1.7em; }
.toggle input { height: 1.1em; margin: 0; width: 1.1em; }
.choice { border: 0; display: flex; flex-wrap: wrap; gap: 0.3em; margin: 0; min-width: 0; padding: 0; }
.choice legend { float: left; margin-right: 0.5em; padding: 0.25em 0; }
.choice label { cursor: pointer; position: relative; }
.choice input { inset: 0; margin: 0; opacity: 0; position: absolute; }
.choice span { border: 1px solid var(--faint); border-radius: 0.4em; display: block;
  padding: 0.25em 0.7em; }
.choice :checked + span { border-color: var(--teal); box-shadow: inset 0 0 0 1px var(--teal);
  font-weight: 600; }
.choice :focus-visible + span { outline: 2px solid var(--violet); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-weight: 400; }
.bars { width: 100%; }
.bars caption { font-weight: 600; padding: 0.2em 0; text-align: left; }
.bars :is(th, td) { border: 0; padding: 0.12em 0; text-align: left; }
.bars thead th { font-size: 0.92em; padding-bottom: 0.3em; }
.bars th:first-child { padding-right: 0.8em; white-space: nowrap; width: 1%; }
.bars td { --share: 0%; }
.bars td::before { background: var(--mark); content: ""; display: inline-block; height: 0.95em;
  margin-right: 0.45em; min-width: 1px; vertical-align: -0.12em;
  width: calc((100% - 4.2em) * var(--share) / 100%); }
.picks { gap: 0.3em; }
.picks button { min-width: 2.1em; padding: 0.15em 0.4em; }
.answer { min-height: 3em; }
.pad { background: #fff; border: 1px solid var(--faint); cursor: crosshair; display: block;
  image-rendering: pixelated; touch-action: none; width: min(100%, 15em); }
@media (prefers-reduced-motion: no-preference) { .bars td::before { transition: width 120ms; } }
@media (forced-colors: active) { .bars td::before { background: CanvasText; }
  .choice :checked + span { border: 3px solid Highlight; } }
`;
