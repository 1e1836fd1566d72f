// The arithmetic of attention, as the chapters do it.  Nothing here knows the page.

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** @param {number[][]} a @param {number[][]} b */
export const matmul = (a, b) => a.map((row) => transposed(b).map((column) => dot(row, column)));

/** @template T @param {T[][]} a @returns {T[][]} */
export const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));

/**
 * One row of scores as shares.  Of what the mask hides (false) the share is 0, and a row of nobody
 * is all zeros.
 * @param {number[]} row @param {boolean[]} [mask] true = may look @param {number} [temperature]
 */
export function softmax(row, mask, temperature = 1) {
  const scaled = row.map((score, j) => (mask && !mask[j] ? -Infinity : score / temperature));
  const largest = Math.max(...scaled);
  if (largest === -Infinity) return row.map(() => 0);
  const powers = scaled.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/**
 * A table of scores as shares: along the rows, or (a mistake) down the columns.
 * @param {number[][]} scores @param {{mask?: boolean[][], temperature?: number, axis?: 0 | 1}} [how]
 */
export function shares(scores, { mask, temperature, axis = 1 } = {}) {
  const turn = axis ? (/** @type {any[][]} */ table) => table : transposed;
  const hidden = mask && turn(mask);
  return turn(turn(scores).map((row, i) => softmax(row, hidden?.[i], temperature)));
}

/**
 * One head with all that it computes on the way.  The default scale is √d_k, the divisor.
 * @param {number[][]} queries @param {number[][]} keys @param {number[][]} values
 * @param {{scale?: number, mask?: boolean[][], temperature?: number, axis?: 0 | 1}} [how]
 */
export function attention(queries, keys, values, { scale = Math.sqrt(keys[0].length), ...how } = {}) {
  const products = matmul(queries, transposed(keys));
  const scores = products.map((row) => row.map((score) => score / scale));
  const weights = shares(scores, how);
  return { products, scores, weights, output: matmul(weights, values) };
}

/** How even shares are, in nats: 0 when one has all, log n when all are alike. @param {number[]} a */
export const entropy = (a) => -a.reduce((sum, share) => sum + (share && share * Math.log(share)), 0);

/**
 * How large softmax's Jacobian is at these shares (Frobenius norm of diag(a) − a aᵀ): how much of a
 * small change of the scores arrives in the shares.
 * @param {number[]} a
 */
export const jacobian = (a) =>
  Math.hypot(...a.flatMap((x, i) => a.map((y, j) => (i === j ? x - x * y : -x * y))));
