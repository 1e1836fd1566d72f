import { softmax } from "./math.mjs";

/**
 * y = W x + b for each row.
 * @param {ArrayLike<number>[]} rows @param {Record<string, {shape: number[], data: Float32Array}>} all
 * @param {string} name of the layer; its bias may be missing
 */
export function linear(rows, all, name) {
  const { shape: [outs, ins], data } = all[`${name}.weight`];
  const bias = all[`${name}.bias`]?.data;
  return rows.map((row) => {
    /** @type {number[]} */ const out = [];
    for (let o = 0, at = 0; o < outs; o++) {
      let sum = bias ? bias[o] : 0;
      for (let i = 0; i < ins; i++) sum += data[at++] * row[i];
      out.push(sum);
    }
    return out;
  });
}

/** @param {number[][]} rows @param {Record<string, any>} all @param {string} name */
export function layerNorm(rows, all, name) {
  const [weight, bias] = [all[`${name}.weight`].data, all[`${name}.bias`].data];
  return rows.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const root = Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length + 1e-5);
    return row.map((x, i) => ((x - mean) / root) * weight[i] + bias[i]);
  });
}

/** The exact gelu: x times the share of a normal distribution below x. @param {number[][]} rows */
export const gelu = (rows) => rows.map((row) => row.map((x) => (x / 2) * (1 + erf(x / Math.SQRT2))));

/** The error function, by its series, and by a continued fraction where that loses digits. @param {number} x */
export function erf(x) {
  const size = Math.abs(x);
  if (size < 3) {
    let [term, sum] = [x, x];
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = size;
  for (let n = 40; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction);
}

/** @param {number[][]} a @param {number[][]} b */
const plus = (a, b) => a.map((row, i) => row.map((x, c) => x + b[i][c]));

/**
 * The book's DigitTransformer: patches, blocks with the norm first, the mean of all tokens.
 * @param {number[][]} image rows of pixels, 0 to 255
 * @param {Record<string, any>} all its parameters
 * @param {{size: number, stride: number, padding: number, heads: number, blocks: number,
 *   mean: number, std: number}} config
 * @param {boolean[][]} [off] block, head: true = switched off
 * @returns {{logits: number[], weights: number[][][][]}} weights: block, head, query, key
 */
export function readDigit(image, all, config, off) {
  const norm = image.map((row) => row.map((x) => (x - config.mean) / config.std));
  let x = linear(patches(norm, config), all, "tokens.embedding");
  const places = all["tokens.positions.table"];
  const width = x[0].length;
  x = x.map((row, t) => row.map((value, c) => value + places.data[t * width + c]));
  const weights = [];
  for (let b = 0; b < config.blocks; b++) {
    const block = `blocks.${b}`;
    const { output, weights: of } = lookAround(layerNorm(x, all, `${block}.attention_norm`), all, `${block}.attention`, config.heads, off?.[b]);
    weights.push(of);
    x = plus(x, output);
    const hidden = linear(layerNorm(x, all, `${block}.feed_forward_norm`), all, `${block}.feed_forward.up`);
    x = plus(x, linear(gelu(hidden), all, `${block}.feed_forward.down`));
  }
  x = layerNorm(x, all, "norm");
  const mean = x[0].map((_, c) => x.reduce((sum, row) => sum + row[c], 0) / x.length);
  return { logits: Array.from(linear([mean], all, "output")[0]), weights };
}

/**
 * Several heads that look at one sequence, and the projection that blends them.
 * @param {number[][]} x @param {Record<string, any>} all @param {string} name @param {number} heads
 * @param {boolean[]} [off] heads that are switched off
 */
export function lookAround(x, all, name, heads, off) {
  const [q, k, v] = ["query", "key", "value"].map((part) => linear(x, all, `${name}.projections.${part}`));
  const d = q[0].length / heads;
  const joined = x.map(() => new Float64Array(q[0].length));
  const weights = [];
  for (let at = 0; at < q[0].length; at += d) {
    const table = q.map((query) => softmax(k.map((key) => {
      let score = 0;
      for (let c = at; c < at + d; c++) score += query[c] * key[c];
      return score / Math.sqrt(d);
    })));
    weights.push(table);
    if (off?.[at / d]) continue;
    table.forEach((row, i) => row.forEach((share, j) => {
      for (let c = at; c < at + d; c++) joined[i][c] += share * v[j][c];
    }));
  }
  return { output: linear(joined, all, `${name}.output`), weights };
}

/** @param {number[][]} image @param {{size: number, stride: number, padding: number}} config */
export function patches(image, { size, stride, padding }) {
  const tokens = [];
  for (let top = -padding; top + size <= image.length + padding; top += stride)
    for (let left = -padding; left + size <= image.length + padding; left += stride) {
      const token = [];
      for (let r = top; r < top + size; r++)
        for (let c = left; c < left + size; c++) token.push(image[r]?.[c] ?? 0);
      tokens.push(token);
    }
  return tokens;
}
